"""Users: made, found, listed, renamed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.services.iam import answers, owner_targets, quotas, refusals, tag_rules, targets
from moorage.services.iam.boundaries import require_boundary
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.owners import USER, changed
from moorage.services.iam.pages import by_name, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import user_or_self
from moorage.storage import (
    access_keys,
    accounts,
    attachments,
    groups,
    identity_tags,
    login_profiles,
    mfa_devices,
    service_credentials,
    ssh_keys,
    users,
)

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.users import UserRow


@iam.operation("CreateUser", resource=owner_targets.created(USER))
def create_user(call: Call, request: Request) -> Answer:
    caller, name, path = call.caller, request["UserName"], request.get("Path", "/")
    tags = tag_rules.parsed(request.get("Tags", ()))
    tag_rules.require_room({}, tags)
    arn = iam_arn(caller.partition, caller.account_id, f"user{path}{name}")
    with change(call, "CreateUser", arn) as connection:
        if users.holder_of(connection, caller.account_id, name) is not None:
            raise refusals.name_taken("User", name)
        quotas.require_room(
            "UsersPerAccount", quotas.USERS_PER_ACCOUNT, users.count(connection, caller.account_id)
        )
        boundary = request.get("PermissionsBoundary")
        if boundary is not None:
            require_boundary(connection, caller, boundary)
        user = users.create(
            connection,
            caller.account_id,
            name,
            path=path,
            now_ms=now_ms(call),
            boundary_arn=boundary,
            entropy=call.entropy,
        )
        identity_tags.put(connection, user.user_id, tags)
    return {"User": answers.whole_user(user, caller.partition, tags)}


@iam.operation("GetUser", resource=targets.named_user)
def get_user(call: Call, request: Request) -> Answer:
    """Return a user; without a name the caller, who may be the root user."""
    with call.database.read() as connection:
        user = user_or_self(connection, call.caller, request)
        if user is None:
            return {"User": _root(connection, call)}
        tags = identity_tags.of(connection, user.user_id)
    return {"User": answers.whole_user(user, call.caller.partition, tags)}


def _root(connection: Connection, call: Call) -> Answer:
    account = accounts.find(connection, call.caller.account_id)
    shown: Answer = {"UserId": call.caller.account_id, "Arn": call.caller.principal.arn}
    return shown if account is None else {**shown, "CreateDate": answers.date(account.created_at_ms)}


@iam.operation("ListUsers", resource=targets.everything_of_kind("user"))
def list_users(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        found = users.listing(connection, call.caller.account_id, request.get("PathPrefix", "/"))
    return paged(
        call,
        "ListUsers",
        request,
        "Users",
        found,
        key=by_name,
        shown=lambda row: answers.user(row, call.caller.partition),
    )


@iam.operation("UpdateUser", resource=owner_targets.renamed(USER))
def update_user(call: Call, request: Request) -> None:
    """Rename or move a user. Its id stays, and with it keys, groups and policies."""
    caller, name = call.caller, str(request.get("NewUserName", request["UserName"]))
    with changed(call, "UpdateUser", USER, request) as (connection, user):
        holder = users.holder_of(connection, caller.account_id, name)
        if holder is not None and holder.user_id != user.user_id:
            raise refusals.name_taken("User", name)
        users.rename(connection, user.user_id, name=name, path=request.get("NewPath", user.path))


@iam.operation("DeleteUser", resource=targets.named_user)
def delete_user(call: Call, request: Request) -> None:
    with changed(call, "DeleteUser", USER, request) as (connection, user):
        _require_bare(connection, user)
        users.remove(connection, user.user_id)


def _require_bare(connection: Connection, user: UserRow) -> None:
    """Refuse to delete a user that something hangs on; AWS does not document the order."""
    if attachments.attached(connection, user.user_id):
        raise refusals.must_first("detach all policies")
    if attachments.inline(connection, user.user_id):
        raise refusals.must_first("delete policies")
    if access_keys.of_owner(connection, user.account_id, user.user_id):
        raise refusals.must_first("delete access keys")
    if login_profiles.find(connection, user.user_id) is not None:
        raise refusals.must_first("delete login profile")
    if mfa_devices.of_owner(connection, user.user_id):
        raise refusals.must_first("delete MFA device")
    if service_credentials.of_user(connection, user.user_id):
        raise refusals.must_first("delete service specific credentials")
    if ssh_keys.of_user(connection, user.user_id):
        raise refusals.must_first("delete SSH public keys")
    if groups.of_user(connection, user.user_id):
        raise refusals.must_first("remove users from group")
