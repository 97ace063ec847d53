"""The gate's answer to a question that nobody asked yet, explained: for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moorage.auth.gate import account_in
from moorage.core.arn import key_arn
from moorage.core.faults import Fault
from moorage.core.principal import Caller
from moorage.keys import key_access
from moorage.policy import Access, Explanation, NamedPolicy, account_for, parse
from moorage.repos.access import tag_context
from moorage.storage import kms_grants, kms_keys, kms_tags, roles, standing

if TYPE_CHECKING:
    from moorage.auth.gate import Gate, Permissions
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

    `granted_by` is the id of the grant that allows the use of a KMS key where policies do not.
    `key_refusal` is the KMS key's own word where the repository is allowed and its key is not; with
    `key_explanation` where a policy refused. `exists` is None for what is no repository.
    """

    explanation: Explanation
    exists: bool | None = None
    granted_by: str = ""
    key_arn: str = ""
    key_refusal: Fault | None = None
    key_explanation: Explanation | None = None

    @property
    def allowed(self) -> bool:
        return (self.explanation.decision.allowed or bool(self.granted_by)) and self.key_refusal is None


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
        permissions = self.gate.of(caller)
        if service == "kms":
            return self._about_key(permissions, action, resource, given)
        if service != "codecommit" or not name:
            access = _with(permissions.access(action, resource), given)
            policy = self._trust_policy(action, resource)
            return Answer(_explained(permissions, access, policy))
        found = standing.of(self.database, account_in(resource) or "", region, name)
        access = _with(permissions.access(action, resource, tag_context(found.tags)), given)
        answer = Answer(_explained(permissions, access, None), exists=found.row is not None)
        operation = action.lower().partition(":")[2]
        if found.row is None or operation in _KEYLESS or not answer.explanation.decision.allowed:
            return answer
        # A repository whose key is gone for ever may still be deleted.
        if operation == "deleterepository" and (found.key is None or found.key.state == "Deleted"):
            return answer
        return self._with_key(answer, caller, found.row)

    def _with_key(self, answer: Answer, caller: Caller, row: RepositoryRow) -> Answer:
        answer = replace(answer, key_arn=key_arn(row.region, row.account_id, row.kms_key_id))
        try:
            self.keyring.require(caller, row)
        except Fault as fault:
            access = fault.detail.get("access")
            if not isinstance(access, Access):
                return replace(answer, key_refusal=fault)
            with self.database.read() as connection:
                key = kms_keys.find(connection, row.kms_key_id)
            policy = None if key is None else key_access.key_policy(key)
            explanation = _explained(self.gate.of(caller), access, policy)
            return replace(answer, key_refusal=fault, key_explanation=explanation)
        return answer

    def _about_key(
        self, permissions: Permissions, action: str, resource: str, given: Mapping[str, tuple[str, ...]]
    ) -> Answer:
        """Explain a use of a KMS key, by its policy, the caller's policies and its grants."""
        key_id = _parts(resource)[2].removeprefix("key/")
        with self.database.read() as connection:
            key = kms_keys.find(connection, key_id)
            if key is None or key.arn != resource:
                return Answer(
                    _explained(permissions, _with(permissions.access(action, resource), given), None)
                )
            aliases, tags = kms_keys.aliases_of(connection, key), kms_tags.of(connection, key_id)
            grants = kms_grants.of_key(connection, key_id)
        about = key_access.about_key(key, permissions.caller.account_id, aliases, tags)
        access = _with(permissions.access(action, resource, about), given)
        judged = key_access.judge(permissions, key, action, access.context, lambda: grants)
        granted = "" if judged.grant is None else judged.grant.grant_id
        return Answer(_explained(permissions, access, key_access.key_policy(key)), granted_by=granted)

    def _trust_policy(self, action: str, resource: str) -> NamedPolicy | None:
        """Return the trust policy of a role that is to be assumed."""
        service, _, name = _parts(resource)
        if (
            service != "iam"
            or not name.startswith("role/")
            or not action.lower().startswith("sts:assumerole")
        ):
            return None
        with self.database.read() as connection:
            role = roles.find(connection, account_in(resource) or "", name.rpartition("/")[2])
        if role is None or role.arn(resource.split(":")[1]) != resource:
            return None
        return NamedPolicy(f"trust policy of {resource}", parse(role.trust_policy, "trust"))


def _explained(permissions: Permissions, access: Access, policy: NamedPolicy | None) -> Explanation:
    return account_for(access, permissions.policies, policy, resource_policy_must_allow=policy is not None)


def _parts(resource: str) -> tuple[str, str, str]:
    """Return an ARN's service, region and resource; empty texts for what is no ARN."""
    parts = resource.split(":", 5)
    return (parts[2], parts[3], parts[5]) if len(parts) == 6 else ("", "", "")


def _with(access: Access, given: Mapping[str, tuple[str, ...]]) -> Access:
    replaced = {key.lower() for key in (*given, *_UNKNOWN)}
    known = {key: values for key, values in access.context.items() if key.lower() not in replaced}
    return replace(access, context={**known, **given})
