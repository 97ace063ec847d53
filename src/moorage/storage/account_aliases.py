"""Rows of account aliases: the name that an account's sign-in page goes by. One an account, each unique."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent


def of_account(connection: Connection, account_id: str) -> str | None:
    """Return an account's alias, or None."""
    table = tables.account_aliases
    query = select(table.c.alias).where(table.c.account_id == account_id)
    return connection.execute(query).scalar_one_or_none()


def account_of(connection: Connection, alias: str) -> str | None:
    """Return the id of the account that goes by an alias, or None."""
    table = tables.account_aliases
    query = select(table.c.account_id).where(table.c.alias == alias)
    return connection.execute(query).scalar_one_or_none()


def put(connection: Connection, account_id: str, alias: str, *, now_ms: int) -> bool:
    """Name an account, in place of an older alias; False when another account has that one.

    The caller's transaction must end without a change then.
    """
    table = tables.account_aliases
    connection.execute(delete(table).where(table.c.account_id == account_id))
    values = {"alias": alias, "account_id": account_id, "created_at_ms": now_ms}
    return insert_if_absent(connection, table, values)


def remove(connection: Connection, account_id: str, alias: str) -> bool:
    """Take an alias from an account; False when it has another or none."""
    table = tables.account_aliases
    condition = (table.c.account_id == account_id, table.c.alias == alias)
    return connection.execute(delete(table).where(*condition)).rowcount == 1
