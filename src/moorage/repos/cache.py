"""The working cache: plaintext bare repositories that stock git reads. Never the only copy.

    CACHE/repositories/ID/            a bare repository, with `generation` written last
    CACHE/locks/ID.{presence,fill}    see `locks`
    CACHE/quarantine/                 packs being received

A repository's folder serves a snapshot when its generation has been reached and every pack the
snapshot names is there; otherwise it is filled first. Packs only ever come: they are removed by
eviction and by `drop_packs`, both of which hold `presence` exclusively.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from moorage.core.faults import Fault
from moorage.core.room import is_full, room_for
from moorage.crypto.streams import BlobTampered
from moorage.git.environment import Place
from moorage.git.handles import handles
from moorage.repos import locks
from moorage.repos.cached_refs import write_all_refs, write_changed_refs
from moorage.repos.prepared import drop_oldest_responses
from moorage.repos.sealed_packs import fetch_blob
from moorage.storage.blobs import BlobMissing

if TYPE_CHECKING:
    from moorage.crypto.streams import DataKey
    from moorage.repos.snapshot import Snapshot
    from moorage.storage.blobs import BlobStore
    from moorage.storage.repositories import PackRow, RefChange

# What git reads in each cached repository. The rest comes with each child's environment.
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[gc]
\tauto = 0
"""


# What there is no room for, and who can help.
_FILLED = "this repository in its cache (its administrator can give the folder of --cache more space)"

# Prepared responses may take this part of the cache; the least recently asked for go first.
_SHARE_OF_RESPONSES = 4


# Of so many repositories it is remembered that their packs are there; then it begins anew.
_KNOWN_WHOLE = 2_000

_Change = tuple[int, int]
_Whole = tuple[tuple["PackRow", ...], _Change]

log = structlog.get_logger(__name__)


