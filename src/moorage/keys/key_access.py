"""Whether a caller may use a KMS key: identity policies, the key's own policy and its grants together.

The key's policy must allow the caller, or leave the choice to the IAM policies of an account by naming
its root; without either nobody gets in, the account's root user included. Where nothing allows and
nothing denies, a grant does: it names its grantee as a policy of the key would, and one made to a role
is still limited by a boundary and a session policy.

Source: AWS KMS Developer Guide, "Key policies", "Grants in AWS KMS" and "Troubleshooting key access".
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from moorage.core.principal import Principal
from moorage.policy import Access, Decision, Document, NamedPolicy, PolicySet, decide, parse
from moorage.storage.kms_grants import GrantRow
from moorage.storage.kms_keys import KmsKeyRow

Context = Mapping[str, tuple[str, ...]]

NO_CONTEXT: Context = MappingProxyType({})

_PREFIX = "kms:"
_CONTEXT_PREFIX = "kms:EncryptionContext:"


class Permissions(Protocol):
    """What one caller may do, as `auth.gate` answers it."""

    @property
    def policies(self) -> PolicySet: ...

    def access(self, action: str, resource: str, context: Context) -> Access: ...

    def decide(
        self,
        action: str,
        resource: str,
        context: Context,
        *,
        resource_policy: NamedPolicy | None,
        resource_policy_must_allow: bool,
    ) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision on one use of a key; `grant` is the one that allowed it, if it was one."""

    decision: Decision
    access: Access
    grant: GrantRow | None = None


def judge(
    permissions: Permissions,
    key: KmsKeyRow,
    action: str,
    context: Context,
    grants: Callable[[], Iterable[GrantRow]],
) -> Judgement:
    """Decide whether the caller may do `action` (as `kms:Decrypt`) with a key.

    `grants` is asked only where policies neither allow nor deny.
    """
    decision = permissions.decide(
        action, key.arn, context, resource_policy=key_policy(key), resource_policy_must_allow=True
    )
    access = permissions.access(action, key.arn, context)
    if decision.reason != "implicit deny":
        return Judgement(decision, access)
    for grant in grants():
        granted = _granted(grant, key, access, permissions.policies)
        if granted is not None:
            return Judgement(granted, access, grant)
    return Judgement(decision, access)


def key_policy(key: KmsKeyRow, text: str | None = None) -> NamedPolicy:
    """Return a key's policy, or one that it may get, as the policy engine takes it.

    Raises:
        PolicyError: the text is no policy.
    """
    return NamedPolicy(f"key policy of {key.arn}", _document(key.policy if text is None else text))


def encryption_context(context: Context) -> dict[str, str]:
    """Return the encryption context that condition keys tell of."""
    return {
        name.removeprefix(_CONTEXT_PREFIX): values[0]
        for name, values in context.items()
        if name.startswith(_CONTEXT_PREFIX)
    }


def about_encryption_context(pairs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that an encryption context fills; none for an empty one."""
    keys: dict[str, tuple[str, ...]] = {f"{_CONTEXT_PREFIX}{name}": (value,) for name, value in pairs.items()}
    if pairs:
        keys["kms:EncryptionContextKeys"] = tuple(pairs)
    return keys


def about_key(
    key: KmsKeyRow, caller_account: str, aliases: Iterable[str], tags: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that every use of a key fills."""
    return {
        "kms:CallerAccount": (caller_account,),
        "kms:KeySpec": (key.key_spec,),
        "kms:KeyUsage": (key.key_usage,),
        "kms:KeyOrigin": (key.origin,),
        "kms:MultiRegion": ("false",),
        "kms:ResourceAliases": tuple(aliases),
        **{f"aws:ResourceTag/{name}": (value,) for name, value in tags.items()},
    }


def is_named_by(principal: Principal, name: str) -> bool:
    """Tell whether a grant that names `name` means this very principal, or the role behind its session."""
    session = principal.session
    behind = {session.issuer_arn, session.issuer_id} if session is not None else set()
    return name in {str(principal.arn), principal.unique_id} | behind


def _granted(grant: GrantRow, key: KmsKeyRow, access: Access, policies: PolicySet) -> Decision | None:
    if not grant.permits(access.action.removeprefix(_PREFIX), encryption_context(access.context)):
        return None
    assert isinstance(access.principal, Principal), "only principals ask for keys"
    # A grant is enough by itself, also for another account's principal.
    within = dataclasses.replace(access, resource_account=access.principal.account_id)
    policy = NamedPolicy(f"grant {grant.grant_id} of {key.arn}", _grant_document(grant.grantee))
    decision = decide(within, policies, policy, resource_policy_must_allow=True)
    return decision if decision.allowed else None


@lru_cache(maxsize=1_000)
def _grant_document(grantee: str) -> Document:
    statement = {"Effect": "Allow", "Principal": {"AWS": grantee}, "Action": "kms:*", "Resource": "*"}
    return parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), "resource")


@lru_cache(maxsize=1_000)
def _document(text: str) -> Document:
    return parse(text, "resource")
