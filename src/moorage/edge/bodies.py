"""Request bodies: read with a bound, unpacked where gzipped, handed to a worker thread piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator

import anyio
from starlette.types import Receive, Scope

from moorage.core.faults import SERIALIZATION, Fault

# A gzipped body may not grow more than this many times: git's own requests grow about threefold.
_GROWTH_LIMIT = 200
_PIECE_BYTES = 256 * 1024


class Disconnected(ConnectionError):
    """The client went away before its body was complete."""


def too_large(limit_bytes: int) -> Fault:
    """The refusal for a body over its bound (HTTP 413)."""
    return Fault(SERIALIZATION, f"The request body is larger than {limit_bytes} bytes.", status=413)


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes in."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        if body := message.get("body", b""):
            yield body


class Inflater:
    """Unpacks a gzipped body piece by piece, and refuses one made to explode."""

    def __init__(self) -> None:
        self._state = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._packed = 0
        self._unpacked = 0
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield what `piece` unpacks to, at most 256 KiB at a time.

        Raises:
            Fault: it is no gzip, goes on after its end, or grows without measure (HTTP 413).
        """
        self._packed += len(piece)
        more = bool(piece)
        while more:
            if self._ended:  # zlib would keep all that follows, in memory
                raise Fault(SERIALIZATION, "The request body goes on after the end of its gzip.")
            try:
                unpacked = self._state.decompress(piece, _PIECE_BYTES)
            except zlib.error as error:
                raise Fault(SERIALIZATION, f"The request body is not valid gzip: {error}.") from error
            self._unpacked += len(unpacked)
            if self._unpacked > _GROWTH_LIMIT * max(self._packed, 1024):
                raise Fault(SERIALIZATION, "The request body grows too much when unpacked.", status=413)
            if unpacked:
                yield unpacked
            self._ended = self._state.eof
            piece = self._state.unused_data if self._ended else self._state.unconsumed_tail
            # Where the output is full, zlib may hold more of it although its input is used up.
            more = bool(piece) or (len(unpacked) == _PIECE_BYTES and not self._ended)

    def finish(self) -> None:
        """Raise Fault where the gzip, and so its checksum, was not whole."""
        if not self._ended:
            raise Fault(SERIALIZATION, "The request body is cut short: its gzip does not end.")


def is_gzipped(scope: Scope) -> bool:
    """Tell whether the body comes gzipped.

    Raises:
        Fault: it comes in an encoding that git never uses (HTTP 415).
    """
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            encoding = value.strip().lower()
            if encoding in (b"gzip", b"x-gzip"):
                return True
            if encoding not in (b"", b"identity"):
                raise Fault(SERIALIZATION, "Only gzip is understood as Content-Encoding.", status=415)
    return False


async def unpacked(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it was before any Content-Encoding."""
    if not is_gzipped(scope):
        async for piece in pieces(receive):
            yield piece
        return
    inflater = Inflater()
    async for piece in pieces(receive):
        for part in inflater.feed(piece):
            yield part
    inflater.finish()


async def whole(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """Return the whole body, unpacked.

    Raises:
        Fault: it is larger than `limit_bytes` (HTTP 413).
    """
    parts: list[bytes] = []
    size = 0
    async for piece in unpacked(scope, receive):
        size += len(piece)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        parts.append(piece)
    return b"".join(parts)


class ThreadBody:
    """A body that a worker thread reads piece by piece, so that the client waits for the disk."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        # Set once the thread has read all of it: from then on it asks the client for nothing more.
        self.ended = anyio.Event()

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._read()) is not None:
            yield piece

    def _read(self) -> bytes | None:
        return asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()

    async def _next(self) -> bytes | None:
        piece = await anext(self._body, None)
        if piece is None:
            self.ended.set()
        return piece

    async def drain(self, limit_bytes: int) -> None:
        """Read and drop what is left, up to a bound: git only listens once it has sent everything.

        What is wrong with the rest changes nothing any more: the answer is decided.
        """
        dropped = 0
        with contextlib.suppress(Fault):
            async for piece in self._body:
                dropped += len(piece)
                if dropped > limit_bytes:
                    return
