"""`INSERT … ON CONFLICT DO NOTHING`, which both databases know and SQLAlchemy spells twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique one like it is there; tell whether it was inserted.

    On PostgreSQL this waits for another transaction that inserts the same row.
    """
    kind = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = kind(table).values(values).on_conflict_do_nothing()
    # For an INSERT, SQLAlchemy forgets the driver's count unless it is told.
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount == 1
