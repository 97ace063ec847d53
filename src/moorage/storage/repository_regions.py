"""Where repositories of one name are: SSH names no host, so its door may have to look."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from moorage.storage import tables


def holding(connection: Connection, account_id: str, regions: Iterable[str], name: str) -> list[str]:
    """Return those of `regions` in which an account has a repository of that name, sorted."""
    table = tables.repositories
    query = select(table.c.region).where(
        # Named, each is one look into the index; without them it would be every repository of the account.
        table.c.account_id == account_id,
        table.c.region.in_(list(regions)),
        table.c.name == name,
    )
    return sorted(connection.execute(query).scalars())
