"""Rows of repositories, their tags, refs and packs. Every function works in its caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from moorage.core.arn import Arn, repository_arn
from moorage.core.names import ZERO_ID, ObjectId
from moorage.storage import tables

# SQLite allows 32,766 variables in a statement; a row of refs or of the log uses at most eight.
_ROWS_A_STATEMENT = 1000


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """One repository, as the table holds it. Times are Unix milliseconds."""

    repository_id: str
    account_id: str
    region: str
    name: str
    description: str | None
    default_branch: str | None
    kms_key_id: str
    data_key_wrapped: bytes
    generation: int
    created_at_ms: int
    modified_at_ms: int

    @property
    def arn(self) -> Arn:
        return repository_arn(self.region, self.account_id, self.name)


@dataclass(frozen=True, slots=True)
class PackRow:
    """One sealed pack: its blobs are `pack_key` and `index_key`."""

    push_id: str
    repository_id: str
    checksum: str
    source: str
    object_count: int
    largest_object_bytes: int
    pack_bytes: int
    index_bytes: int
    pack_sha256: str
    index_sha256: str
    added_generation: int
    retired_at_ms: int | None = None

    @property
    def pack_key(self) -> str:
        return blob_key(self.repository_id, self.push_id, "pack")

    @property
    def index_key(self) -> str:
        return blob_key(self.repository_id, self.push_id, "idx")


@dataclass(frozen=True, slots=True)
class RefRow:
    """Where a ref points; `peeled_id` is set for an annotated tag, peeled all the way."""

    name: bytes
    object_id: ObjectId
    peeled_id: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class RefChange:
    """One movement of a ref: `old` or `new` is zeros when the ref was made or deleted."""

    name: bytes
    old: ObjectId
    new: ObjectId
    peeled: ObjectId | None = None


def blob_key(repository_id: str, push_id: str, suffix: str) -> str:
    """Return the key of a pack's blob: unique for each attempt, never used again."""
    return f"r/{repository_id}/p/{push_id}.{suffix}"


def _repository(row: RowMapping) -> RepositoryRow:
    return RepositoryRow(**row)


# Asked on every request: made once, for building a statement takes longer than running it.
_ROW = select(*(tables.repositories.c[field.name] for field in fields(RepositoryRow)))
_NAMED = _ROW.where(
    tables.repositories.c.account_id == bindparam("account_id"),
    tables.repositories.c.region == bindparam("region"),
    tables.repositories.c.name == bindparam("name"),
)
_NAMED_FOR_CHANGE = _NAMED.with_for_update()
_BY_ID = _ROW.where(tables.repositories.c.repository_id == bindparam("repository_id"))
_LOCKED = _BY_ID.with_for_update()
_CHANGE = update(tables.repositories).where(
    tables.repositories.c.repository_id == bindparam("changed_repository")
)
_TAGS = (
    select(tables.repository_tags.c.key, tables.repository_tags.c.value)
    .where(tables.repository_tags.c.repository_id == bindparam("repository_id"))
    .order_by(tables.repository_tags.c.key)
)

# --- repositories ---------------------------------------------------------------------------


def find(
    connection: Connection, account_id: str, region: str, name: str, *, for_change: bool = False
) -> RepositoryRow | None:
    """Return the repository of that name, locked as by `lock` if asked. Names are case-sensitive."""
    named = {"account_id": account_id, "region": region, "name": name}
    row = connection.execute(_NAMED_FOR_CHANGE if for_change else _NAMED, named).first()
    return RepositoryRow(*row) if row else None


def by_id(connection: Connection, repository_id: str) -> RepositoryRow | None:
    """Return the repository of that id."""
    row = connection.execute(_BY_ID, {"repository_id": repository_id}).first()
    return RepositoryRow(*row) if row else None


def lock(connection: Connection, repository_id: str) -> RepositoryRow | None:
    """Return the repository and keep every other writer off it until the transaction ends.

    SQLite has one writer at a time anyway and ignores FOR UPDATE.
    """
    row = connection.execute(_LOCKED, {"repository_id": repository_id}).first()
    return RepositoryRow(*row) if row else None


def every_id(connection: Connection) -> list[str]:
    """Return the ids of all repositories of all accounts."""
    return list(connection.execute(select(tables.repositories.c.repository_id)).scalars())


