"""The sweeper: deletes blobs that no row names, once they are older than any push may last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.repos.commit import SWEEP_GRACE_MS
from moorage.storage import repositories as rows

if TYPE_CHECKING:
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database

# Fetches under way may still read a pack that a repack replaced (design.md section 2).
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
        named: dict[str, set[str]] = {}
        for blob in self.blobs.keys("r/"):
            repository_id, push_id = _parts(blob.key)
            if now_ms - blob.modified_ms <= self.grace_ms:
                continue
            # Read after the listing: a row that names the blob is older than the grace as well.
            if repository_id not in named:
                with self.database.read() as connection:
                    named[repository_id] = rows.every_push_id(connection, repository_id)
            if push_id not in named[repository_id]:
                self.blobs.delete(blob.key)
                deleted += 1
        return deleted


def _parts(key: str) -> tuple[str, str]:
    """Split r/REPOSITORY/p/PUSH.suffix."""
    _, repository_id, _, name = key.split("/", 3)
    return repository_id, name.split(".", 1)[0]
