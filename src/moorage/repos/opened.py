"""An opened repository: its key was unwrapped for this caller, so its contents may be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.core.names import ObjectId
from moorage.core.principal import Caller
from moorage.git import objects
from moorage.repos.repositories import does_not_exist
from moorage.repos.snapshot import Snapshot, Snapshots
from moorage.storage.repositories import RepositoryRow

if TYPE_CHECKING:
    from moorage.crypto.streams import DataKey
    from moorage.git.environment import Place
    from moorage.git.objects import CommitInfo
    from moorage.keys.keyring import Keyring
    from moorage.repos.cache import WorkingCache


@dataclass(frozen=True, slots=True)
class OpenRepository:
    """A repository at one snapshot, with the key to its packs."""

    snapshot: Snapshot
    data_key: DataKey
    cache: WorkingCache

    @property
    def row(self) -> RepositoryRow:
        return self.snapshot.row

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """Yield a bare repository on disk that stays until the block ends."""
        with self.cache.reading(self.snapshot, self.data_key) as path:
            yield path

    @contextmanager
    def lending(self) -> Iterator[Place]:
        """Yield the same for children, each of which holds it until its own end."""
        with self.cache.lending(self.snapshot, self.data_key) as place:
            yield place

    def commit(self, object_id: ObjectId) -> CommitInfo | None:
        """Return a commit, or None when no commit has that id."""
        with self.reading() as path:
            return objects.read_commit(path, object_id)

    def has_commit(self, object_id: ObjectId) -> bool:
        """Tell whether a commit has that id."""
        with self.reading() as path:
            return objects.object_type(path, object_id) == "commit"


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens repositories: the one place where a right to the key turns into a key."""

    snapshots: Snapshots
    keyring: Keyring
    cache: WorkingCache

    def open(self, caller: Caller, row: RepositoryRow) -> OpenRepository:
        """Open a repository for a caller.

        Raises:
            Fault: one of the five KMS errors when a policy denies the key or its state forbids
                use, RepositoryDoesNotExistException when it was deleted meanwhile.
        """
        return self._opened(row, self.keyring.open(caller, row))

    def open_for_service(self, row: RepositoryRow) -> OpenRepository:
        """Open a repository for the service's own work (maintenance, verify), for no caller."""
        return self._opened(row, self.keyring.open_for_service(row))

    def _opened(self, row: RepositoryRow, data_key: DataKey) -> OpenRepository:
        snapshot = self.snapshots.current(row.repository_id)
        if snapshot is None:
            raise does_not_exist(row.name)
        return OpenRepository(snapshot, data_key, self.cache)
