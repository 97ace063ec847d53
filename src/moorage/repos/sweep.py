"""The sweeper: deletes blobs that no row names, once they are older than any push may last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.repos.commit import SWEEP_GRACE_MS
from moorage.storage import repositories as rows

if TYPE_CHECKING:
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database

# Fetches and backups under way may still read a pack that a repack replaced, or that went with its
# repository (design.md section 2).
RETIRED_KEPT_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Run it under a lease: once at a time is enough, though twice does no harm."""

    database: Database
    blobs: BlobStore
    grace_ms: int = SWEEP_GRACE_MS

    def sweep(self) -> int:
        """Forget packs retired long ago, then delete unnamed blobs past the grace; return how many."""
        with self.database.write() as connection:
            now_ms = self.database.now_ms(connection)
            rows.forget_retired(connection, now_ms - RETIRED_KEPT_MS)
        deleted = 0
        named: dict[str, set[str] | None] = {}
        for blob in self.blobs.keys("r/"):
            repository_id, push_id = _parts(blob.key)
            if now_ms - blob.modified_ms <= self.grace_ms:
                continue
            # Read after the listing: a row that names the blob is older than the grace as well.
            if repository_id not in named:
                named[repository_id] = self._named(repository_id, now_ms)
            kept = named[repository_id]
            if kept is not None and push_id not in kept:
                self.blobs.delete(blob.key)
                deleted += 1
        return deleted

    def _named(self, repository_id: str, now_ms: int) -> set[str] | None:
        """Return the push ids that a repository's rows name; None where all blobs stay for now."""
        with self.database.read() as connection:
            if rows.was_deleted_since(connection, repository_id, now_ms - RETIRED_KEPT_MS):
                return None
            return rows.every_push_id(connection, repository_id)


def _parts(key: str) -> tuple[str, str]:
    """Split r/REPOSITORY/p/PUSH.suffix."""
    _, repository_id, _, name = key.split("/", 3)
    return repository_id, name.split(".", 1)[0]