class WorkingCache:
    """The cache folder of one node, shared by all its worker processes."""

    def __init__(self, folder: Path, limit_bytes: int, blobs: BlobStore) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._blobs = blobs
        # Of each repository: the packs that were all found there, and when nothing had changed since.
        self._whole: dict[str, _Whole] = {}

    @property
    def quarantine(self) -> Path:
        """The folder that packs are received into: on the cache's own file system."""
        folder = self.folder / "quarantine"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def alone(self) -> contextlib.AbstractContextManager[object]:
        """Return a lock that one process of this node holds at a time: for work that takes much memory."""
        return locks.held(self.folder / "locks" / "heavy", exclusive=True)

    def path(self, repository_id: str) -> Path:
        """Return where a repository's folder is, or would be."""
        return self.folder / "repositories" / repository_id

    @contextmanager
    def reading(self, snapshot: Snapshot, data_key: DataKey) -> Iterator[Path]:
        """Yield a bare repository that holds at least `snapshot`, kept there until the block ends."""
        with self.lending(snapshot, data_key) as place:
            yield place.repository

    @contextmanager
    def lending(self, snapshot: Snapshot, data_key: DataKey) -> Iterator[Place]:
        """Do as `reading`, for children: the repository stays for each of them until it ends.

        That may be after this process was killed.
        """
        repository_id = snapshot.row.repository_id
        with self._present(repository_id) as lock:
            if not self._holds(snapshot):
                self._fill_with_room(snapshot, data_key)
            yield Place(self._touched(repository_id), lock=lock)

    def adopt(
        self,
        generation: int,
        after: Snapshot,
        changes: Sequence[RefChange],
        pack: tuple[Path, Path, str] | None,
    ) -> None:
        """Take over what a publish made the `generation` of its repository: pack, index and checksum, refs.

        The refs only where the folder stands exactly before it, and `after` at it: otherwise the next
        reader fills the gap, for which the pack at least need not be brought.
        """
        repository_id = after.row.repository_id
        with self._present(repository_id), self._filling(repository_id):
            standing = self._generation(repository_id)
            if not 0 < standing < generation:
                return
            folder = self.path(repository_id)
            if pack is not None:
                source, index, checksum = pack
                were_whole = self._is_known_whole(repository_id, after.packs[:-1])
                _install(folder, checksum, source, index)
                if were_whole and after.packs[-1].checksum == checksum:
                    self._know_whole(repository_id, after.packs)
            if standing + 1 == generation == after.generation:
                write_changed_refs(folder, changes, after.refs)
                _write_generation(folder, generation)

    def purge(self, repository_id: str) -> None:
        """Remove a repository's folder; fetches under way from it may fail."""
        self._remove_if_free(repository_id, even_if_read=True)

    def evict(self, limit_bytes: int | None = None) -> int:
        """Remove least recently used folders that nobody reads until the limit holds; return bytes freed.

        The limit is the cache's, unless another is given.
        """
        limit = self.limit_bytes if limit_bytes is None else limit_bytes
        folders = [folder for folder in self._folders() if folder.is_dir()]
        drop_oldest_responses(folders, limit // _SHARE_OF_RESPONSES)
        sized = sorted((_used_at(folder), folder, _bytes_in(folder)) for folder in folders)
        excess = sum(size for _, _, size in sized) - limit
        freed = 0
        for _, folder, size in sized:
            if freed >= excess:
                break
            if self._remove_if_free(folder.name):
                freed += size
        left = {lock.stem for lock in (self.folder / "locks").glob("*.presence")}
        for repository_id in left - {folder.name for folder in folders}:
            self._remove_if_free(repository_id)
        return freed

    def _remove_if_free(self, repository_id: str, *, even_if_read: bool = False) -> bool:
        """Remove a repository's folder and, where nobody reads it, its locks; return whether that was so."""
        presence = self._lock(repository_id, "presence")
        with locks.held_if_free(presence) as alone:
            if alone or even_if_read:
                _remove(self.path(repository_id))
                handles.drop(self.path(repository_id))
            if alone:  # so nobody fills it either; who waits for presence finds it gone, and begins anew
                self._lock(repository_id, "fill").unlink(missing_ok=True)
                presence.unlink(missing_ok=True)
        return alone

    def cached(self, used_after: float = 0.0) -> list[str]:
        """Return the ids of the repositories that have a folder here, used after then (Unix seconds)."""
        return [folder.name for folder in self._folders() if _used_at(folder) >= used_after]

    def drop_packs(self, repository_id: str, keep: set[str]) -> bool:
        """Remove packs with other checksums than these, if nobody reads; return whether that was so."""
        handles.drop(self.path(repository_id))
        with locks.held_if_free(self._lock(repository_id, "presence")) as alone:
            if not alone:
                return False
            folder = self.path(repository_id) / "objects" / "pack"
            packs = [file for file in folder.glob("pack-*") if _checksum(file) not in keep]
            # A multi-pack-index over packs that are gone would mislead git; the next repack makes one.
            for file in [*folder.glob("multi-pack-index*"), *packs] if packs else []:
                file.unlink(missing_ok=True)
            return True

    # --- filling ----------------------------------------------------------------------------

    def _fill_with_room(self, snapshot: Snapshot, data_key: DataKey) -> None:
        """Fill, on a full disk once more when all that nobody reads has left it.

        Raises:
            Fault: it does not suffice (503); what was brought of the pack that did not fit is gone.
        """
        try:
            self._fill(snapshot, data_key)
        except OSError as error:
            if not is_full(error):
                raise
            log.warning("the cache's disk is full", cause=str(error), freed_bytes=self.evict(0))
            with room_for(_FILLED):
                self._fill(snapshot, data_key)

    def _fill(self, snapshot: Snapshot, data_key: DataKey) -> None:
        repository_id = snapshot.row.repository_id
        with self._filling(repository_id):
            if self._holds(snapshot):  # another reader filled it while this one waited
                return
            folder = self._prepared(repository_id)
            for pack in snapshot.packs:
                if not _has_pack(folder, pack):
                    self._bring(folder, pack, data_key)
            if self._generation(repository_id) < snapshot.generation:
                write_all_refs(folder, snapshot.refs)
                _write_generation(folder, snapshot.generation)

    def _prepared(self, repository_id: str) -> Path:
        folder = self.path(repository_id)
        for part in ("objects/pack", "objects/info", "refs/heads", "refs/tags"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(folder / "config", _CONFIG.encode())
        if not (folder / "HEAD").exists():
            _replace(folder / "HEAD", b"ref: refs/heads/main\n")
        for leftover in (folder / "objects" / "pack").glob("tmp_*"):
            leftover.unlink(missing_ok=True)
        return folder

    def _bring(self, folder: Path, pack: PackRow, data_key: DataKey) -> None:
        incoming = folder / "objects" / "pack"
        source, index = incoming / f"tmp_{pack.push_id}.pack", incoming / f"tmp_{pack.push_id}.idx"
        for key, target in ((pack.pack_key, source), (pack.index_key, index)):
            try:
                fetch_blob(self._blobs, key, data_key, target)
            except (BlobTampered, BlobMissing) as error:
                raise _damaged(key) from error
            except OSError:
                for part in (source, index):  # a part of a pack must not fill a disk that is full
                    part.unlink(missing_ok=True)
                raise
        _install(folder, pack.checksum, source, index)

    # --- where it stands --------------------------------------------------------------------

    def _holds(self, snapshot: Snapshot) -> bool:
        repository_id = snapshot.row.repository_id
        if self._generation(repository_id) < snapshot.generation:
            return False
        if self._is_known_whole(repository_id, snapshot.packs):
            return True
        folder = self.path(repository_id)
        since = _changed_at(folder)
        if not all(_has_pack(folder, pack) for pack in snapshot.packs):
            return False
        self._know_whole(repository_id, snapshot.packs, since)
        return True

    def _is_known_whole(self, repository_id: str, packs: Sequence[PackRow]) -> bool:
        """Tell whether these packs were all there, and no file came to them or went since."""
        known = self._whole.get(repository_id)
        return known is not None and known == (packs, _changed_at(self.path(repository_id)))

    def _know_whole(
        self, repository_id: str, packs: tuple[PackRow, ...], since: _Change | None = None
    ) -> None:
        if len(self._whole) >= _KNOWN_WHOLE:
            self._whole.clear()
        self._whole[repository_id] = packs, since or _changed_at(self.path(repository_id))

    def _generation(self, repository_id: str) -> int:
        try:
            return int((self.path(repository_id) / "generation").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _touched(self, repository_id: str) -> Path:
        folder = self.path(repository_id)
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder / "generation")
        return folder

    def _folders(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return list((self.folder / "repositories").iterdir())
        return []

    def _lock(self, repository_id: str, kind: str) -> Path:
        return self.folder / "locks" / f"{repository_id}.{kind}"

    def _present(self, repository_id: str) -> contextlib.AbstractContextManager[int]:
        return locks.held(self._lock(repository_id, "presence"), exclusive=False)

    def _filling(self, repository_id: str) -> contextlib.AbstractContextManager[int]:
        return locks.held(self._lock(repository_id, "fill"), exclusive=True)


def _damaged(key: str) -> Fault:
    return Fault(
        "EncryptionIntegrityChecksFailedException",
        "The stored data of this repository is damaged. Its administrator can run: moorage verify",
        status=500,
        blob_key=key,
    )


def _changed_at(folder: Path) -> _Change:
    """Return what tells that a repository's packs have changed: which folder has them, and its time."""
    try:
        status = os.stat(f"{folder}/objects/pack")  # noqa: PTH116 - asked by every request, as below
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def _checksum(pack: Path) -> str:
    return pack.name.removeprefix("pack-").split(".")[0]


def _has_pack(folder: Path, pack: PackRow) -> bool:
    """Tell whether a pack is there, whole: a power cut may leave names of files that were never written."""
    # Asked of every pack whenever one came, so in plain strings: a Path costs ten times the system's call.
    stem = f"{folder}/objects/pack/pack-{pack.checksum}"
    try:
        sizes = [os.stat(stem + suffix).st_size for suffix in (".pack", ".idx")]  # noqa: PTH116 - see above
    except FileNotFoundError:
        return False
    return sizes == [pack.pack_bytes, pack.index_bytes]


def _install(folder: Path, checksum: str, pack: Path, index: Path) -> None:
    """Move a pack in place, the index last: git looks for packs by their indexes."""
    stem = folder / "objects" / "pack" / f"pack-{checksum}"
    pack.replace(stem.with_suffix(".pack"))
    index.replace(stem.with_suffix(".idx"))


def _write_generation(folder: Path, generation: int) -> None:
    _replace(folder / "generation", f"{generation}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def _remove(folder: Path) -> None:
    # The generation goes first, so that a folder half removed serves nobody.
    (folder / "generation").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _used_at(folder: Path) -> float:
    try:
        return (folder / "generation").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _bytes_in(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(path) / file).stat().st_size
    return total