def in_region(connection: Connection, account_id: str, region: str) -> list[RepositoryRow]:
    """Return an account's repositories of one region by name."""
    table = tables.repositories
    query = (
        select(table).where(table.c.account_id == account_id, table.c.region == region).order_by(table.c.name)
    )
    return [_repository(row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str, region: str) -> int:
    """Return how many repositories an account has in one region."""
    table = tables.repositories
    query = select(func.count()).where(table.c.account_id == account_id, table.c.region == region)
    return int(connection.execute(query.select_from(table)).scalar_one())


def add(connection: Connection, row: RepositoryRow) -> None:
    """Add a repository. Raises sqlalchemy's IntegrityError when the name is taken."""
    table = tables.repositories
    connection.execute(insert(table).values({column.name: getattr(row, column.name) for column in table.c}))


def change(connection: Connection, repository_id: str, now_ms: int, **values: Any) -> None:
    """Set columns of a repository; `modified_at_ms` becomes `now_ms`."""
    connection.execute(_CHANGE, {"changed_repository": repository_id, "modified_at_ms": now_ms, **values})


def remove(connection: Connection, repository_id: str, now_ms: int) -> None:
    """Delete a repository with its refs, packs and tags; its blobs are left to the sweeper."""
    table = tables.repositories
    connection.execute(delete(table).where(table.c.repository_id == repository_id))
    connection.execute(
        insert(tables.deleted_repositories).values(repository_id=repository_id, deleted_at_ms=now_ms)
    )


def was_deleted_since(connection: Connection, repository_id: str, since_ms: int) -> bool:
    """Tell whether a repository was deleted, and not before then."""
    table = tables.deleted_repositories
    query = select(table.c.repository_id).where(
        table.c.repository_id == repository_id, table.c.deleted_at_ms >= since_ms
    )
    return connection.execute(query).first() is not None


# --- tags -----------------------------------------------------------------------------------


def tags(connection: Connection, repository_id: str) -> dict[str, str]:
    """Return a repository's tags by key."""
    found = connection.execute(_TAGS, {"repository_id": repository_id})
    return {key: value for key, value in found}  # noqa: C416 -- mypy knows no dict() of rows


def set_tags(connection: Connection, repository_id: str, changed: Mapping[str, str]) -> None:
    """Add tags, or give those that exist a new value."""
    remove_tags(connection, repository_id, list(changed))
    if changed:
        rows = [
            {"repository_id": repository_id, "key": key, "value": value} for key, value in changed.items()
        ]
        connection.execute(insert(tables.repository_tags), rows)


def remove_tags(connection: Connection, repository_id: str, keys: Sequence[str]) -> None:
    """Remove the tags with these keys; a key that is not there is no error."""
    table = tables.repository_tags
    connection.execute(
        delete(table).where(table.c.repository_id == repository_id, table.c.key.in_(list(keys)))
    )


# --- refs -----------------------------------------------------------------------------------

_REFS = tables.refs
_REF = select(_REFS.c.name, _REFS.c.object_id, _REFS.c.peeled_id).where(
    _REFS.c.repository_id == bindparam("repository_id")
)
_REFS_NAMED = _REF.where(_REFS.c.name.in_(bindparam("names", expanding=True)))
_REFS_SINCE = _REF.where(_REFS.c.generation > bindparam("generation"))
_LOGGED_SINCE = select(tables.ref_log.c.name).where(
    tables.ref_log.c.repository_id == bindparam("repository_id"),
    tables.ref_log.c.generation > bindparam("generation"),
)
_THE_REF = (_REFS.c.repository_id == bindparam("of_repository"), _REFS.c.name == bindparam("of_name"))
_MOVE_REF = update(_REFS).where(*_THE_REF)
_DELETE_REF = delete(_REFS).where(*_THE_REF)
_MAKE_REF = insert(_REFS)
_LOG_REF = insert(tables.ref_log)


def refs(connection: Connection, repository_id: str) -> list[RefRow]:
    """Return every ref, in Git's order (bytes of the name)."""
    found = connection.execute(_REF.order_by(_REFS.c.name), {"repository_id": repository_id})
    return [RefRow(name, object_id, peeled) for name, object_id, peeled in found]


def refs_named(connection: Connection, repository_id: str, names: Iterable[bytes]) -> dict[bytes, RefRow]:
    """Return those of the named refs that exist."""
    wanted = list(names)
    found: dict[bytes, RefRow] = {}
    for start in range(0, len(wanted), _ROWS_A_STATEMENT):
        about = {"repository_id": repository_id, "names": wanted[start : start + _ROWS_A_STATEMENT]}
        rows = connection.execute(_REFS_NAMED, about)
        found |= {name: RefRow(name, oid, peeled) for name, oid, peeled in rows}
    return found


def changed_since(connection: Connection, repository_id: str, generation: int) -> dict[bytes, RefRow | None]:
    """Return the refs that moved after `generation`; None for one that is gone."""
    about = {"repository_id": repository_id, "generation": generation}
    changed: dict[bytes, RefRow | None] = dict.fromkeys(connection.execute(_LOGGED_SINCE, about).scalars())
    found = connection.execute(_REFS_SINCE, about)
    changed.update({name: RefRow(name, oid, peeled) for name, oid, peeled in found})
    return changed


def move_refs(
    connection: Connection,
    repository_id: str,
    generation: int,
    changes: Sequence[RefChange],
    *,
    push_id: str,
    principal_arn: str,
    at_ms: int,
) -> None:
    """Write refs and their log. The caller has locked the row and compared every old value."""
    gone = [change for change in changes if change.new == ZERO_ID]
    made = [change for change in changes if change.old == ZERO_ID and change.new != ZERO_ID]
    moved = [change for change in changes if ZERO_ID not in {change.old, change.new}]
    if gone:
        connection.execute(
            _DELETE_REF, [{"of_repository": repository_id, "of_name": change.name} for change in gone]
        )
    if moved:
        connection.execute(
            _MOVE_REF,
            [
                {"of_repository": repository_id, "of_name": change.name, **_place(change, generation)}
                for change in moved
            ],
        )
    if made:
        connection.execute(
            _MAKE_REF,
            [
                {"repository_id": repository_id, "name": change.name, **_place(change, generation)}
                for change in made
            ],
        )
    log = [
        {
            "repository_id": repository_id,
            "generation": generation,
            "name": change.name,
            "old_id": change.old,
            "new_id": change.new,
            "push_id": push_id,
            "principal_arn": principal_arn,
            "at_ms": at_ms,
        }
        for change in changes
    ]
    if log:
        connection.execute(_LOG_REF, log)


def _place(change: RefChange, generation: int) -> dict[str, object]:
    return {"object_id": change.new, "peeled_id": change.peeled, "generation": generation}


def was_committed(connection: Connection, push_id: str) -> bool:
    """Tell whether a push whose outcome is unknown reached the tables."""
    log = tables.ref_log
    found = connection.execute(select(log.c.push_id).where(log.c.push_id == push_id).limit(1)).first()
    return found is not None


# --- packs ----------------------------------------------------------------------------------

_LIVE_PACKS = (
    select(*(tables.packs.c[field.name] for field in fields(PackRow)))
    .where(tables.packs.c.repository_id == bindparam("repository_id"), tables.packs.c.retired_at_ms.is_(None))
    .order_by(tables.packs.c.added_generation, tables.packs.c.push_id)
)
_ADD_PACK = insert(tables.packs)


def live_packs(connection: Connection, repository_id: str) -> list[PackRow]:
    """Return the packs that together hold the repository, oldest first."""
    # By position: there may be hundreds between two repacks.
    return [PackRow(*row) for row in connection.execute(_LIVE_PACKS, {"repository_id": repository_id})]


def live_push_ids(connection: Connection, repository_id: str) -> set[str]:
    """Return the push ids of the packs that together hold the repository."""
    table = tables.packs
    query = select(table.c.push_id).where(
        table.c.repository_id == repository_id, table.c.retired_at_ms.is_(None)
    )
    return set(connection.execute(query).scalars())


def add_pack(connection: Connection, pack: PackRow) -> None:
    """Add a pack whose blobs are durable already."""
    connection.execute(_ADD_PACK, {column.name: getattr(pack, column.name) for column in tables.packs.c})


def retire_packs(connection: Connection, push_ids: Sequence[str], now_ms: int) -> int:
    """Mark live packs as replaced; return how many were still live."""
    table = tables.packs
    result = connection.execute(
        update(table)
        .where(table.c.push_id.in_(list(push_ids)), table.c.retired_at_ms.is_(None))
        .values(retired_at_ms=now_ms)
    )
    return int(result.rowcount)


def forget_retired(connection: Connection, before_ms: int) -> int:
    """Drop the rows of packs retired before then: from now on the sweeper may delete their blobs."""
    table = tables.packs
    result = connection.execute(delete(table).where(table.c.retired_at_ms < before_ms))
    return int(result.rowcount)


def every_push_id(connection: Connection, repository_id: str) -> set[str]:
    """Return the push ids that pack rows of a repository name, retired ones too."""
    table = tables.packs
    return set(
        connection.execute(select(table.c.push_id).where(table.c.repository_id == repository_id)).scalars()
    )


def checksums(connection: Connection, repository_id: str) -> set[str]:
    """Return the checksums of a repository's packs, retired ones too."""
    table = tables.packs
    return set(
        connection.execute(select(table.c.checksum).where(table.c.repository_id == repository_id)).scalars()
    )


def pack_counts(connection: Connection, at_least: int) -> list[tuple[str, int]]:
    """Return the repositories that have many live packs, with how many, most first."""
    table = tables.packs
    number = func.count().label("number")
    query = (
        select(table.c.repository_id, number)
        .where(table.c.retired_at_ms.is_(None))
        .group_by(table.c.repository_id)
        .having(number >= at_least)
        .order_by(number.desc())
    )
    return [(repository_id, int(found)) for repository_id, found in connection.execute(query)]
