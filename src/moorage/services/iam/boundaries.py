"""Permissions boundaries: the most that a user or role may do, whatever its policies allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import owner_targets, refusals
from moorage.services.iam.owners import ROLE, USER, Owner, OwnerOperation, owner_operations
from moorage.services.iam.subjects import require_policy_arn
from moorage.storage import identities, roles, users
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

if TYPE_CHECKING:
    from moorage.core.principal import Caller


def require_boundary(connection: Connection, caller: Caller, arn: str) -> None:
    """Refuse a boundary that is no managed policy within the account's reach.

    Raises:
        Fault: InvalidInput, NoSuchEntity.
    """
    require_policy_arn(caller, arn)
    if identities.managed_document(connection, caller.partition, caller.account_id, arn) is None:
        raise refusals.not_attachable(arn)


@owner_operations(
    {"PutUserPermissionsBoundary": USER, "PutRolePermissionsBoundary": ROLE},
    resource=owner_targets.with_new_boundary,
)
def put_permissions_boundary(asked: OwnerOperation) -> None:
    arn = asked.request["PermissionsBoundary"]
    with asked.change() as (connection, owner):
        require_boundary(connection, asked.call.caller, arn)
        _set(connection, owner, arn)


@owner_operations(
    {"DeleteUserPermissionsBoundary": USER, "DeleteRolePermissionsBoundary": ROLE},
    resource=owner_targets.named,
)
def delete_permissions_boundary(asked: OwnerOperation) -> None:
    with asked.change() as (connection, owner):
        if isinstance(owner, UserRow | RoleRow) and owner.boundary_arn is None:
            raise refusals.no_boundary(asked.kind.noun.lower(), owner.name)
        _set(connection, owner, None)


def _set(connection: Connection, owner: Owner, arn: str | None) -> None:
    change = roles.set_boundary if isinstance(owner, RoleRow) else users.set_boundary
    change(connection, owner.unique_id, arn)
