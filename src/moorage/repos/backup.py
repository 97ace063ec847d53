"""`moorage backup` and `restore`: the rows as JSON lines, the sealed blobs as they are.

    DIR/backup.json          what this is, written last
    DIR/rows/TABLE.jsonl     one row a line; bytes as base64
    DIR/blobs/…              sealed: useless without the root key, which is not in the backup

Rows first, in one transaction, then the blobs they name: a consistent cut, for blobs are never
changed and stay for hours after their row is gone. A second backup to the same folder copies
only what is new.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, LargeBinary, Table, insert, select

from moorage.core.faults import Fault
from moorage.storage import tables
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.repositories import PackRow

if TYPE_CHECKING:
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database

FORMAT = 1

# What belongs to the running service and not to its data. What is on its way to others would be told
# again by a restored service, days later, of a past that may have changed.
_NOT_KEPT = frozenset({"deliveries", "leases", "outbox", "push_grace"})
_ROWS_A_STATEMENT = 500

# Called with what was done and how much there is.
Progress = Callable[[int, int], None]


def backup(database: Database, blobs: BlobStore, target: Path, progress: Progress) -> int:
    """Write a backup into `target`; return how many blobs it holds."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / "backup.json").unlink(missing_ok=True)
    (target / "rows").mkdir(mode=0o700, exist_ok=True)
    packs: list[PackRow] = []
    with database.read() as connection:
        for table in _kept():
            with (target / "rows" / f"{table.name}.jsonl").open("w", encoding="ascii") as file:
                for row in _rows(connection, table):
                    file.write(json.dumps(_plain(row)) + "\n")
                    if table is tables.packs:
                        packs.append(PackRow(**row))
    copy = DirectoryBlobs(target / "blobs")
    keys = [key for pack in packs for key in (pack.pack_key, pack.index_key)]
    have = {blob.key for blob in copy.keys("")}
    for done, key in enumerate(keys, 1):
        if key not in have:
            with blobs.get(key) as content:
                copy.put(key, content)
        progress(done, len(keys))
    _delete_unnamed(copy, have - set(keys))
    (target / "backup.json").write_text(json.dumps({"format": FORMAT, "blobs": len(keys)}) + "\n")
    return len(keys)


def restore(database: Database, blobs: BlobStore, source: Path, progress: Progress) -> int:
    """Read a backup into an empty database and blob store; return how many blobs it held.

    Raises:
        Fault: `source` is no whole backup, or the database is not empty (ValidationError).
    """
    _require_whole(source)
    copy = DirectoryBlobs(source / "blobs")
    keys = [blob.key for blob in copy.keys("")]
    for done, key in enumerate(keys, 1):
        with copy.get(key) as content:
            blobs.put(key, content)
        progress(done, len(keys))
    # Blobs before rows: a row never names a blob that is not there.
    with database.write() as connection:
        if connection.execute(select(tables.accounts.c.account_id).limit(1)).first() is not None:
            raise Fault("ValidationError", "The database holds accounts already; restore into an empty one.")
        for table in _kept():
            _fill(connection, table, source / "rows" / f"{table.name}.jsonl")
    return len(keys)


def installation_fact(source: Path, name: str) -> str:
    """Return a fact about the installation that a backup was made of.

    Raises:
        Fault: `source` is no whole backup (ValidationError).
    """
    _require_whole(source)
    with (source / "rows" / f"{tables.installation.name}.jsonl").open(encoding="ascii") as lines:
        facts = {row["name"]: str(row["value"]) for row in map(json.loads, lines)}
    return facts[name]


def _require_whole(source: Path) -> None:
    try:
        found = json.loads((source / "backup.json").read_text())["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{source} is not a finished backup: it has no readable backup.json."
        raise Fault("ValidationError", message) from error
    if found != FORMAT:
        raise Fault("ValidationError", f"{source} has format {found}; this moorage reads format {FORMAT}.")


def _kept() -> list[Table]:
    return [table for table in tables.metadata.sorted_tables if table.name not in _NOT_KEPT]


def _rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    query = select(table)
    if table is tables.packs:
        # Retired packs serve fetches under way; a restored service has none.
        query = query.where(table.c.retired_at_ms.is_(None))
    for row in connection.execute(query).mappings():
        yield dict(row)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _fill(connection: Connection, table: Table, file: Path) -> None:
    binary = {column.name for column in table.c if isinstance(column.type, LargeBinary)}
    batch: list[dict[str, Any]] = []
    with file.open(encoding="ascii") as lines:
        for line in lines:
            row = json.loads(line)
            for name in binary & row.keys():
                row[name] = None if row[name] is None else base64.b64decode(row[name])
            batch.append(row)
            if len(batch) == _ROWS_A_STATEMENT:
                connection.execute(insert(table), batch)
                batch = []
    if batch:
        connection.execute(insert(table), batch)


def _delete_unnamed(copy: BlobStore, keys: set[str]) -> None:
    for key in keys:
        copy.delete(key)
