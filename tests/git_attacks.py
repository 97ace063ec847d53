"""Pushes made by hand: commands and packs that no Git sends."""

from __future__ import annotations

from attacker import Answer
from raw_git import pkt, unpkt

__all__ = ["CAPABILITIES", "ZERO", "command", "pkt", "report"]

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
