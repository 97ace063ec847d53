"""GetAccountAuthorizationDetails: every user, role, group and policy, with all that gives permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import answers, managed
from moorage.services.iam.account import of_account
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import (
    attachments,
    aws_policies,
    groups,
    identity_tags,
    instance_profiles,
    policies,
    policy_principals,
    roles,
    users,
)

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.aws_policies import AwsPolicy
    from moorage.storage.groups import GroupRow
    from moorage.storage.instance_profiles import InstanceProfileRow
    from moorage.storage.policies import PolicyRow
    from moorage.storage.roles import RoleRow
    from moorage.storage.users import UserRow


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing to tell: under which member, in which order, and what, asked only when it is shown."""

    member: str
    order: str
    shown: Callable[[], Answer]


@iam.operation("GetAccountAuthorizationDetails", resource=of_account)
def get_account_authorization_details(call: Call, request: Request) -> Answer:
    """Return a page of them. Of AWS's own policies those are told that the account uses."""
    with call.database.read() as connection:
        view = _View(connection, call)
        wanted = request.get("Filter") or list(_KINDS)
        items = [item for kind, items in _KINDS.items() if kind in wanted for item in items(view)]
        page = paged(
            call,
            "GetAccountAuthorizationDetails",
            request,
            "Items",
            items,
            key=lambda item: item.order,
            shown=lambda item: (item.member, item.shown()),
        )
    answer: Answer = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    for member, shown in page.pop("Items"):
        answer[member].append(shown)
    return {**answer, **page}


class _View:
    """What the account is, seen in one transaction."""

    def __init__(self, connection: Connection, call: Call) -> None:
        self.connection = connection
        self.account_id, self.partition = call.caller.account_id, call.caller.partition
        self.uses = managed.usage(connection, self.account_id)

    def users(self) -> Iterator[_Item]:
        for row in users.listing(self.connection, self.account_id):
            yield _Item("UserDetailList", f"1 {row.name.lower()}", partial(self._user, row))

    def groups(self) -> Iterator[_Item]:
        for row in groups.listing(self.connection, self.account_id):
            yield _Item("GroupDetailList", f"2 {row.name.lower()}", partial(self._group, row))

    def roles(self) -> Iterator[_Item]:
        for row in roles.listing(self.connection, self.account_id):
            yield _Item("RoleDetailList", f"3 {row.name.lower()}", partial(self._role, row))

    def own_policies(self) -> Iterator[_Item]:
        for row in policies.listing(self.connection, self.account_id):
            yield _Item("Policies", f"4 {row.name.lower()}", partial(self._policy, row))

    def aws_policies(self) -> Iterator[_Item]:
        for policy in aws_policies.in_partition(self.partition).values():
            if self.uses.attached.get(policy.arn) or self.uses.boundaries.get(policy.arn):
                yield _Item("Policies", f"5 {policy.arn}", partial(self._aws_policy, policy))

    def _user(self, row: UserRow) -> Answer:
        return {
            **answers.whole_user(row, self.partition, identity_tags.of(self.connection, row.user_id)),
            "UserPolicyList": self._inline(row.user_id),
            "GroupList": [group.name for group in groups.of_user(self.connection, row.user_id)],
            "AttachedManagedPolicies": self._attached(row.user_id),
        }

    def _group(self, row: GroupRow) -> Answer:
        return {
            **answers.group(row, self.partition),
            "GroupPolicyList": self._inline(row.group_id),
            "AttachedManagedPolicies": self._attached(row.group_id),
        }

    def _role(self, row: RoleRow) -> Answer:
        shown = self._bare_role(row)
        used: Answer = {}
        if row.last_used_at_ms is not None:
            used = {"LastUsedDate": answers.date(row.last_used_at_ms), "Region": row.last_used_region}
        if row.boundary_arn is not None:
            shown["PermissionsBoundary"] = {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": row.boundary_arn,
            }
        return {
            **shown,
            "RolePolicyList": self._inline(row.role_id),
            "AttachedManagedPolicies": self._attached(row.role_id),
            "InstanceProfileList": [
                self._instance_profile(profile, row)
                for profile in instance_profiles.of_role(self.connection, row.role_id)
            ],
            "Tags": answers.tag_list(identity_tags.of(self.connection, row.role_id)),
            "RoleLastUsed": used,
        }

    def _bare_role(self, row: RoleRow) -> Answer:
        (trust,) = policy_principals.with_arns(self.connection, [row.trust_policy])
        return {
            "Path": row.path,
            "RoleName": row.name,
            "RoleId": row.role_id,
            "Arn": row.arn(self.partition),
            "CreateDate": answers.date(row.created_at_ms),
            "AssumeRolePolicyDocument": answers.document(trust),
        }

    def _instance_profile(self, row: InstanceProfileRow, role: RoleRow) -> Answer:
        return {
            "Path": row.path,
            "InstanceProfileName": row.name,
            "InstanceProfileId": row.profile_id,
            "Arn": row.arn(self.partition),
            "CreateDate": answers.date(row.created_at_ms),
            "Roles": [self._bare_role(role)],
        }

    def _policy(self, row: PolicyRow) -> Answer:
        versions = [
            {**answers.version(version, row.default_version), "Document": answers.document(version.document)}
            for version in policies.versions(self.connection, row.policy_id)
        ]
        shown = managed.own_shown(row, self.partition, self.uses)
        if row.description:
            shown["Description"] = row.description
        return {**shown, "PolicyVersionList": versions}

    def _aws_policy(self, policy: AwsPolicy) -> Answer:
        version = {
            "Document": answers.document(policy.document),
            "VersionId": policy.version,
            "IsDefaultVersion": True,
            "CreateDate": answers.date(policy.updated_at_ms),
        }
        shown = managed.aws_shown(policy, self.uses)
        return {**shown, "Description": policy.description, "PolicyVersionList": [version]}

    def _inline(self, owner_id: str) -> list[Answer]:
        return [
            {"PolicyName": row.name, "PolicyDocument": answers.document(row.document)}
            for row in attachments.inline(self.connection, owner_id)
        ]

    def _attached(self, owner_id: str) -> list[Answer]:
        return [
            {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
            for arn in attachments.attached(self.connection, owner_id)
        ]


_KINDS: dict[str, Callable[[_View], Iterable[_Item]]] = {
    "User": _View.users,
    "Group": _View.groups,
    "Role": _View.roles,
    "LocalManagedPolicy": _View.own_policies,
    "AWSManagedPolicy": _View.aws_policies,
}
