"""The side-band: a pack, messages for people and fatal errors, multiplexed over one stream.

Source: gitprotocol-pack(5), "Packfile Data" (side-band-64k).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from moorage.git import pkt_line

DATA: Final = 1
MESSAGE: Final = 2

MAX_FRAME_BYTES: Final = pkt_line.MAX_DATA_BYTES - 1  # one byte names the band

# Old clients print what they are told as it is, so that a message could drive their terminal.
# C0 and C1 controls go, the newline stays; a tab becomes a space.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Return `text` fit for a stranger's terminal: no control characters but the newline."""
    return _CONTROLS.sub("", text.replace("\t", " "))


def clean_line(text: str) -> str:
    """Return `text` as one clean line."""
    return " ".join(clean(text).split())


def frames(band: int, data: bytes, *, frame_bytes: int = MAX_FRAME_BYTES) -> Iterator[bytes]:
    """Yield `data` as packets of one band; none for no data."""
    for start in range(0, len(data), frame_bytes):
        piece = data[start : start + frame_bytes]
        yield b"%04x%c%b" % (len(piece) + pkt_line.LENGTH_BYTES + 1, band, piece)


def message(text: str) -> bytes:
    """Return the packets by which a client prints `remote: …`, one line for each of `text`."""
    return b"".join(frames(MESSAGE, _lines(text)))


def _lines(text: str) -> bytes:
    cleaned = clean(text).rstrip("\n")
    return f"{cleaned}\n".encode(errors="replace") if cleaned else b""
