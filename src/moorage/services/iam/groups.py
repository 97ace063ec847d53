"""Groups and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn
from moorage.services.iam import answers, owner_targets, quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.owners import GROUP, changed
from moorage.services.iam.pages import by_name, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_user
from moorage.storage import attachments, groups

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.groups import GroupRow


@iam.operation("CreateGroup", resource=owner_targets.created(GROUP))
def create_group(call: Call, request: Request) -> Answer:
    caller, name, path = call.caller, request["GroupName"], request.get("Path", "/")
    arn = iam_arn(caller.partition, caller.account_id, f"group{path}{name}")
    with change(call, "CreateGroup", arn) as connection:
        if groups.holder_of(connection, caller.account_id, name) is not None:
            raise refusals.name_taken("Group", name)
        quotas.require_room(
            "GroupsPerAccount", quotas.GROUPS_PER_ACCOUNT, groups.count(connection, caller.account_id)
        )
        group = groups.create(
            connection, caller.account_id, name, path=path, now_ms=now_ms(call), entropy=call.entropy
        )
    return {"Group": answers.group(group, caller.partition)}


@iam.operation("GetGroup", resource=owner_targets.named(GROUP))
def get_group(call: Call, request: Request) -> Answer:
    """Return a group and its users."""
    partition = call.caller.partition
    with call.database.read() as connection:
        group = GROUP.named(connection, call.caller, request["GroupName"])
        members = groups.members(connection, group.group_id)
    users = paged(
        call,
        "GetGroup",
        request,
        "Users",
        members,
        key=by_name,
        shown=lambda row: answers.user(row, partition),
    )
    return {"Group": answers.group(group, partition), **users}


@iam.operation("ListGroups", resource=targets.everything_of_kind("group"))
def list_groups(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        found = groups.listing(connection, call.caller.account_id, request.get("PathPrefix", "/"))
    return _page(call, "ListGroups", request, found)


@iam.operation("UpdateGroup", resource=owner_targets.renamed(GROUP))
def update_group(call: Call, request: Request) -> None:
    """Rename or move a group; members and policies stay."""
    caller, name = call.caller, str(request.get("NewGroupName", request["GroupName"]))
    with changed(call, "UpdateGroup", GROUP, request) as (connection, group):
        holder = groups.holder_of(connection, caller.account_id, name)
        if holder is not None and holder.group_id != group.group_id:
            raise refusals.name_taken("Group", name)
        groups.rename(connection, group.group_id, name=name, path=request.get("NewPath", group.path))


@iam.operation("DeleteGroup", resource=owner_targets.named(GROUP))
def delete_group(call: Call, request: Request) -> None:
    with changed(call, "DeleteGroup", GROUP, request) as (connection, group):
        if groups.members(connection, group.group_id):
            raise refusals.must_first("remove users from group")
        if attachments.attached(connection, group.group_id):
            raise refusals.must_first("detach all policies")
        if attachments.inline(connection, group.group_id):
            raise refusals.must_first("delete policies")
        groups.remove(connection, group.group_id)


@iam.operation("AddUserToGroup", resource=owner_targets.named(GROUP))
def add_user_to_group(call: Call, request: Request) -> None:
    """Put a user into a group; that it is there already is no error."""
    with changed(call, "AddUserToGroup", GROUP, request) as (connection, group):
        user = named_user(connection, call.caller, request["UserName"])
        existing = groups.of_user(connection, user.user_id)
        if group in existing:
            return
        quotas.require_room("GroupsPerUser", quotas.GROUPS_PER_USER, len(existing))
        groups.add_member(connection, group.group_id, user.user_id)


@iam.operation("RemoveUserFromGroup", resource=owner_targets.named(GROUP))
def remove_user_from_group(call: Call, request: Request) -> None:
    with changed(call, "RemoveUserFromGroup", GROUP, request) as (connection, group):
        user = named_user(connection, call.caller, request["UserName"])
        if not groups.remove_member(connection, group.group_id, user.user_id):
            raise refusals.no_such_member(user.name, group.name)


@iam.operation("ListGroupsForUser", resource=targets.named_user)
def list_groups_for_user(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        found = groups.of_user(connection, user.user_id)
    return _page(call, "ListGroupsForUser", request, found)


def _page(call: Call, operation: str, request: Request, found: list[GroupRow]) -> Answer:
    return paged(
        call,
        operation,
        request,
        "Groups",
        found,
        key=by_name,
        shown=lambda row: answers.group(row, call.caller.partition),
    )
