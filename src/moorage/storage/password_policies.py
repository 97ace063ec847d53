"""Rows of accounts' password policies: what console passwords must be like."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from moorage.storage import tables


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """One account's rules; the defaults are those of UpdateAccountPasswordPolicy. Ages are in days."""

    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    users_may_change: bool = False
    max_age_days: int | None = None
    reuse_prevention: int | None = None
    hard_expiry: bool | None = None


def find(connection: Connection, account_id: str) -> PasswordPolicy | None:
    """Return an account's own policy, or None."""
    table = tables.password_policies
    query = select(table.c.document).where(table.c.account_id == account_id)
    text = connection.execute(query).scalar_one_or_none()
    return None if text is None else PasswordPolicy(**json.loads(text))


def put(connection: Connection, account_id: str, policy: PasswordPolicy) -> None:
    """Set an account's policy, in place of an older one."""
    remove(connection, account_id)
    document = json.dumps(asdict(policy))
    connection.execute(insert(tables.password_policies).values(account_id=account_id, document=document))


def remove(connection: Connection, account_id: str) -> bool:
    """Delete an account's policy; False when it had none."""
    table = tables.password_policies
    return connection.execute(delete(table).where(table.c.account_id == account_id)).rowcount == 1
