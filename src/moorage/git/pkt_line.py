"""Pkt-lines, the frames in which Git's protocols speak.

Source: gitprotocol-common(5), "pkt-line Format", and gitprotocol-v2(5) for the special packets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from moorage.core.faults import VALIDATION_ERROR, Fault

LENGTH_BYTES: Final = 4
MAX_PACKET_BYTES: Final = 65520  # the length prefix included
MAX_DATA_BYTES: Final = MAX_PACKET_BYTES - LENGTH_BYTES

_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")


class Marker(bytes):
    """A packet without data. Its bytes are what goes over the wire; it equals only itself.

    So `b"0000"` as the data of an ordinary packet is never taken for a flush.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__


FLUSH: Final = Marker(b"0000")
DELIM: Final = Marker(b"0001")
RESPONSE_END: Final = Marker(b"0002")

_MARKERS: Final = {0: FLUSH, 1: DELIM, 2: RESPONSE_END}


def encode(data: bytes) -> bytes:
    """Return `data` (at most 65,516 bytes) as one packet."""
    if len(data) > MAX_DATA_BYTES:
        raise ValueError(f"a packet holds at most {MAX_DATA_BYTES} bytes, not {len(data)}")
    return b"%04x%b" % (len(data) + LENGTH_BYTES, data)


def encode_text(text: str | bytes) -> bytes:
    """Return `text` as one packet that ends with the newline Git's text packets end with."""
    data = text.encode() if isinstance(text, str) else text
    return encode(data if data.endswith(b"\n") else data + b"\n")


def text_of(packet: bytes) -> bytes:
    """Return a text packet's data without the newline it may end with."""
    return packet.removesuffix(b"\n")


def ends_in_error(stream: bytes) -> bool:
    """Tell whether a stream's last packet is ERR, after which a client expects nothing more."""
    start = stream.rfind(b"ERR ") - LENGTH_BYTES
    return start >= 0 and stream[start : start + LENGTH_BYTES] == b"%04x" % (len(stream) - start)


def _length(prefix: bytes) -> int:
    """Return the length a packet's first four bytes announce, raising Fault where they announce none."""
    if not _LENGTH.fullmatch(prefix):
        raise Fault(VALIDATION_ERROR, "A packet does not start with four hexadecimal digits.", prefix=prefix)
    length = int(prefix, 16)
    if length > MAX_PACKET_BYTES:
        raise Fault(VALIDATION_ERROR, f"A packet is {length} bytes long; {MAX_PACKET_BYTES} are allowed.")
    if length == 3:  # four bytes of length, yet fewer than four in all
        raise Fault(VALIDATION_ERROR, "A packet announces the impossible length 0003.")
    return length


class PktReader:
    """Takes bytes as they arrive and gives back the packets that are complete.

    It holds at most one incomplete packet, besides what `feed` is given at once. After
    `most_packets` it refuses more: four bytes sent are a packet that costs ten times as much here.
    """

    def __init__(self, most_packets: int | None = None) -> None:
        self._buffer = bytearray()
        self._most_packets = most_packets
        self._count = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets completed by `data`: bytes, or one of the Markers."""
        self._buffer += data
        packets: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= LENGTH_BYTES:
            length = _length(bytes(self._buffer[start : start + LENGTH_BYTES]))
            self._count += 1
            if self._most_packets is not None and self._count > self._most_packets:
                raise Fault(VALIDATION_ERROR, f"The request has more than {self._most_packets} packets.")
            if length in _MARKERS:
                packets.append(_MARKERS[length])
                start += LENGTH_BYTES
                continue
            if len(self._buffer) - start < length:
                break
            packets.append(bytes(self._buffer[start + LENGTH_BYTES : start + length]))
            start += length
        del self._buffer[:start]
        return packets

    def finish(self) -> None:
        """Raise Fault when the stream ended inside a packet."""
        if self._buffer:
            raise Fault(VALIDATION_ERROR, "The stream ends inside a packet.")


class Chunks:
    """Reads packets off an iterator of chunks, then hands out what follows them untouched.

    This is what receive-pack needs: commands as packets, then a pack of any size.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self._taken = 0  # of `_rest`: cutting it for each packet would copy a chunk thousands of times

    def read_packet(self) -> bytes | None:
        """Return the next packet (bytes or a Marker), or None where the stream ends between two."""
        prefix = self._exactly(LENGTH_BYTES, at_end_is_fine=True)
        if not prefix:
            return None
        length = _length(prefix)
        return _MARKERS[length] if length in _MARKERS else self._exactly(length - LENGTH_BYTES)

    def packets(self) -> Iterator[bytes]:
        """Yield the packets up to the next flush, which is read and not yielded."""
        while (packet := self.read_packet()) is not FLUSH:
            if packet is None:
                raise Fault(VALIDATION_ERROR, "The stream ends before its flush packet.")
            yield packet

    def remaining(self) -> Iterator[bytes]:
        """Yield the rest of the stream in whatever pieces it comes."""
        rest, self._rest, self._taken = self._rest[self._taken :], b"", 0
        if rest:
            yield rest
        yield from self._chunks

    def _exactly(self, count: int, *, at_end_is_fine: bool = False) -> bytes:
        while len(self._rest) - self._taken < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                if at_end_is_fine and len(self._rest) == self._taken:
                    return b""
                raise Fault(VALIDATION_ERROR, "The stream ends inside a packet.")
            self._rest, self._taken = self._rest[self._taken :] + chunk, 0
        self._taken += count
        return self._rest[self._taken - count : self._taken]
