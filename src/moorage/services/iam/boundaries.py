"""Permissions boundaries: the most that a user may do, whatever its policies allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import refusals, targets
from moorage.services.iam.changes import change
from moorage.services.iam.service import Request, iam
from moorage.services.iam.subjects import named_user, require_policy_arn
from moorage.storage import identities, users

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.call import Call


def require_boundary(connection: Connection, caller: Caller, arn: str) -> None:
    """Refuse a boundary that is no managed policy within the account's reach.

    Raises:
        Fault: InvalidInput, NoSuchEntity.
    """
    require_policy_arn(caller, arn)
    if identities.managed_document(connection, caller.partition, caller.account_id, arn) is None:
        raise refusals.not_attachable(arn)


@iam.operation("PutUserPermissionsBoundary", resource=targets.user_with_new_boundary)
def put_user_permissions_boundary(call: Call, request: Request) -> None:
    arn = request["PermissionsBoundary"]
    with change(call, "PutUserPermissionsBoundary", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        require_boundary(connection, call.caller, arn)
        users.set_boundary(connection, user.user_id, arn)


@iam.operation("DeleteUserPermissionsBoundary", resource=targets.named_user)
def delete_user_permissions_boundary(call: Call, request: Request) -> None:
    with change(call, "DeleteUserPermissionsBoundary", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        if user.boundary_arn is None:
            raise refusals.no_boundary(user.name)
        users.set_boundary(connection, user.user_id, None)
