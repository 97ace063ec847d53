"""Background repacking: many small packs become few, so that 60 pushes do not make fetches dear.

New packs are put as blobs, then the pack list is swapped in one transaction; a push meanwhile only
adds packs, so neither waits for the other. Nothing is ever dropped: a repack holds every object
of the packs that it replaces. Killing it at any step leaves at most orphan blobs for the sweeper.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from moorage.core import crash_points
from moorage.git import commands
from moorage.git.environment import allocation_limit
from moorage.git.quarantine import Received
from moorage.git.quarantine_folders import quarantine_folder
from moorage.repos import sealed_packs
from moorage.repos.opened import Opener, OpenRepository
from moorage.storage import kms_keys, leases
from moorage.storage import repositories as rows
from moorage.storage.leases import Lease

if TYPE_CHECKING:
    from moorage.git.environment import Place
    from moorage.repos.snapshot import Snapshot
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database
    from moorage.storage.repositories import PackRow

log = structlog.get_logger(__name__)

# A repository with more live packs than this is repacked.
MANY_PACKS = 20

# A repository with fewer objects is walked faster than a bitmap is worth.
LARGE_OBJECTS = 1000

# Each pack has at least this many times the objects of all smaller ones together.
_GROWTH = 2

_LEASE_MS = 30 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Repacks repositories, each under a lease, on any node."""

    database: Database
    blobs: BlobStore
    opener: Opener
    node: str  # who holds the leases
    many_packs: int = MANY_PACKS

    def run(self) -> int:
        """Repack every repository that needs it and that nobody else repacks; return how many."""
        with self.database.read() as connection:
            needy = rows.pack_counts(connection, at_least=self.many_packs + 1)
        return sum(_tried(self.repack, repository_id) for repository_id, _ in needy)

    def derive_missing(self, repository_ids: Sequence[str]) -> int:
        """Give git a bitmap where a large repository of this cache has none; return how many got one."""
        return sum(_tried(self._derive_if_missing, repository_id) for repository_id in repository_ids)

    def purge_unusable(self) -> int:
        """Remove from this cache what was deleted, by whatever node, or whose key is off; return how many."""
        cache = self.opener.cache
        cached = cache.cached()
        with self.database.read() as connection:
            usable = kms_keys.usable_repositories(connection)
        gone = [repository_id for repository_id in cached if repository_id not in usable]
        for repository_id in gone:
            cache.purge(repository_id)
        return len(gone)

    def _derive_if_missing(self, repository_id: str) -> bool:
        if self._has_derived(repository_id):
            return False
        with self.database.read() as connection:
            row = rows.by_id(connection, repository_id)
        if row is None:
            return False
        opened = self.opener.open_for_service(row)
        if sum(pack.object_count for pack in opened.snapshot.packs) < LARGE_OBJECTS:
            return False
        with self.opener.cache.alone():
            if self._has_derived(repository_id):  # by another worker, while this one waited
                return False
            self._derive(opened, opened.snapshot)
        return True

    def _has_derived(self, repository_id: str) -> bool:
        return (self.opener.cache.path(repository_id) / "objects" / "pack" / "multi-pack-index").exists()

    def repack(self, repository_id: str) -> bool:
        """Repack one repository; return whether it was done now."""
        name = f"repack:{repository_id}"
        with self.database.write() as connection:
            lease = leases.acquire(
                connection, name, self.node, now_ms=self.database.now_ms(connection), duration_ms=_LEASE_MS
            )
        if lease is None:
            return False
        done = self._repack(repository_id, lease)
        # Where it failed the lease is kept until it runs out: what fails once fails again in ten seconds.
        with self.database.write() as connection:
            leases.release(connection, lease)
        return done

    def _repack(self, repository_id: str, lease: Lease) -> bool:
        with self.database.read() as connection:
            row = rows.by_id(connection, repository_id)
        if row is None:
            return False
        opened = self.opener.open_for_service(row)
        replaced = rolled_up(opened.snapshot.packs)
        if len(replaced) < 2:
            return False
        with quarantine_folder(opened.cache.quarantine) as folder, opened.lending() as place:
            with opened.cache.alone():
                received = _packed(place, replaced, folder)
            crash_points.passing("repack-packed")
            return self._swap(opened, replaced, received, lease)

    def _swap(
        self, opened: OpenRepository, replaced: Sequence[PackRow], received: Received, lease: Lease
    ) -> bool:
        """Store the new pack and put it in the place of the old ones, if they are all still live.

        Raises:
            Fault: the lease was lost meanwhile; nothing was changed. It runs out long before the
                sweeper would take the new blobs.
        """
        repository_id, push_id = opened.row.repository_id, str(uuid.uuid4())
        sealed = sealed_packs.seal(
            received, repository_id=repository_id, push_id=push_id, data_key=opened.data_key
        )
        sealed_packs.store(self.blobs, sealed, repository_id)
        crash_points.passing("repack-stored")
        old = [pack.push_id for pack in replaced]
        with self.database.write() as connection:
            row = rows.lock(connection, repository_id)
            now_ms = self.database.now_ms(connection)
            leases.require_held(connection, lease, now_ms=now_ms)
            live = set() if row is None else {p.push_id for p in rows.live_packs(connection, repository_id)}
            if row is None or not live.issuperset(old):
                return False
            rows.retire_packs(connection, old, now_ms)
            rows.add_pack(connection, sealed.row(repository_id, row.generation + 1, "repack"))
            rows.change(connection, repository_id, row.modified_at_ms, generation=row.generation + 1)
        crash_points.passing("repack-committed")
        after = self.opener.snapshots.current(repository_id)
        if after is not None:
            pack = received.pack, received.index, received.checksum
            opened.cache.adopt(row.generation + 1, after, [], pack)
            with opened.cache.alone():
                self._derive(opened, after)
        return True

    def _derive(self, opened: OpenRepository, after: Snapshot) -> None:
        """Write what speeds git up and is never truth: multi-pack-index, bitmap, commit-graph."""
        with opened.cache.lending(after, opened.data_key) as place:
            derive(place, after.packs)


