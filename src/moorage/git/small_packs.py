"""What an indexed pack holds, read here: for a small pack that is cheaper than starting a child.

Only for packs that `git index-pack` has checked: what an entry says of itself is taken for true.

Source: gitformat-pack(5).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.core.names import ObjectId

# About 5 µs an object: past this many, a child that uses another core is the better choice.
_OBJECTS: Final = 2000
_PACK_BYTES: Final = 1 << 20

_INDEX_HEAD: Final = b"\xfftOc" + (2).to_bytes(4, "big")
_FANOUT_END: Final = 8 + 4 * 256
_FAR: Final = 1 << 31  # marks an offset that is in a table of its own, for packs over 2 GB

_COMMIT: Final = 1
_OFFSET_DELTA: Final = 6
_NAME_DELTA: Final = 7
_NAME_BYTES: Final = 20
_DELTA_HEAD_BYTES: Final = 20  # two numbers of at most ten bytes


@dataclass(frozen=True)
class Contents:
    """The size of the largest object, inflated, and the commits that are stored whole."""

    largest_bytes: int
    commits: frozenset[ObjectId]


def contents(pack: Path, index: Path) -> Contents | None:
    """Return what a pack holds; None where that is better asked of git: it is not small, or unusual."""
    if pack.stat().st_size > _PACK_BYTES:
        return None
    table = index.read_bytes()
    count = int.from_bytes(table[_FANOUT_END - 4 : _FANOUT_END], "big")
    if not table.startswith(_INDEX_HEAD) or count > _OBJECTS:
        return None
    try:
        return _read(pack.read_bytes(), table, count)
    except (IndexError, zlib.error):  # a delta whose head is deflated in a roundabout way
        return None


def _read(entries: bytes, table: bytes, count: int) -> Contents | None:
    offsets_at = _FANOUT_END + count * (_NAME_BYTES + 4)
    largest = 0
    commits: set[ObjectId] = set()
    for number in range(count):
        offset = int.from_bytes(table[offsets_at + 4 * number : offsets_at + 4 * number + 4], "big")
        if offset >= _FAR:
            return None
        kind, size = _entry(entries, offset)
        largest = max(largest, size)
        if kind == _COMMIT:
            name_at = _FANOUT_END + number * _NAME_BYTES
            commits.add(ObjectId(table[name_at : name_at + _NAME_BYTES].hex()))
    return Contents(largest, frozenset(commits))


def _entry(entries: bytes, at: int) -> tuple[int, int]:
    """Return an entry's type and the size of the object that it comes to."""
    first = entries[at]
    kind, size = first >> 4 & 7, first & 15
    at += 1
    if first & 128:
        more, at = _number(entries, at)
        size |= more << 4
    if kind == _OFFSET_DELTA:
        while entries[at] & 128:
            at += 1
        return kind, _delta_result(entries, at + 1)
    if kind == _NAME_DELTA:
        return kind, _delta_result(entries, at + _NAME_BYTES)
    return kind, size


def _delta_result(entries: bytes, at: int) -> int:
    """Return the size of what a delta makes: the second number of its inflated head."""
    # As any usual deflater writes it, the head is within the first few hundred bytes.
    head = zlib.decompressobj().decompress(entries[at : at + 512], _DELTA_HEAD_BYTES)
    _, after = _number(head, 0)
    return _number(head, after)[0]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read seven bits a byte, the lowest first; return the number and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return number, at
