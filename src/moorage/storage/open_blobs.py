"""From a URL to a blob store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from moorage.storage.blobs import BlobStore, MemoryBlobs
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.refusal import StorageRefused


def open_blobs(url: str) -> BlobStore:
    """Open `file:///PATH`, `s3://BUCKET/PREFIX?endpoint=…&region=…`, or `memory:` for tests.

    Raises:
        StorageRefused: the URL is none of these, or the folder cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path not in {"", "/"}:
        return DirectoryBlobs(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        from moorage.storage.blobs_s3 import S3Blobs  # noqa: PLC0415 - its driver is an extra

        return S3Blobs.open(url)
    if parts.scheme == "memory":
        return MemoryBlobs()
    raise StorageRefused("The blob store's URL is neither file:///PATH nor s3://BUCKET/PREFIX.")
