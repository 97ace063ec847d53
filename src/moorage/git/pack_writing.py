"""A pack of a few objects, written in process: two files, and no folder of loose objects on the way.

Each object is stored whole: what makes packs small over time is the repack (docs/mechanisms/maintenance.md).
Source: gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from moorage.core.names import ObjectId
from moorage.git.packs import Received

Kind = Literal["commit", "tree", "blob"]

_KINDS: Final[dict[Kind, int]] = {"commit": 1, "tree": 2, "blob": 3}
_VERSION: Final = (2).to_bytes(4, "big")
_INDEX_MAGIC: Final = b"\xfftOc"


def write_pack(folder: Path, objects: Mapping[ObjectId, tuple[Kind, bytes]]) -> Received:
    """Write a pack and its index into a folder. All of it is held in memory, which an API call fits in."""
    pack = bytearray(b"PACK" + _VERSION + len(objects).to_bytes(4, "big"))
    entries: list[tuple[bytes, int, int]] = []
    for name, (kind, content) in objects.items():
        entry = _head(_KINDS[kind], len(content)) + zlib.compress(content)
        entries.append((bytes.fromhex(name), zlib.crc32(entry), len(pack)))
        pack += entry
    checksum = _sha1(pack)
    pack += checksum
    index = _index(sorted(entries), checksum)
    stem = folder / f"pack-{checksum.hex()}"
    stem.with_suffix(".pack").write_bytes(pack)
    stem.with_suffix(".idx").write_bytes(index)
    return Received(
        pack=stem.with_suffix(".pack"),
        index=stem.with_suffix(".idx"),
        checksum=checksum.hex(),
        object_count=len(objects),
        pack_bytes=len(pack),
        largest_object_bytes=max(len(content) for _, content in objects.values()),
    )


def _head(kind: int, size: int) -> bytes:
    """Return type and size: four bits of the size, then seven a byte, the lowest first."""
    byte, size = kind << 4 | size & 0xF, size >> 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head)


def _index(entries: list[tuple[bytes, int, int]], checksum: bytes) -> bytes:
    """Return the index of entries (name, CRC, offset), which are in the order of their names."""
    firsts = [name[0] for name, _, _ in entries]
    counts, at = [], 0
    for byte in range(256):
        while at < len(firsts) and firsts[at] <= byte:
            at += 1
        counts.append(at)
    index = bytearray(_INDEX_MAGIC + _VERSION)
    index += b"".join(count.to_bytes(4, "big") for count in counts)
    index += b"".join(name for name, _, _ in entries)
    index += b"".join(crc.to_bytes(4, "big") for _, crc, _ in entries)
    index += b"".join(offset.to_bytes(4, "big") for _, _, offset in entries)
    index += checksum
    return bytes(index + _sha1(index))


def _sha1(content: bytes | bytearray) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).digest()
