"""Who has a managed policy, as a policy or as a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.iam import managed, targets
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import attachments, groups, users

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call
    from moorage.storage.groups import GroupRow
    from moorage.storage.users import UserRow


@iam.operation("ListEntitiesForPolicy", resource=targets.named_policy)
def list_entities_for_policy(call: Call, request: Request) -> Answer:
    caller, arn = call.caller, request["PolicyArn"]
    prefix, kind = request.get("PathPrefix", "/"), request.get("EntityFilter")
    with call.database.read() as connection:
        if managed.aws_policy(caller, arn) is None:
            managed.own_policy(connection, caller, arn)
        holders = _users(connection, caller.account_id, request)
        teams = _groups(connection, caller.account_id, request)
    return {
        "PolicyGroups": [
            {"GroupName": row.name, "GroupId": row.group_id}
            for row in teams
            if kind in {None, "Group"} and row.path.startswith(prefix)
        ],
        "PolicyUsers": [
            {"UserName": row.name, "UserId": row.user_id}
            for row in holders
            if kind in {None, "User"} and row.path.startswith(prefix)
        ],
        "PolicyRoles": [],
    }


def _users(connection: Connection, account_id: str, request: Request) -> list[UserRow]:
    arn, usage = request["PolicyArn"], request.get("PolicyUsageFilter")
    found: dict[str, UserRow] = {}
    if usage != "PermissionsBoundary":
        owners = attachments.owners_of(connection, account_id, arn)
        found |= {row.user_id: row for row in users.by_ids(connection, owners)}
    if usage != "PermissionsPolicy":
        found |= {row.user_id: row for row in users.bounded_by(connection, account_id, arn)}
    return sorted(found.values(), key=lambda row: row.name.lower())


def _groups(connection: Connection, account_id: str, request: Request) -> list[GroupRow]:
    # Groups have no boundary.
    if request.get("PolicyUsageFilter") == "PermissionsBoundary":
        return []
    return groups.by_ids(connection, attachments.owners_of(connection, account_id, request["PolicyArn"]))
