"""Blobs as files of a folder, written so that a power cut after `put` loses none.

Four steps, each needed: write a temporary file, sync it, link it to its name (which fails if the
name is taken), sync the folders that lead to it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from moorage.core.faults import unavailable
from moorage.storage.blobs import (
    PIECE_BYTES,
    BlobEntry,
    BlobExists,
    BlobMissing,
    require_key,
    require_prefix,
    same_bytes,
)
from moorage.storage.refusal import StorageRefused

# Begins with a dot, as no key does; on the same file system, for link.
_TEMPORARY = ".temporary"
# A folder may be pruned by a delete between its making and the link, but hardly again and again.
_LINK_ATTEMPTS = 5

# Each costs a descriptor.
_DURABLE_FOLDERS = 64

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DirectoryBlobs:
    """A folder of blobs. See `BlobStore`."""

    def __init__(self, path: Path) -> None:
        self._root = path.absolute()
        self._temporary = self._root / _TEMPORARY
        self._durable = _DurableFolders()
        try:
            self._temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(self._root)
            _sync_folder(self._root.parent)
        except OSError as error:
            raise StorageRefused(f"The blob folder {path} cannot be used: {error.strerror}.") from error

    def put(self, key: str, content: BinaryIO) -> None:
        self.put_all({key: content})

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        for key, content in contents.items():
            with _named(key):
                self._place(key, content)
        # Folders are the dear ones to sync: blobs that lie together share that.
        with _named(next(iter(contents), "")):
            for folder in dict.fromkeys(self._path(key).parent for key in contents):
                self._sync_way(folder)

    def get(self, key: str) -> BinaryIO:
        with _named(key):
            return self._path(key).open("rb")

    def size(self, key: str) -> int:
        with _named(key):
            status = self._path(key).stat()
        if not stat.S_ISREG(status.st_mode):
            raise BlobMissing(key)
        return status.st_size

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _named(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        # Folders left empty go too; one that is not, or is taken again, ends this.
        with contextlib.suppress(OSError):
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def keys(self, prefix: str = "") -> Iterator[BlobEntry]:
        require_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        return _walk(self._root / folder, f"{folder}/" if folder else "", prefix)

    def sweep_temporaries(self, older_than: datetime) -> int:
        swept = 0
        for entry in os.scandir(self._temporary):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < older_than.timestamp():
                    Path(entry.path).unlink()
                    swept += 1
        return swept

    def require_usable(self) -> None:
        probe = self._temporary / uuid.uuid4().hex
        twin = probe.with_suffix(".link")
        try:
            probe.touch(mode=0o600)
            os.link(probe, twin)
        except OSError as error:
            raise StorageRefused(
                f"The blob folder {self._root} cannot be written, or has no hard links: {error.strerror}."
            ) from error
        finally:
            probe.unlink(missing_ok=True)
            twin.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        require_key(key)
        return self._root / key

    def _link(self, temporary: Path, target: Path) -> bool:
        """Give the file its name; False when the name is taken."""
        for attempt in range(1, _LINK_ATTEMPTS + 1):
            try:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.link(temporary, target)
            except FileNotFoundError:
                if attempt == _LINK_ATTEMPTS:
                    raise
            except (FileExistsError, NotADirectoryError):
                return False
            else:
                return True
        raise AssertionError("not reached")

    def _place(self, key: str, content: BinaryIO) -> None:
        """Give a blob its name, its bytes on the disk before that."""
        target = self._path(key)
        temporary = self._temporary / uuid.uuid4().hex
        try:
            _write(temporary, content)
            if not self._link(temporary, target):
                self._require_same(key, temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _require_same(self, key: str, temporary: Path, target: Path) -> None:
        """Raise BlobExists unless both hold the same bytes; make the standing one durable."""
        if not target.is_file():
            raise BlobExists(f"{key} leads through, or to, another blob's folder")
        with temporary.open("rb") as new, target.open("rb") as held:
            if not same_bytes(new, held):
                raise BlobExists(key)
            _sync(held.fileno())

    def _sync_way(self, folder: Path) -> None:
        """Sync a folder with a new blob and, unless that was done before, every one up to the root.

        Whoever made those, they may not be durable yet. To sync one without changes costs a disk's flush.
        """
        known = self._durable.get(folder)
        held = known or _HeldFolder(folder)
        _sync(held.descriptor)
        if known is None:
            for above in folder.parents[: len(folder.relative_to(self._root).parts)]:
                _sync_folder(above)
        self._durable.keep(folder, held)


class _HeldFolder:
    """A folder held open: while it is, no other can get its number, even when it was removed."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.descriptor)

    def is_at(self, path: Path) -> bool:
        there, here = path.stat(), os.fstat(self.descriptor)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


class _DurableFolders:
    """The folders last written to whose names, and those of all above them, are on the disk.

    A delete may remove them when they are empty, and a put make them anew: those are not the same.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[Path, _HeldFolder] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> _HeldFolder | None:
        with self._lock:
            held = self._held.get(path)
        return held if held is not None and held.is_at(path) else None

    def keep(self, path: Path, held: _HeldFolder) -> None:
        with self._lock:
            self._held[path] = held
            self._held.move_to_end(path)
            if len(self._held) > _DURABLE_FOLDERS:
                self._held.popitem(last=False)


def _write(path: Path, content: BinaryIO) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        shutil.copyfileobj(content, _Whole(file), PIECE_BYTES)
        _sync(file.fileno())


class _Whole:
    """Writes every piece whole: an unbuffered file may take a part of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, piece: bytes) -> int:
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(piece)


def _walk(folder: Path, at: str, prefix: str) -> Iterator[BlobEntry]:
    """Yield what lies below `folder`, whose keys begin with `at`, in the order of whole keys."""
    try:
        with os.scandir(folder) as scan:
            # A folder sorts as its keys do: `a-b` comes before `a/b`, and `a.b` too.
            entries = sorted((f"{at}{entry.name}{'/' if entry.is_dir() else ''}", entry) for entry in scan)
    except (FileNotFoundError, NotADirectoryError):
        return
    for key, entry in entries:
        if entry.name.startswith("."):
            continue
        if key.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _walk(Path(entry.path), key, prefix)
        elif key.startswith(prefix):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                status = entry.stat()
                yield BlobEntry(key, status.st_size, status.st_mtime_ns // 1_000_000)


@contextlib.contextmanager
def _named(key: str) -> Iterator[None]:
    """Turn the file system's errors into those of the protocol."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise BlobMissing(key) from error
    except FileExistsError as error:  # a folder's name is taken by a blob
        raise BlobExists(key) from error
    except OSError as error:
        message = (
            "The blob store's disk is full." if error.errno in _FULL else "The blob store failed; try again."
        )
        raise unavailable(message, cause=str(error), key=key) from error


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Push a file or folder to the disk itself. macOS's fsync stops at the disk's cache."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, full)
