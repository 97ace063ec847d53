"""The newest credential report of each account, and what the next one is made from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from moorage.storage import tables
from moorage.storage.access_keys import AccessKeyRow


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report: CSV text, and when it was made (Unix milliseconds)."""

    content: str
    generated_at_ms: int


def find(connection: Connection, account_id: str) -> ReportRow | None:
    """Return an account's report, however old, or None."""
    table = tables.credential_reports
    query = select(table.c.content, table.c.generated_at_ms).where(table.c.account_id == account_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ReportRow(**row)


def put(connection: Connection, account_id: str, report: ReportRow) -> None:
    """Keep a report in place of the older one."""
    table = tables.credential_reports
    connection.execute(delete(table).where(table.c.account_id == account_id))
    connection.execute(
        insert(table).values(
            account_id=account_id, content=report.content, generated_at_ms=report.generated_at_ms
        )
    )


def access_keys(connection: Connection, account_id: str) -> dict[str | None, list[AccessKeyRow]]:
    """Return all access keys of an account by user id (None: root's), each user's oldest first."""
    table = tables.access_keys
    query = (
        select(*(table.c[name] for name in AccessKeyRow.__slots__))
        .where(table.c.account_id == account_id)
        .order_by(table.c.created_at_ms, table.c.access_key_id)
    )
    found: dict[str | None, list[AccessKeyRow]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["user_id"], []).append(AccessKeyRow(**row))
    return found
