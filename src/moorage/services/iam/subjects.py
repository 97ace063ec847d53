"""Whom a request is about: found by name, or the caller where none is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import refusals
from moorage.storage import groups, users

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.iam.service import Request
    from moorage.storage.groups import GroupRow
    from moorage.storage.users import UserRow

_POLICY_ARN = re.compile(
    r"arn:(?P<partition>aws(-cn|-us-gov)?):iam::(?P<owner>[0-9]{12}|aws):policy(/[!-~]+)*/[\w+=,.@-]+",
    re.ASCII,
)


def named_user(connection: Connection, caller: Caller, name: str) -> UserRow:
    """Return the account's user of that name.

    Raises:
        Fault: NoSuchEntity.
    """
    user = users.find(connection, caller.account_id, name)
    if user is None:
        raise refusals.no_such_user(name)
    return user


def named_group(connection: Connection, caller: Caller, name: str) -> GroupRow:
    """Return the account's group of that name.

    Raises:
        Fault: NoSuchEntity.
    """
    group = groups.find(connection, caller.account_id, name)
    if group is None:
        raise refusals.no_such_group(name)
    return group


def user_or_self(connection: Connection, caller: Caller, request: Request) -> UserRow | None:
    """Return the user of `UserName`; without one the caller, None being the root user.

    Raises:
        Fault: NoSuchEntity; ValidationError when the caller is neither a user nor root.
    """
    name = request.get("UserName")
    if name is not None:
        return named_user(connection, caller, name)
    return own_user(connection, caller)


def own_user(connection: Connection, caller: Caller) -> UserRow | None:
    """Return the calling user; None for the root user.

    Raises:
        Fault: NoSuchEntity, the user was deleted a moment ago; InvalidInput for other principals.
    """
    principal = caller.principal
    if principal.kind == "root":
        return None
    if principal.kind != "user":
        raise refusals.invalid_input("Must specify userName when calling with non-User credentials")
    user = users.by_id(connection, principal.unique_id)
    if user is None:
        raise refusals.no_such_user(principal.user_name or "")
    return user


def is_aws_managed(arn: str) -> bool:
    """Tell whether a managed policy's ARN is one of AWS's own."""
    return ":iam::aws:policy/" in arn


def require_policy_arn(caller: Caller, arn: str) -> None:
    """Refuse what is no managed policy's ARN of the caller's partition.

    Raises:
        Fault: InvalidInput.
    """
    match = _POLICY_ARN.fullmatch(arn)
    if match is None or match["partition"] != caller.partition:
        raise refusals.invalid_arn(arn)
