"""The gate's answer to a question that nobody asked yet, explained: for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moorage.auth.gate import account_in
from moorage.core.arn import key_arn
from moorage.core.faults import Fault
from moorage.core.principal import Caller
from moorage.policy import Access, Explanation, NamedPolicy, account_for, parse
from moorage.repos.access import tag_context
from moorage.storage import kms_keys, roles, standing

if TYPE_CHECKING:
    from moorage.auth.gate import Gate
    from moorage.keys.keyring import Keyring
    from moorage.storage.database import Database
    from moorage.storage.repositories import RepositoryRow

# What no question can tell: a policy that asks for one of these gets the answer "missing".
_UNKNOWN = ("aws:SourceIp", "aws:UserAgent")

# CodeCommit's actions that leave the key alone. Source: the operations whose model has no KMS error.
_KEYLESS = frozenset(
    {
        "createapprovalruletemplate",
        "deleteapprovalruletemplate",
        "deletecommentcontent",
        "getapprovalruletemplate",
        "getcommentreactions",
        "listapprovalruletemplates",
        "listrepositories",
        "listtagsforresource",
        "postcommentreply",
        "putcommentreaction",
        "tagresource",
        "untagresource",
        "updateapprovalruletemplatecontent",
        "updateapprovalruletemplatedescription",
        "updateapprovalruletemplatename",
        "updatecomment",
        "updatepullrequestdescription",
        "updatepullrequesttitle",
        "updaterepositoryname",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an access is allowed, and why.

    `key_refusal` is the KMS key's own word where the repository is allowed and its key is not; with
    `key_explanation` where a policy refused. `exists` is None for what is no repository.
    """

    explanation: Explanation
    exists: bool | None = None
    key_arn: str = ""
    key_refusal: Fault | None = None
    key_explanation: Explanation | None = None

    @property
    def allowed(self) -> bool:
        return self.explanation.decision.allowed and self.key_refusal is None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks what the doors would ask, in nobody's name."""

    database: Database
    gate: Gate
    keyring: Keyring

    def ask(self, caller: Caller, action: str, resource: str, given: Mapping[str, tuple[str, ...]]) -> Answer:
        """Explain whether the caller may do `action` to a resource's ARN now.

        `given` are condition keys that the request would have; they replace what is known of it.

        Raises:
            Fault: AccessDenied, the caller's account is closed.
        """
        service, region, name = _parts(resource)
        row = None
        context: Mapping[str, tuple[str, ...]] = {}
        is_repository = service == "codecommit" and bool(name)
        if is_repository:
            found = standing.of(self.database, account_in(resource) or "", region, name)
            row, context = found.row, tag_context(found.tags)
        permissions = self.gate.of(caller)
        access = _with(permissions.access(action, resource, context), given)
        policy = self._resource_policy(action, resource)
        explanation = account_for(
            access, permissions.policies, policy, resource_policy_must_allow=policy is not None
        )
        answer = Answer(explanation, exists=row is not None if is_repository else None)
        keyless = action.lower().partition(":")[2] in _KEYLESS
        if row is None or keyless or not explanation.decision.allowed:
            return answer
        return self._with_key(answer, caller, row)

    def _with_key(self, answer: Answer, caller: Caller, row: RepositoryRow) -> Answer:
        answer = replace(answer, key_arn=key_arn(row.region, row.account_id, row.kms_key_id))
        try:
            self.keyring.require(caller, row)
        except Fault as fault:
            access = fault.detail.get("access")
            if not isinstance(access, Access):
                return replace(answer, key_refusal=fault)
            explanation = account_for(
                access,
                self.gate.of(caller).policies,
                self._resource_policy(access.action, access.resource),
                resource_policy_must_allow=True,
            )
            return replace(answer, key_refusal=fault, key_explanation=explanation)
        return answer

    def _resource_policy(self, action: str, resource: str) -> NamedPolicy | None:
        """Return the policy that a KMS key or a role to be assumed has itself."""
        service, _, name = _parts(resource)
        kind, _, rest = name.partition("/")
        with self.database.read() as connection:
            if service == "kms" and kind == "key":
                key = kms_keys.find(connection, rest)
                if key is not None and key.arn == resource:
                    return NamedPolicy(f"key policy of {key.arn}", parse(key.policy, "resource"))
            if service == "iam" and kind == "role" and action.lower().startswith("sts:assumerole"):
                role = roles.find(connection, account_in(resource) or "", rest.rpartition("/")[2])
                if role is not None:
                    name = f"trust policy of {resource}"
                    return NamedPolicy(name, parse(role.trust_policy, "trust"))
        return None


def _parts(resource: str) -> tuple[str, str, str]:
    """Return an ARN's service, region and resource; empty texts for what is no ARN."""
    parts = resource.split(":", 5)
    return (parts[2], parts[3], parts[5]) if len(parts) == 6 else ("", "", "")


def _with(access: Access, given: Mapping[str, tuple[str, ...]]) -> Access:
    replaced = {key.lower() for key in (*given, *_UNKNOWN)}
    known = {key: values for key, values in access.context.items() if key.lower() not in replaced}
    return replace(access, context={**known, **given})
