"""The one gate: may this caller do this to that? Every door asks here, for every request.

What a principal may do is compiled once and kept by the account's identity revision, which one
indexed query reads for each question: a new deny bites on the next request, on every node.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.auth import conditions
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.core.principal import Caller, Principal
from moorage.policy import Access, Decision, Document, NamedPolicy, PolicySet, decide, explain, parse, why
from moorage.storage import identities

if TYPE_CHECKING:
    from moorage.storage.database import Database
    from moorage.storage.identities import BoundPolicies, PolicyText

# Principals whose compiled policies are kept (design.md section 8), and documents parsed.
KEPT_PRINCIPALS = 5_000
KEPT_DOCUMENTS = 10_000

NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one caller may do, as of one moment: for many questions within one request."""

    caller: Caller
    policies: PolicySet

    def access(
        self,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]] = NO_CONTEXT,
        resource_account: str | None = None,
    ) -> Access:
        """Return the question in the policy engine's words, global condition keys filled in."""
        account = resource_account or account_in(resource) or self.caller.account_id
        keys = {**conditions.of_request(self.caller, account), **context}
        return Access(self.caller.principal, action, resource, keys, account)

    def decide(
        self,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]] = NO_CONTEXT,
        *,
        resource_policy: NamedPolicy | None = None,
        resource_policy_must_allow: bool = False,
        resource_account: str | None = None,
    ) -> Decision:
        """Answer one question; the arguments are those of `Gate.decide`."""
        return decide(
            self.access(action, resource, context, resource_account),
            self.policies,
            resource_policy,
            resource_policy_must_allow=resource_policy_must_allow,
        )


class Gate:
    """Decides by the policies in the database. Any thread may ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, tuple[int, PolicySet]] = OrderedDict()

    def of(self, caller: Caller) -> Permissions:
        """Return what the caller may do now. Never keep it beyond the request.

        Raises:
            Fault: AccessDenied, the caller's account is closed.
        """
        principal = caller.principal
        # Read before the policies: what was compiled can only be newer than its revision says.
        revision = self._database.ask(identities.revision, principal.account_id)
        if revision is None:
            raise Fault(ACCESS_DENIED, f"Account {principal.account_id} is closed.", status=403)
        found = self._kept(principal, revision)
        if found is None:
            with self._database.read() as connection:
                found = _compiled(connection, principal)
        self._keep(principal, revision, found)
        return Permissions(caller, _in_session(found, principal))

    def decide(
        self,
        caller: Caller,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]] = NO_CONTEXT,
        *,
        resource_policy: NamedPolicy | None = None,
        resource_policy_must_allow: bool = False,
        resource_account: str | None = None,
    ) -> Decision:
        """Tell whether the caller may do `action` (as `codecommit:GitPush`) to a resource's ARN.

        `context` adds condition keys of the service to the global ones. `resource_account` is the
        account that owns the resource; by default the one in its ARN, else the caller's own.
        """
        return self.of(caller).decide(
            action,
            resource,
            context,
            resource_policy=resource_policy,
            resource_policy_must_allow=resource_policy_must_allow,
            resource_account=resource_account,
        )

    def require(
        self,
        caller: Caller,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]] = NO_CONTEXT,
        *,
        resource_policy: NamedPolicy | None = None,
        resource_policy_must_allow: bool = False,
        resource_account: str | None = None,
    ) -> None:
        """Refuse unless `decide` allows.

        Raises:
            Fault: AccessDenied, see `refusal`.
        """
        permissions = self.of(caller)
        access = permissions.access(action, resource, context, resource_account)
        decision = decide(
            access,
            permissions.policies,
            resource_policy,
            resource_policy_must_allow=resource_policy_must_allow,
        )
        if not decision.allowed:
            raise refusal(decision, access)

    def _kept(self, principal: Principal, revision: int) -> PolicySet | None:
        with self._lock:
            kept = self._compiled.get(principal.unique_id)
        return kept[1] if kept is not None and kept[0] == revision else None

    def _keep(self, principal: Principal, revision: int, found: PolicySet) -> None:
        with self._lock:
            self._compiled[principal.unique_id] = (revision, found)
            self._compiled.move_to_end(principal.unique_id)
            while len(self._compiled) > KEPT_PRINCIPALS:
                self._compiled.popitem(last=False)


def refusal(decision: Decision, access: Access) -> Fault:
    """Return the Fault of a decision that does not allow: AWS's sentence, status 403.

    Its `detail` holds `why`, which also names policy and statement, the `decision` and the `access`.
    """
    return Fault(
        ACCESS_DENIED,
        explain(decision, access),
        status=403,
        why=why(decision, access),
        decision=decision,
        access=access,
    )


def account_in(arn: str) -> str | None:
    """Return the account field of an ARN, or None when it names no account."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and _ACCOUNT.fullmatch(parts[4]) else None


def _compiled(connection: Connection, principal: Principal) -> PolicySet:
    # A root user has no policies of its own: the engine lets it pass the identity layer.
    if principal.kind != "user":
        return PolicySet()
    found = identities.policies_of(connection, principal.partition, principal.unique_id)
    return PolicySet() if found is None else _policy_set(found)


def _policy_set(found: BoundPolicies) -> PolicySet:
    boundary = None if found.boundary is None else _named(found.boundary)
    return PolicySet(tuple(_named(policy) for policy in found.identity), boundary)


def _in_session(found: PolicySet, principal: Principal) -> PolicySet:
    """Narrow a principal's policies by those its session was opened with."""
    session = principal.session
    if session is None or not session.policies:
        return found
    limits = tuple(NamedPolicy("session policy", _document(text)) for text in session.policies)
    return PolicySet(found.identity, found.boundary, limits)


def _named(policy: PolicyText) -> NamedPolicy:
    return NamedPolicy(policy.name, _document(policy.text))


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _document(text: str) -> Document:
    # The same text is parsed once, however many principals have it.
    return parse(text, "identity")
