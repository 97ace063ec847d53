"""Blobs: immutable bytes under a key. A folder or an S3-compatible store keeps them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BytesIO
from typing import BinaryIO, NamedTuple, Protocol

from moorage.core.clock import Clock, SystemClock, milliseconds

PIECE_BYTES = 1 << 20
_KEY_CHARACTERS = 512

# Segments as POSIX's portable names. None begins with a dot: no `..`, and no clash with what a
# store keeps beside the blobs.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})*")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/)*(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})?")


class BlobMissing(Exception):
    """No blob has this key."""


class BlobExists(Exception):
    """The key is taken by other bytes; it still holds them."""


class BlobEntry(NamedTuple):
    """What a listing says of a blob. The time is Unix milliseconds, by the store's clock."""

    key: str
    size: int
    modified_ms: int


class BlobStore(Protocol):
    """Durable, write-once blobs; from any thread.

    Keys are segments of letters, digits, `.`, `_` and `-`, joined by `/`; a segment does not begin
    with a dot, and another key raises ValueError. A store that is out of reach or full raises
    `core.faults.unavailable`.
    """

    def put(self, key: str, content: BinaryIO) -> None:
        """Return only when the blob would survive a crash.

        Putting a key again with the same bytes is harmless.

        Raises:
            BlobExists: with other bytes.
        """

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        """Put several blobs, faster than one after the other; return when all would survive a crash.

        When it raises, any of them may be there.

        Raises:
            BlobExists: one key is taken by other bytes.
        """

    def get(self, key: str) -> BinaryIO:
        """Return the bytes as a stream, to be closed.

        Raises:
            BlobMissing: there is none.
        """

    def size(self, key: str) -> int:
        """Return its length in bytes.

        Raises:
            BlobMissing: there is none.
        """

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no error. It may come back after a power cut."""

    def keys(self, prefix: str = "") -> Iterator[BlobEntry]:
        """Yield the blobs whose key begins with `prefix`, sorted by key. It may lag behind `put`.

        Where one folder's name continues another's (`a` and `a-b`), which comes first is the
        store's affair: S3 compares whole keys, SeaweedFS folders.
        """

    def sweep_temporaries(self, older_than: datetime) -> int:
        """Remove what puts left behind that were cut off before that moment; return how many."""

    def require_usable(self) -> None:
        """Try the store out, at start-up.

        Raises:
            StorageRefused: it cannot be reached, or does not keep its promises.
        """


def require_key(key: str) -> None:
    """Raise ValueError unless `key` may name a blob."""
    if len(key) > _KEY_CHARACTERS or _KEY.fullmatch(key) is None:
        raise ValueError(f"not a blob key: {key[:80]!r}")


def require_prefix(prefix: str) -> None:
    """Raise ValueError unless `prefix` may begin a key. The empty one begins all."""
    if len(prefix) > _KEY_CHARACTERS or _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"not the beginning of a blob key: {prefix[:80]!r}")


def same_bytes(one: BinaryIO, other: BinaryIO) -> bool:
    """Tell whether two streams hold the same bytes, a piece at a time."""
    while True:
        piece = one.read(PIECE_BYTES)
        if piece != _exactly(other, len(piece)):
            return False
        if not piece:
            return not other.read(1)


class MemoryBlobs:
    """Blobs in a dictionary, for tests: nothing is durable."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._blobs: dict[str, tuple[bytes, int]] = {}
        self._lock = threading.Lock()

    def put(self, key: str, content: BinaryIO) -> None:
        require_key(key)
        data = content.read()
        with self._lock:
            held, _ = self._blobs.setdefault(key, (data, milliseconds(self._clock.now())))
        if held != data:
            raise BlobExists(key)

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        for key, content in contents.items():
            self.put(key, content)

    def get(self, key: str) -> BinaryIO:
        return BytesIO(self._held(key))

    def size(self, key: str) -> int:
        return len(self._held(key))

    def delete(self, key: str) -> None:
        require_key(key)
        with self._lock:
            self._blobs.pop(key, None)

    def keys(self, prefix: str = "") -> Iterator[BlobEntry]:
        require_prefix(prefix)
        with self._lock:
            held = sorted(self._blobs.items())
        return iter([BlobEntry(key, len(data), at) for key, (data, at) in held if key.startswith(prefix)])

    def sweep_temporaries(self, older_than: datetime) -> int:  # noqa: ARG002 - there are none
        return 0

    def require_usable(self) -> None:
        """Nothing to try."""

    def _held(self, key: str) -> bytes:
        require_key(key)
        with self._lock:
            if key not in self._blobs:
                raise BlobMissing(key)
            return self._blobs[key][0]


def _exactly(stream: BinaryIO, length: int) -> bytes:
    """Read `length` bytes, or all there are: one read may bring fewer."""
    pieces = []
    while length > 0 and (piece := stream.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
