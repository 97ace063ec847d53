"""What a repository looked like at one generation: its refs and its packs, read together."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.git.advertise import Ref, RefSnapshot
from moorage.storage import repositories as rows
from moorage.storage.repositories import PackRow, RefChange, RefRow, RepositoryRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.storage.database import Database

# How many repositories' refs a process keeps in memory; 20,000 refs take about 10 MB.
_KEPT_REFS = 500_000

# Fewer changes are put in their places in a copy, more are sorted in: each place costs a move of the rest.
_MANY_CHANGES = 100

# Where HEAD of an empty repository points, as `git init` with today's usual setting has it.
UNBORN_BRANCH = RefName("refs/heads/main")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one generation. Immutable: a request pins one and sees nothing else."""

    row: RepositoryRow
    refs: RefSnapshot
    packs: tuple[PackRow, ...]

    @property
    def generation(self) -> int:
        return self.row.generation

    @property
    def largest_object_bytes(self) -> int:
        return max((pack.largest_object_bytes for pack in self.packs), default=0)

    def ref(self, name: bytes) -> ObjectId | None:
        """Return where a ref points, or None."""
        at = bisect_left(self.refs.refs, name, key=_name)
        if at < len(self.refs.refs) and self.refs.refs[at].name == name:
            return self.refs.refs[at].object_id
        return None


def _name(ref: Ref) -> bytes:
    return ref.name


class Snapshots:
    """Reads snapshots, keeping the latest of each repository to build the next one from.

    What changed since the kept one is read by generation, so that a push to a repository with
    100,000 refs costs the next reader a few rows and not 100,000.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._lock = threading.Lock()

    def current(self, repository_id: str) -> Snapshot | None:
        """Return the repository as it stands now, or None when it is gone."""
        kept = self._kept.get(repository_id)
        row = self._database.ask(rows.by_id, repository_id)
        if row is None:
            self.forget(repository_id)
            return None
        if kept is not None and kept.row == row:
            return kept
        with self._database.read() as connection:
            snapshot = self._read(connection, row, kept)
        self._keep(snapshot)
        return snapshot

    def follow(
        self,
        pinned: Snapshot,
        before: RepositoryRow,
        row: RepositoryRow,
        changes: Sequence[RefChange],
        pack: PackRow | None,
    ) -> Snapshot | None:
        """Keep and return what a publish made of a repository: nothing of it need be read again.

        None where the snapshot before it is neither `pinned` nor kept: somebody else published in between.
        """
        for known in (pinned, self._kept.get(row.repository_id)):
            if known is not None and known.generation == before.generation:
                break
        else:
            return None
        moved = {
            each.name: None if each.new == ZERO_ID else RefRow(each.name, each.new, each.peeled)
            for each in changes
        }
        packs = known.packs if pack is None else (*known.packs, pack)
        snapshot = Snapshot(row, RefSnapshot(_spliced(known.refs.refs, moved), _head(row)), packs)
        self._keep(snapshot)
        return snapshot

    def forget(self, repository_id: str) -> None:
        """Drop what is kept of a repository."""
        with self._lock:
            self._kept.pop(repository_id, None)

    def _read(self, connection: Connection, row: RepositoryRow, kept: Snapshot | None) -> Snapshot:
        if kept is not None and kept.generation == row.generation:
            packs, refs = kept.packs, kept.refs.refs
        elif kept is not None and kept.generation < row.generation:
            packs = tuple(rows.live_packs(connection, row.repository_id))
            changed = rows.changed_since(connection, row.repository_id, kept.generation)
            refs = _spliced(kept.refs.refs, changed)
        else:
            packs = tuple(rows.live_packs(connection, row.repository_id))
            refs = [_ref(found) for found in rows.refs(connection, row.repository_id)]
        return Snapshot(row, RefSnapshot(refs, _head(row)), packs)

    def _keep(self, snapshot: Snapshot) -> None:
        repository_id = snapshot.row.repository_id
        with self._lock:
            kept = self._kept.get(repository_id)
            if kept is not None and kept.generation > snapshot.generation:
                return
            self._kept[repository_id] = snapshot
            self._kept.move_to_end(repository_id)
            total = sum(len(each.refs.refs) + 1 for each in self._kept.values()) if len(self._kept) > 1 else 0
            while total > _KEPT_REFS and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                total -= len(dropped.refs.refs) + 1


def _head(row: RepositoryRow) -> bytes:
    return (row.default_branch or UNBORN_BRANCH).encode()


def _ref(row: RefRow) -> Ref:
    return Ref(row.name, row.object_id, row.peeled_id)


def _spliced(refs: Sequence[Ref], changed: Mapping[bytes, RefRow | None]) -> list[Ref]:
    if len(changed) > _MANY_CHANGES:
        kept = [ref for ref in refs if ref.name not in changed]
        return sorted([*kept, *(_ref(row) for row in changed.values() if row is not None)], key=_name)
    spliced = list(refs)
    for name, row in changed.items():
        at = bisect_left(spliced, name, key=_name)
        there = at < len(spliced) and spliced[at].name == name
        spliced[at : at + there] = [] if row is None else [_ref(row)]
    return spliced
