"""From what an administrator calls a principal to the principal: nobody signed, nothing is proven."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import Connection

from moorage.core.arn import Arn, iam_arn
from moorage.core.principal import Principal, Session
from moorage.storage import accounts, identities, roles, users
from moorage.storage.accounts import AccountRow

_ARN = re.compile(r"arn:(?P<partition>[a-z-]+):(?P<service>iam|sts)::(?P<account>[0-9]{12}):(?P<name>.+)")
_FORMS = (
    "Give the ARN of a user, a role, a role session or an account's root, or user/NAME, role/NAME or root."
)
# What a session of a role is called where only the role was named.
SESSION_NAME = "why"


class NoSuchPrincipal(ValueError):
    """There is none of that name, or it is no principal's name. The message says which."""


def principal_named(connection: Connection, text: str, account_id: str, now: datetime) -> Principal:
    """Return the principal of an ARN, or of `user/NAME`, `role/NAME` or `root` of an account.

    A role stands for a session of it, opened now without session policies.

    Raises:
        NoSuchPrincipal
    """
    match = _ARN.fullmatch(text)
    if match is not None:
        account_id, name = match["account"], match["name"]
        known = "sts" if name.startswith("assumed-role/") else "iam"
        if match["service"] != known:
            raise NoSuchPrincipal(f"{text!r} is no principal. {_FORMS}")
    else:
        name = text
    account = accounts.find(connection, account_id)
    if account is None or (match is not None and match["partition"] != account.partition):
        raise NoSuchPrincipal(f"There is no account of {text!r}: {account_id} is not one here.")
    if name == "root":
        arn = iam_arn(account.partition, account_id, "root")
        return Principal("root", arn, account_id, account.partition, account_id)
    kind, _, rest = name.partition("/")
    if not rest or kind not in {"user", "role", "assumed-role"}:
        raise NoSuchPrincipal(f"{text!r} is no principal. {_FORMS}")
    if kind == "user":
        return _user(connection, account, rest)
    role, _, session = rest.partition("/") if kind == "assumed-role" else (rest, "", SESSION_NAME)
    return _session(connection, account, role, session or SESSION_NAME, now)


def _user(connection: Connection, account: AccountRow, name: str) -> Principal:
    user = users.find(connection, account.account_id, name.rpartition("/")[2])
    # With a path, it must be the right one.
    if user is None or ("/" in name and not user.arn(account.partition).endswith(f":user/{name}")):
        raise NoSuchPrincipal(f"Account {account.account_id} has no user {name!r}.")
    return Principal(
        "user",
        user.arn(account.partition),
        account.account_id,
        account.partition,
        user.user_id,
        user_name=user.name,
        tags=identities.tags_of(connection, user.user_id),
    )


def _session(
    connection: Connection, account: AccountRow, name: str, session: str, now: datetime
) -> Principal:
    role = roles.find(connection, account.account_id, name.rpartition("/")[2])
    if role is None or ("/" in name and not role.arn(account.partition).endswith(f":role/{name}")):
        raise NoSuchPrincipal(f"Account {account.account_id} has no role {name!r}.")
    arn = f"arn:{account.partition}:sts::{account.account_id}:assumed-role/{role.name}/{session}"
    return Principal(
        "role-session",
        Arn(arn),
        account.account_id,
        account.partition,
        f"{role.role_id}:{session}",
        tags=identities.tags_of(connection, role.role_id),
        session=Session(
            now, now + timedelta(hours=1), role.arn(account.partition), role.role_id, name=session
        ),
    )
