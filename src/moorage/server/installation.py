"""Facts about this installation, kept beside its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from moorage.storage import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

DEFAULT_ACCOUNT = "default_account"
ROOT_KEY_CHECK = "root_key_check"
ROOT_KEY_WRAPPED = "root_key_wrapped"
ROOT_KEY_ROTATION = "root_key_rotation"


def fact(connection: Connection, name: str) -> str | None:
    """Return a fact's value, None where it was never set."""
    table = tables.installation
    return connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()


def set_fact(connection: Connection, name: str, value: str) -> None:
    """Set a fact for the first time."""
    connection.execute(insert(tables.installation).values(name=name, value=value))


def replace_fact(connection: Connection, name: str, value: str) -> None:
    """Set a fact that is there to another value."""
    table = tables.installation
    connection.execute(update(table).where(table.c.name == name).values(value=value))
