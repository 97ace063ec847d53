"""Who has a managed policy, as a policy or as a boundary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moorage.services.iam import managed, targets
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import attachments, groups, roles, users
from moorage.storage.groups import GroupRow
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call

Entity = GroupRow | RoleRow | UserRow

# Under which list of the answer a kind stands, and what its members are called; in the order of pages.
_LISTS: dict[type[Entity], str] = {GroupRow: "Group", RoleRow: "Role", UserRow: "User"}


@iam.operation("ListEntitiesForPolicy", resource=targets.named_policy)
def list_entities_for_policy(call: Call, request: Request) -> Answer:
    """Return the groups, then roles, then users that have a policy, each in the list of its kind."""
    caller, arn = call.caller, request["PolicyArn"]
    with call.database.read() as connection:
        if managed.aws_policy(caller, arn) is None:
            managed.own_policy(connection, caller, arn)
        found = _entities(connection, caller.account_id, request)
    prefix, kind = request.get("PathPrefix", "/"), request.get("EntityFilter")
    wanted = [row for row in found if row.path.startswith(prefix) and kind in {None, _LISTS[type(row)]}]
    answer = paged(
        call,
        "ListEntitiesForPolicy",
        request,
        "PolicyGroups",
        wanted,
        key=lambda row: f"{_LISTS[type(row)]} {row.name.lower()}",
        shown=lambda row: row,
    )
    page: list[Entity] = answer["PolicyGroups"]
    return {**answer, **{f"Policy{noun}s": _shown(page, noun) for noun in _LISTS.values()}}


def _shown(page: Iterable[Entity], noun: str) -> list[Answer]:
    rows = [row for row in page if _LISTS[type(row)] == noun]
    return [{f"{noun}Name": row.name, f"{noun}Id": row.unique_id} for row in rows]


def _entities(connection: Connection, account_id: str, request: Request) -> Iterable[Entity]:
    arn, usage = request["PolicyArn"], request.get("PolicyUsageFilter")
    found: list[Entity] = []
    if usage != "PermissionsBoundary":
        owners = attachments.owners_of(connection, account_id, arn)
        found += groups.by_ids(connection, owners)
        found += roles.by_ids(connection, owners)
        found += users.by_ids(connection, owners)
    if usage != "PermissionsPolicy":
        found += roles.bounded_by(connection, account_id, arn)
        found += users.bounded_by(connection, account_id, arn)
    return {row.unique_id: row for row in found}.values()
