"""Blobs in an S3-compatible store, through obstore. Memory is bounded whatever a blob's length.

Small blobs are created on condition that the key is free, in one request. S3 has no such condition
for an upload in parts that obstore could send, so longer ones look first. Correctness never rests
on either: a key is made for one attempt and never used again.
"""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from moorage.core.faults import unavailable
from moorage.storage.blobs import (
    BlobEntry,
    BlobExists,
    BlobMissing,
    require_key,
    require_prefix,
    same_bytes,
)
from moorage.storage.refusal import StorageRefused

# A part, and what is read by one request. S3 allows 10,000 parts: 80 GB a blob.
_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4
_BLOBS_AT_ONCE = 4

# Begins with a dot, as no blob's key does.
_PROBE = ".moorage-probe"

# What a URL may say beside bucket and prefix; all else comes from AWS's own variables.
_QUERY = {
    "endpoint": "endpoint",
    "region": "region",
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
    "virtual_hosted": "virtual_hosted_style_request",
}

_RETRY: dict[str, Any] = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}


class S3Blobs:
    """A bucket of blobs, or a part of one. See `BlobStore`.

    Uploads that are cut off leave parts that only the store can list: give the bucket a lifecycle
    rule that aborts incomplete multipart uploads.
    """

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._creates = True

    @classmethod
    def open(cls, url: str) -> Self:
        """Open `s3://BUCKET/PREFIX?endpoint=…&region=…`; nothing is sent yet.

        Credentials come from AWS_ACCESS_KEY_ID and its kin, or from the query.

        Raises:
            StorageRefused: the URL cannot be used. The message shows no credential.
        """
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        unknown = sorted(set(query) - set(_QUERY))
        if not parts.netloc or unknown:
            wrong = f"does not know {', '.join(unknown)}" if unknown else "names no bucket"
            raise StorageRefused(
                f"The blob store's URL {wrong}; it is s3://BUCKET/PREFIX?endpoint=…&region=…"
            )
        # Blobs are deleted one at a time; not every store knows how to delete in bulk.
        config = {"disable_bulk_delete": "true"} | {_QUERY[name]: value for name, value in query.items()}
        options: dict[str, Any] = {"connect_timeout": "5s", "timeout": "60s"}
        if config.get("endpoint", "").startswith("http://"):
            options["allow_http"] = True
        try:
            store = S3Store(
                parts.netloc,
                prefix=unquote(parts.path).strip("/") or None,
                config=cast("Any", config),
                client_options=cast("Any", options),
                retry_config=cast("Any", _RETRY),
            )
        except (BaseError, ValueError) as error:
            raise StorageRefused("The blob store's URL cannot be used: wrong endpoint or option.") from error
        return cls(store)

    def put(self, key: str, content: BinaryIO) -> None:
        require_key(key)
        first = _read_part(content)
        pieces = _Pieces(first, content)
        with _named(key):
            small = len(first) < _PART_BYTES
            put = self._put_small(key, first) if small else self._put_parts(key, pieces)
            if not put:
                self._require_same(key, pieces)
                return
            # Not every store that answers 200 has kept what it was sent.
            if self._kept(key) != (pieces.count or len(first)):
                raise unavailable("The blob store did not keep a blob whole; try again.", key=key)

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        # Each is a few round trips: they are made side by side, for any number of blobs four at a time.
        with ThreadPoolExecutor(_BLOBS_AT_ONCE) as threads:
            for outcome in [threads.submit(self.put, *item) for item in contents.items()]:
                outcome.result()

    def get(self, key: str) -> BinaryIO:
        require_key(key)
        with _named(key):
            return cast("BinaryIO", io.BufferedReader(_Ranges(self._store, key), 1 << 20))

    def size(self, key: str) -> int:
        require_key(key)
        with _named(key):
            return int(self._head(key)["size"])

    def delete(self, key: str) -> None:
        require_key(key)
        with _named(key), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def keys(self, prefix: str = "") -> Iterator[BlobEntry]:
        require_prefix(prefix)
        return self._listed(prefix)

    def sweep_temporaries(self, older_than: datetime) -> int:  # noqa: ARG002 - see the class
        return 0

    def require_usable(self) -> None:
        key = f"{_PROBE}/{uuid.uuid4().hex}"
        try:
            obstore.put(self._store, key, b"1", mode="create")
            with contextlib.suppress(AlreadyExistsError):
                obstore.put(self._store, key, b"2", mode="create")
                self._creates = False  # the condition was ignored: look before every put
            kept = bytes(obstore.get(self._store, key).bytes())
            obstore.delete(self._store, key)
        except (BaseError, OSError) as error:
            raise StorageRefused(f"The blob store cannot be used: {_first_line(error)}") from error
        if kept != (b"1" if self._creates else b"2"):
            raise StorageRefused("The blob store does not give back what was put into it.")

    def _put_small(self, key: str, data: bytes) -> bool:
        """Put a blob of one part; False when the key is taken."""
        if not self._creates and self._exists(key):
            return False
        try:
            obstore.put(self._store, key, data, mode="create" if self._creates else "overwrite")
        except AlreadyExistsError:
            # Perhaps by this very request, when it was retried after its answer was lost.
            return False
        return True

    def _put_parts(self, key: str, pieces: _Pieces) -> bool:
        """Put a blob of several parts; False when the key is taken."""
        if self._exists(key):
            return False
        obstore.put(self._store, key, pieces.parts(), chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        return True

    def _require_same(self, key: str, pieces: _Pieces) -> None:
        with self.get(key) as held:
            if not same_bytes(cast("BinaryIO", pieces), held):
                raise BlobExists(key)

    def _exists(self, key: str) -> bool:
        return self._kept(key) is not None

    def _kept(self, key: str) -> int | None:
        """Return a blob's length, or None when there is none."""
        try:
            return int(self._head(key)["size"])
        except FileNotFoundError:
            return None

    def _head(self, key: str) -> Any:
        return obstore.head(self._store, key)

    def _listed(self, prefix: str) -> Iterator[BlobEntry]:
        # obstore's prefixes are whole folders; S3 sorts by key.
        folder, _, _ = prefix.rpartition("/")
        with _named(prefix):
            for page in obstore.list(self._store, prefix=folder or None, chunk_size=1000):
                for entry in page:
                    key = entry["path"]
                    if key.startswith(prefix) and not key.startswith("."):
                        yield BlobEntry(key, entry["size"], round(entry["last_modified"].timestamp() * 1000))


class _Pieces(io.RawIOBase):
    """The part that was read already, then the rest; counts what it gave."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._first = io.BytesIO(first)
        self._rest = rest
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._first.read(size) or self._rest.read(size)
        self.count += len(piece)
        return piece

    def parts(self) -> Iterator[bytes]:
        while piece := self.read(_PART_BYTES):
            yield piece


class _Ranges(io.RawIOBase):
    """Reads an object by ranges, so that a connection that breaks costs one part, not the stream."""

    def __init__(self, store: S3Store, key: str) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._size = obstore.head(store, key)["size"]
        self._at = 0
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._part and self._at < self._size:
            with _named(self._key):
                self._part = self._next()
        taken = self._part[: len(buffer)]
        buffer[: len(taken)] = taken
        self._part = self._part[len(taken) :]
        return len(taken)

    def _next(self) -> memoryview:
        length = min(_PART_BYTES, self._size - self._at)
        part = memoryview(obstore.get_range(self._store, self._key, start=self._at, length=length))
        if len(part) != length:
            raise unavailable("The blob store cut a blob short; try again.", key=self._key)
        self._at += length
        return part


def _read_part(content: BinaryIO) -> bytes:
    """Read one part; less only at the end."""
    pieces: list[bytes] = []
    missing = _PART_BYTES
    while missing and (piece := content.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


@contextlib.contextmanager
def _named(key: str) -> Iterator[None]:
    """Turn obstore's errors into those of the protocol."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(key) from error
    except (BaseError, OSError) as error:
        raise unavailable("The blob store failed; try again.", cause=_first_line(error), key=key) from error


def _first_line(error: Exception) -> str:
    """Drop the rest: obstore's messages go on for pages, with the request in them."""
    return str(error).split("\n", 1)[0][:300]