def _tried(work: Callable[[str], bool], repository_id: str) -> bool:
    """Do one repository's work: what is wrong with it must not keep the others from theirs."""
    try:
        return work(repository_id)
    except Exception:
        log.exception("the upkeep of a repository failed", repository_id=repository_id)
        return False


def rolled_up(packs: Sequence[PackRow]) -> list[PackRow]:
    """Return the packs to join so that the rest, with the result, form a geometric progression."""
    ordered = sorted(packs, key=lambda pack: pack.object_count)
    split = 0
    for at in range(len(ordered) - 1, 0, -1):
        if ordered[at].object_count < _GROWTH * ordered[at - 1].object_count:
            split = at + 1
            break
    total = sum(pack.object_count for pack in ordered[:split])
    while split and split < len(ordered) and ordered[split].object_count < _GROWTH * total:
        total += ordered[split].object_count
        split += 1
    return ordered[:split]


def derive(place: Place, packs: Sequence[PackRow]) -> None:
    """Write multi-pack-index with bitmap and commit-graph for these packs of a cached repository."""
    names = "".join(f"pack-{pack.checksum}.idx\n" for pack in packs).encode()
    memory = allocation_limit(largest_object_bytes=_largest(packs))
    commands.run(
        "multi-pack-index", "--bitmap", "--stdin-packs", at=place, stdin=names, allocation_bytes=memory
    )
    commands.run("commit-graph", "--reachable", "--changed-paths", at=place, allocation_bytes=memory)


def _packed(place: Place, packs: Sequence[PackRow], folder: Path) -> Received:
    names = "".join(f"pack-{pack.checksum}.pack\n" for pack in packs).encode()
    finished = commands.run(
        "pack-objects",
        "--stdin-packs",
        operands=[str(folder / "pack")],
        at=place,
        stdin=names,
        allocation_bytes=allocation_limit(largest_object_bytes=_largest(packs)),
    )
    if not finished.ok:
        raise RuntimeError(f"git pack-objects failed: {finished.stopped or finished.stderr}")
    checksum = finished.stdout.decode().strip()
    pack = folder / f"pack-{checksum}.pack"
    return Received(
        pack=pack,
        index=pack.with_suffix(".idx"),
        checksum=checksum,
        object_count=_object_count(pack),
        pack_bytes=pack.stat().st_size,
        largest_object_bytes=_largest(packs),
    )


def _largest(packs: Sequence[PackRow]) -> int:
    return max((pack.largest_object_bytes for pack in packs), default=0)


def _object_count(pack: Path) -> int:
    """Read the number of objects from a pack's header: bytes 8 to 12, big-endian."""
    with pack.open("rb") as file:
        return int.from_bytes(file.read(12)[8:], "big")
