"""Packs as files: what their headers and trailers say.

Source: gitformat-pack(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TRAILER_BYTES: Final = 20  # SHA-1 of all before it
_EMPTY_PACK: Final = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


@dataclass(frozen=True)
class Received:
    """A pack that came through: self-contained, indexed, every object checked."""

    pack: Path
    index: Path
    checksum: str  # the pack's own, 40 hex digits
    object_count: int
    pack_bytes: int
    largest_object_bytes: int


def declared_objects(pack: Path) -> int:
    """Return how many objects a pack says it holds (bytes 8 to 12 of its header)."""
    with pack.open("rb") as file:
        return int.from_bytes(file.read(12)[8:12], "big")


def declares_no_objects(pack: Path, size: int) -> bool:
    """Tell a pack of no objects, as clients send for refs that move to what the server has.

    index-pack judges all else, also such a pack with a wrong checksum or anything after it.
    """
    return size == len(_EMPTY_PACK) and pack.read_bytes() == _EMPTY_PACK


def describe(folder: Path, largest_object_bytes: int) -> Received:
    """Describe the one pack in `folder`."""
    pack = next(folder.glob("*.pack"))
    size = pack.stat().st_size
    with pack.open("rb") as file:
        file.seek(size - _TRAILER_BYTES)
        checksum = file.read().hex()
    return Received(
        pack=pack,
        index=pack.with_suffix(".idx"),
        checksum=checksum,
        object_count=declared_objects(pack),
        pack_bytes=size,
        largest_object_bytes=largest_object_bytes,
    )
