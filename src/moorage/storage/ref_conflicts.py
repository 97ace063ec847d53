"""Which refs cannot stand side by side: git keeps `a` as a file where `a/b` needs a folder."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from sqlalchemy import Connection, and_, or_, select

from moorage.storage import tables

# For more new refs than this, all names are read once: a query for each would hold every writer up.
_NAMES_ASKED_SINGLY = 16


def in_the_way(
    connection: Connection, repository_id: str, names: Sequence[bytes]
) -> dict[bytes, list[bytes]]:
    """Return, for each name, the refs that cannot stand beside it: `a` beside `a/b`, either way round."""
    if len(names) <= _NAMES_ASKED_SINGLY:
        return {name: _asked(connection, repository_id, name) for name in names}
    table = tables.refs
    query = select(table.c.name).where(table.c.repository_id == repository_id).order_by(table.c.name)
    standing = list(connection.execute(query).scalars())
    known = set(standing)
    found: dict[bytes, list[bytes]] = {}
    for name in names:
        below = slice(bisect_left(standing, name + b"/"), bisect_left(standing, name + b"0"))
        found[name] = [*(parent for parent in folders_of(name) if parent in known), *standing[below]]
    return found


def folders_of(name: bytes) -> list[bytes]:
    """Return the names that a ref of this name needs as folders."""
    parts = name.split(b"/")
    return [b"/".join(parts[:depth]) for depth in range(1, len(parts))]


def _asked(connection: Connection, repository_id: str, name: bytes) -> list[bytes]:
    table = tables.refs
    query = select(table.c.name).where(
        table.c.repository_id == repository_id,
        or_(
            table.c.name.in_(folders_of(name)),
            and_(table.c.name > name + b"/", table.c.name < name + b"0"),  # "0" follows "/" in ASCII
        ),
    )
    return list(connection.execute(query).scalars())
