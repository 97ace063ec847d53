"""Merge commits made through the API, found by what they merged."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select

from moorage.storage import tables

_MERGES = tables.merge_commits


@dataclass(frozen=True, slots=True)
class MergeCommit:
    """One merge: what was merged, how, and the commit that came of it."""

    source_commit: str
    destination_commit: str
    base_commit: str | None
    merged_commit: str
    merge_option: str
    detail_level: str
    strategy: str


def add(connection: Connection, repository_id: str, merge: MergeCommit, at_ms: int) -> None:
    """Note a merge. The caller holds the repository's row (`repositories.lock`)."""
    newest = select(func.max(_MERGES.c.number)).where(_MERGES.c.repository_id == repository_id)
    number = (connection.execute(newest).scalar() or 0) + 1
    values = asdict(merge) | {"repository_id": repository_id, "number": number, "at_ms": at_ms}
    connection.execute(insert(_MERGES).values(values))


def find(
    connection: Connection,
    repository_id: str,
    source: str,
    destination: str,
    *,
    detail_level: str | None = None,
    strategy: str | None = None,
) -> MergeCommit | None:
    """Return the newest merge of two commits; level and strategy count where they are given."""
    asked = select(*(_MERGES.c[name] for name in MergeCommit.__slots__)).where(
        _MERGES.c.repository_id == repository_id,
        _MERGES.c.source_commit == source,
        _MERGES.c.destination_commit == destination,
    )
    if detail_level is not None:
        asked = asked.where(_MERGES.c.detail_level == detail_level)
    if strategy is not None:
        asked = asked.where(_MERGES.c.strategy == strategy)
    row = connection.execute(asked.order_by(_MERGES.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else MergeCommit(**row)
