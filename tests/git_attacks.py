"""Pushes made by hand: commands and packs that no Git sends."""

from __future__ import annotations

import struct
import zlib

from attacker import Answer
from moorage.core.names import ObjectId
from raw_git import pkt, unpkt
from unit.git.handmade import a_commit, a_pack, a_tree, entry_header, id_of, sealed

__all__ = ["CAPABILITIES", "ZERO", "a_commit_with", "a_delta_bomb", "command", "pkt", "report"]

ZERO = "0" * 40
CAPABILITIES = b"report-status side-band-64k agent=attacker"


def command(
    old: str, new: str, name: bytes, *, first: bool = False, capabilities: bytes = CAPABILITIES
) -> bytes:
    line = f"{old} {new} ".encode() + name
    return pkt(line + b"\0" + capabilities if first else line)


def report(answer: Answer) -> str:
    """Return a push's report and its messages as text."""
    bands = [packet for packet in unpkt(answer.body) if packet]
    return b"".join(band[1:] for band in bands).decode(errors="replace")


Entry = tuple[str, bytes, str]  # mode, name and object id


def a_commit_with(
    *entries: Entry, objects: tuple[tuple[str, bytes], ...] = (), text: str = "An attack.\n"
) -> tuple[str, bytes]:
    """Return a commit's id and a pack of it: its tree has the entries, as they are."""
    tree = a_tree(*((mode, name, ObjectId(target)) for mode, name, target in entries))
    commit = a_commit(id_of("tree", tree), message=text)
    return id_of("commit", commit), a_pack(*objects, ("tree", tree), ("commit", commit))


def a_delta_bomb(megabytes: int, deltas: int) -> bytes:
    """A pack of a blob and of deltas that each copy it over and over."""
    base = b"\0" * 65_536
    times = megabytes * 16
    entries = [entry_header(3, len(base)) + zlib.compress(base)]
    for number in range(deltas):
        size = times * 65_535 + 1
        delta = _varint(len(base)) + _varint(size) + b"\xb0\xff\xff" * times + bytes([1, number])
        packed = bytes.fromhex(id_of("blob", base)) + zlib.compress(delta)
        entries.append(entry_header(7, len(delta)) + packed)
    return sealed(b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
