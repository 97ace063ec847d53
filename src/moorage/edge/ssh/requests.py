"""Requests cut out of a stream: pkt-lines up to and with a flush packet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.git.pkt_line import FLUSH, LENGTH_BYTES, MAX_PACKET_BYTES

_MARKERS = (0, 1, 2)  # packets that are four bytes in all


class Requests:
    """Reads one after the other; holds at most one, and what came in behind it."""

    def __init__(self, read: Callable[[], Awaitable[bytes]], limit_bytes: int) -> None:
        self._read = read
        self._limit = limit_bytes
        self._held = bytearray()
        self._at = 0  # up to there, whole packets

    async def begun(self) -> bool:
        """Wait for a request to begin; False where the client has ended instead."""
        return bool(self._held) or await self._more()

    async def whole(self) -> bytes:
        """Return one request.

        Raises:
            Fault: it is none, ends early, or is longer than the limit.
        """
        while (end := self._flush()) is None:
            if len(self._held) > self._limit:
                raise Fault(VALIDATION_ERROR, f"The request is larger than {self._limit} bytes.")
            if not await self._more():
                raise Fault(VALIDATION_ERROR, "The request ends before its flush packet.")
        request = bytes(self._held[:end])
        del self._held[:end]
        self._at = 0
        return request

    async def rest(self) -> bytes:
        """Return what came in and was not taken, waiting for more; b"" at the end."""
        if not self._held and not await self._more():
            return b""
        data = bytes(self._held)
        self._held.clear()
        self._at = 0
        return data

    async def _more(self) -> bool:
        data = await self._read()
        self._held += data
        return bool(data)

    def _flush(self) -> int | None:
        """Return where the first flush packet ends, or None while it has not come."""
        while len(self._held) - self._at >= LENGTH_BYTES:
            length = _length(bytes(self._held[self._at : self._at + LENGTH_BYTES]))
            if length in _MARKERS:
                self._at += LENGTH_BYTES
                if length == 0:
                    return self._at
            elif len(self._held) - self._at < length:
                return None
            else:
                self._at += length
        return None


def _length(prefix: bytes) -> int:
    try:
        length = int(prefix, 16) if prefix.isalnum() else -1
    except ValueError:
        length = -1
    if length == len(FLUSH) - 1 or not 0 <= length <= MAX_PACKET_BYTES:
        raise Fault(VALIDATION_ERROR, "A packet does not start with its length in four hexadecimal digits.")
    return length
