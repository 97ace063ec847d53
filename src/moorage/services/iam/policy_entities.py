"""Who has a managed policy, as a policy or as a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.iam import managed, targets
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import attachments, groups, users
from moorage.storage.groups import GroupRow
from moorage.storage.users import UserRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call

Entity = GroupRow | UserRow


@iam.operation("ListEntitiesForPolicy", resource=targets.named_policy)
def list_entities_for_policy(call: Call, request: Request) -> Answer:
    caller, arn = call.caller, request["PolicyArn"]
    prefix, kind = request.get("PathPrefix", "/"), request.get("EntityFilter")
    with call.database.read() as connection:
        if managed.aws_policy(caller, arn) is None:
            managed.own_policy(connection, caller, arn)
        holders = _users(connection, caller.account_id, request)
        teams = _groups(connection, caller.account_id, request)
    entities: list[Entity] = []
    if kind in {None, "Group"}:
        entities += [row for row in teams if row.path.startswith(prefix)]
    if kind in {None, "User"}:
        entities += [row for row in holders if row.path.startswith(prefix)]
    return _page(call, request, entities)


def _page(call: Call, request: Request, entities: list[Entity]) -> Answer:
    """Return one page over groups, then users, each in the list of its kind."""
    answer = paged(
        call,
        "ListEntitiesForPolicy",
        request,
        "PolicyGroups",
        entities,
        key=_kind_and_name,
        shown=lambda row: row,
    )
    groups_shown = [row for row in answer["PolicyGroups"] if isinstance(row, GroupRow)]
    users_shown = [row for row in answer["PolicyGroups"] if isinstance(row, UserRow)]
    return {
        **answer,
        "PolicyGroups": [{"GroupName": row.name, "GroupId": row.group_id} for row in groups_shown],
        "PolicyUsers": [{"UserName": row.name, "UserId": row.user_id} for row in users_shown],
        "PolicyRoles": [],
    }


def _kind_and_name(entity: Entity) -> str:
    kind = "group" if isinstance(entity, GroupRow) else "user"
    return f"{kind} {entity.name.lower()}"


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
