"""The one gate: may this caller do this to that? Every door asks here, for every request.

What a principal may do is compiled once and kept by the account's identity revision, which one
indexed query reads for each question: a new deny bites on the next request, on every node.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.auth import conditions
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.core.principal import Caller, Principal, Session
from moorage.policy import Access, Decision, Document, NamedPolicy, PolicySet, decide, explain, parse, why
from moorage.storage import identities
from moorage.storage.identifiers import ROLE
from moorage.storage.identities import PolicyText

if TYPE_CHECKING:
    from moorage.storage.database import Database
    from moorage.storage.identities import BoundPolicies

# Principals whose compiled policies are kept (design.md section 8), and documents parsed.
KEPT_PRINCIPALS = 5_000
KEPT_DOCUMENTS = 10_000

NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})

_ROOT = PolicyText(
    "root user",
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
)

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one caller may do, as of one moment: for many questions within one request."""

    caller: Caller
    policies: PolicySet
    # The global condition keys, by the account that owns the resource: a push asks thousands of questions.
    _known: dict[str, Mapping[str, tuple[str, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def access(
        self,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]] = NO_CONTEXT,
        resource_account: str | None = None,
    ) -> Access:
        """Return the question in the policy engine's words, global condition keys filled in."""
        account = resource_account or account_in(resource) or self.caller.account_id
        known = self._known.get(account)
        if known is None:
            known = self._known[account] = conditions.of_request(self.caller, account)
        return Access(self.caller.principal, action, resource, {**known, **context}, account)

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
        self._compiled: OrderedDict[Hashable, tuple[int, PolicySet]] = OrderedDict()

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
        return Permissions(caller, found)

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
            kept = self._compiled.get(_place(principal))
        return kept[1] if kept is not None and kept[0] == revision else None

    def _keep(self, principal: Principal, revision: int, found: PolicySet) -> None:
        place = _place(principal)
        with self._lock:
            self._compiled[place] = (revision, found)
            self._compiled.move_to_end(place)
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


def _place(principal: Principal) -> Hashable:
    """Return what principals of the same policies have in common: all like sessions of a role are one."""
    session = principal.session
    if session is None:
        return principal.unique_id
    return principal.kind, session.issuer_id, session.policies, session.policy_arns


def _compiled(connection: Connection, principal: Principal) -> PolicySet:
    found = _of_issuer(connection, principal)
    session = principal.session
    if session is None:
        return found
    passed = bool(session.policies or session.policy_arns)
    if not passed and principal.kind != "federated-user":
        return found
    return PolicySet(found.identity, found.boundary, tuple(_limits(connection, principal, session)))


def _of_issuer(connection: Connection, principal: Principal) -> PolicySet:
    """Compile the policies of the user, or of the user or role behind a session."""
    issuer = principal.unique_id if principal.session is None else principal.session.issuer_id
    if issuer == principal.account_id:
        # A root user has no policies of its own: the engine lets it pass the identity layer. So may whom
        # it vouches for, within the session's policies.
        return PolicySet() if principal.kind == "root" else PolicySet((_named(_ROOT),))
    ask = identities.role_policies if issuer.startswith(ROLE) else identities.policies_of
    bound = ask(connection, principal.partition, issuer)
    return PolicySet() if bound is None else _policy_set(bound)


def _limits(connection: Connection, principal: Principal, session: Session) -> Iterator[NamedPolicy]:
    """Return a session's policies: managed ones in the version that is in force now.

    One that was deleted since allows nothing: the session keeps what its other policies allow.
    """
    for text in session.policies:
        yield NamedPolicy("session policy", _document(text))
    for arn in session.policy_arns:
        managed = identities.managed_document(connection, principal.partition, principal.account_id, arn)
        if managed is not None:
            yield NamedPolicy(f"session policy {arn}", _document(managed))


def _policy_set(found: BoundPolicies) -> PolicySet:
    boundary = None if found.boundary is None else _named(found.boundary)
    return PolicySet(tuple(_named(policy) for policy in found.identity), boundary)


def _named(policy: PolicyText) -> NamedPolicy:
    return NamedPolicy(policy.name, _document(policy.text))


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _document(text: str) -> Document:
    # The same text is parsed once, however many principals have it.
    return parse(text, "identity")
