"""Packs between the working cache and the blob store: sealed on the way in, opened on the way out."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from moorage.crypto import streams
from moorage.storage.repositories import PackRow, blob_key

if TYPE_CHECKING:
    from moorage.crypto.streams import DataKey
    from moorage.git.quarantine import Received
    from moorage.storage.blobs import BlobStore

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SealedPack:
    """A received pack and the sealed files made of it, not yet in the blob store."""

    push_id: str
    received: Received
    pack: Path
    index: Path
    pack_sha256: str
    index_sha256: str

    def row(self, repository_id: str, generation: int, source: str) -> PackRow:
        """Return the row that names its blobs."""
        return PackRow(
            push_id=self.push_id,
            repository_id=repository_id,
            checksum=self.received.checksum,
            source=source,
            object_count=self.received.object_count,
            largest_object_bytes=self.received.largest_object_bytes,
            pack_bytes=self.received.pack.stat().st_size,
            index_bytes=self.received.index.stat().st_size,
            pack_sha256=self.pack_sha256,
            index_sha256=self.index_sha256,
            added_generation=generation,
        )


def seal(received: Received, *, repository_id: str, push_id: str, data_key: DataKey) -> SealedPack:
    """Seal a received pack and its index beside them. Each blob's key is bound into its seal."""
    pack = received.pack.with_suffix(".pack.sealed")
    index = received.pack.with_suffix(".idx.sealed")
    return SealedPack(
        push_id,
        received,
        pack,
        index,
        _seal(received.pack, pack, data_key, blob_key(repository_id, push_id, "pack")),
        _seal(received.index, index, data_key, blob_key(repository_id, push_id, "idx")),
    )


def store(blobs: BlobStore, sealed: SealedPack, repository_id: str) -> None:
    """Make both blobs durable. They are there when this returns, and no row names them yet."""
    with sealed.pack.open("rb") as pack, sealed.index.open("rb") as index:
        blobs.put_all(
            {
                blob_key(repository_id, sealed.push_id, "pack"): pack,
                blob_key(repository_id, sealed.push_id, "idx"): index,
            }
        )
    for path in (sealed.pack, sealed.index):
        path.unlink()


def fetch_blob(blobs: BlobStore, key: str, data_key: DataKey, target: Path) -> None:
    """Write a blob's plaintext to `target`.

    Raises:
        BlobMissing: the store has no such blob.
        BlobTampered: it is not what was sealed under this key.
    """
    with (
        blobs.get(key) as sealed,
        target.open("wb") as plain,
        streams.open_stream(sealed, data_key, key.encode()) as content,
    ):
        shutil.copyfileobj(content, plain, _PIECE_BYTES)


def digest(blobs: BlobStore, key: str) -> str:
    """Return the SHA-256 of a blob as stored, in hex."""
    with blobs.get(key) as sealed:
        return _sha256(sealed)


def _seal(source: Path, target: Path, data_key: DataKey, key: str) -> str:
    with source.open("rb") as plain, target.open("wb") as sealed:
        streams.seal(plain, sealed, data_key, key.encode())
    with target.open("rb") as sealed:
        return _sha256(sealed)


def _sha256(content: BinaryIO) -> str:
    state = hashlib.sha256()
    while piece := content.read(_PIECE_BYTES):
        state.update(piece)
    return state.hexdigest()
