"""`moorage verify`: proves that every row's blob is there and right, and that git agrees with the rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.git import commands
from moorage.git.environment import allocation_limit
from moorage.git.quarantine_folders import quarantine_folder
from moorage.repos import sealed_packs
from moorage.repos.cache import WorkingCache
from moorage.repos.opened import Opener, OpenRepository
from moorage.storage import repositories as rows
from moorage.storage.blobs import BlobMissing

if TYPE_CHECKING:
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database
    from moorage.storage.repositories import PackRow


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be."""

    repository: str  # ARN
    problem: str


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks repositories one by one, reading blobs as a new node with an empty cache would."""

    database: Database
    blobs: BlobStore
    opener: Opener
    scratch: Path

    def repository_ids(self) -> list[str]:
        """Return what there is to check."""
        with self.database.read() as connection:
            return rows.every_id(connection)

    def findings(self, repository_id: str) -> Iterator[Finding]:
        """Check one repository; nothing is yielded when all is well."""
        with self.database.read() as connection:
            row = rows.by_id(connection, repository_id)
        if row is None:
            return
        try:
            opened = self.opener.open_for_service(row)
        except Fault as fault:
            yield Finding(row.arn, f"its key cannot be used: {fault.message}")
            return
        problems = [problem for pack in opened.snapshot.packs for problem in self._blob_problems(pack)]
        if not problems:
            problems = list(self._git_problems(opened))
        for problem in problems:
            yield Finding(row.arn, problem)

    def _blob_problems(self, pack: PackRow) -> Iterator[str]:
        for key, expected in ((pack.pack_key, pack.pack_sha256), (pack.index_key, pack.index_sha256)):
            try:
                found = sealed_packs.digest(self.blobs, key)
            except BlobMissing:
                yield f"blob {key} is missing"
                continue
            if found != expected:
                yield f"blob {key} was changed: its SHA-256 is {found}, not {expected}"

    def _git_problems(self, opened: OpenRepository) -> Iterator[str]:
        """Fill an empty cache from the blobs, then let git check every object and every ref."""
        try:
            with quarantine_folder(self.scratch) as folder:
                cache = WorkingCache(folder, 1 << 62, self.blobs)
                with cache.reading(opened.snapshot, opened.data_key) as path:
                    yield from _fsck(path, opened)
                    yield from _ref_problems(path, opened, "the refs rebuilt from the rows")
        except Fault as fault:
            yield f"{fault.code}: {fault.message}"
        yield from self._cache_problems(opened)

    def _cache_problems(self, opened: OpenRepository) -> Iterator[str]:
        """Compare the refs that this node's cache serves, where it stands at this snapshot."""
        path = self.opener.cache.path(opened.row.repository_id)
        with contextlib.suppress(FileNotFoundError, ValueError):
            if int((path / "generation").read_text()) == opened.snapshot.generation:
                yield from _ref_problems(path, opened, "the working cache's refs")


def _fsck(path: Path, opened: OpenRepository) -> Iterator[str]:
    memory = allocation_limit(largest_object_bytes=opened.snapshot.largest_object_bytes)
    finished = commands.run("fsck", "--full", "--no-dangling", at=path, allocation_bytes=memory)
    if not finished.ok:
        output = finished.stdout.decode(errors="replace") + (finished.stopped or finished.stderr)
        yield from (f"git fsck: {line}" for line in output.splitlines() if line.strip())


def _ref_problems(path: Path, opened: OpenRepository, what: str) -> Iterator[str]:
    finished = commands.run("for-each-ref", "--format=%(objectname) %(refname)", at=path)
    there = set(finished.stdout.splitlines())
    rows_say = {b"%s %s" % (ref.object_id.encode(), ref.name) for ref in opened.snapshot.refs.refs}
    for line in sorted(there ^ rows_say):
        side = "but not in the rows" if line in there else "in the rows but not there"
        yield f"{what} differ: {line.decode(errors='replace')} ({side})"
