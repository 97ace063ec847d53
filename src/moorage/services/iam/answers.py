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
    from moorage.storage.policies import VersionRow
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
    shown = user(row, partition)
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
