"""What IAM's things look like in answers. Dates are whole seconds, as AWS gives them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from moorage.core.clock import from_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.services.iam.service import Answer
    from moorage.storage.access_keys import AccessKeyRow
    from moorage.storage.groups import GroupRow
    from moorage.storage.instance_profiles import InstanceProfileRow
    from moorage.storage.policies import VersionRow
    from moorage.storage.roles import RoleRow
    from moorage.storage.users import UserRow


def date(value_ms: int) -> datetime:
    """Return a row's time as answers show it."""
    return from_milliseconds(value_ms // 1000 * 1000)


def user(row: UserRow, partition: str) -> Answer:
    """Return a user as lists show it."""
    return {
        "Path": row.path,
        "UserName": row.name,
        "UserId": row.user_id,
        "Arn": row.arn(partition),
        "CreateDate": date(row.created_at_ms),
    }


def whole_user(row: UserRow, partition: str, tags: Mapping[str, str]) -> Answer:
    """Return a user with its boundary and tags, as CreateUser and GetUser show it."""
    return {**user(row, partition), **_bound(row, tags)}


def _bound(row: UserRow | RoleRow, tags: Mapping[str, str]) -> Answer:
    shown: Answer = {}
    if row.boundary_arn is not None:
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": row.boundary_arn,
        }
    if tags:
        shown["Tags"] = tag_list(tags)
    return shown


def group(row: GroupRow, partition: str) -> Answer:
    return {
        "Path": row.path,
        "GroupName": row.name,
        "GroupId": row.group_id,
        "Arn": row.arn(partition),
        "CreateDate": date(row.created_at_ms),
    }


def role(row: RoleRow, partition: str, trust_policy: str) -> Answer:
    """Return a role as lists show it."""
    shown: Answer = {
        "Path": row.path,
        "RoleName": row.name,
        "RoleId": row.role_id,
        "Arn": row.arn(partition),
        "CreateDate": date(row.created_at_ms),
        "AssumeRolePolicyDocument": document(trust_policy),
        "MaxSessionDuration": row.max_session_seconds,
    }
    return {**shown, "Description": row.description} if row.description else shown


def whole_role(row: RoleRow, partition: str, trust_policy: str, tags: Mapping[str, str]) -> Answer:
    """Return a role with its boundary, tags and last use, as GetRole shows it."""
    used: Answer = {}
    if row.last_used_at_ms is not None:
        used = {"LastUsedDate": date(row.last_used_at_ms), "Region": row.last_used_region}
    return {**role(row, partition, trust_policy), **_bound(row, tags), "RoleLastUsed": used}


def instance_profile(row: InstanceProfileRow, partition: str, roles: list[Answer]) -> Answer:
    """Return an instance profile with its role, if it has one, in a list."""
    return {
        "Path": row.path,
        "InstanceProfileName": row.name,
        "InstanceProfileId": row.profile_id,
        "Arn": row.arn(partition),
        "CreateDate": date(row.created_at_ms),
        "Roles": roles,
    }


def access_key(row: AccessKeyRow, user_name: str | None) -> Answer:
    """Return a key without its secret. A root user's key has no user name."""
    shown: Answer = {
        "AccessKeyId": row.access_key_id,
        "Status": row.status,
        "CreateDate": date(row.created_at_ms),
    }
    return shown if user_name is None else {"UserName": user_name, **shown}


def version(row: VersionRow, default_version: int) -> Answer:
    """Return a customer policy's version without its document, as lists show it."""
    return {
        "VersionId": f"v{row.version}",
        "IsDefaultVersion": row.version == default_version,
        "CreateDate": date(row.created_at_ms),
    }


def document(text: str) -> str:
    """Return a policy document as answers carry it: percent-encoded (RFC 3986). SDKs decode it."""
    return quote(text, safe="")


def tag_list(tags: Mapping[str, str]) -> list[Answer]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
