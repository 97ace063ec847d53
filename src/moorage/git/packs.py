"""Packs as files: what their headers and trailers say.

Source: gitformat-pack(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TRAILER_BYTES: Final = 20  # SHA-1 of all before it
# What clients send for refs that move to what the server has. A pack of no objects that is not
# exactly this is for index-pack to judge.
EMPTY_PACK: Final = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


@dataclass(frozen=True)
class Received:
    """A pack that came through: self-contained, indexed, every object checked."""

    pack: Path
    index: Path
    checksum: str  # the pack's own, 40 hex digits
    object_count: int
    pack_bytes: int
    largest_object_bytes: int


def declared_objects(head: bytes) -> int:
    """Return how many objects a pack says it holds, by its first 12 bytes."""
    return int.from_bytes(head[8:12], "big")


def describe(folder: Path, largest_object_bytes: int) -> Received:
    """Describe the one pack in `folder`."""
    pack = next(folder.glob("*.pack"))
    size = pack.stat().st_size
    with pack.open("rb") as file:
        head = file.read(12)
        file.seek(size - _TRAILER_BYTES)
        checksum = file.read().hex()
    return Received(
        pack=pack,
        index=pack.with_suffix(".idx"),
        checksum=checksum,
        object_count=declared_objects(head),
        pack_bytes=size,
        largest_object_bytes=largest_object_bytes,
    )
