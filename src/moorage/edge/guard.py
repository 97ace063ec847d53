"""What uvicorn does not bound: the head of a request and the pace of its body.

uvicorn with httptools takes a head of any size, waits for it for ever, asks for no Host and lets a
body trickle. `GuardedProtocol` adds those limits to its protocol class. It knows nothing of
what is served.
"""

from __future__ import annotations

import asyncio
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

# Headers that may come once. Two of them are how one request is made to look different to two readers.
_SINGLE = frozenset({b"host", b"authorization", b"content-length", b"content-encoding", b"content-type"})
# A body that is slow is looked at this many times within its grace.
_LOOKS = 6
# How long an idle client may take for its TLS goodbye when the server stops.
_GOODBYE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection. Sizes are bytes, times are seconds."""

    # Git credentials with session tokens make an Authorization of up to 64 KB.
    head_bytes: int = 80 * 1024
    header_count: int = 100
    # From the connection's opening, or from the first byte of a further request, to the head's end.
    head_seconds: float = 10.0
    # A body slower than this for the whole grace is given up. Time in which we do not read is not counted.
    body_bytes_per_second: int = 1024
    body_grace_seconds: float = 30.0
    # What is read and dropped of a body whose request was already answered.
    leftover_bytes: int = 1 << 20
    # How long a refused connection is still read, so that the refusal reaches a client that is sending.
    linger_seconds: float = 2.0


class _Refusal(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol within `Limits`. Make a class of it with `guarded`."""

    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._begun = False  # a first head was complete: there is a cycle
        self._in_head = True
        self._head_received = 0  # raw bytes; the only measure while a header has no end
        self._head_parsed = 0
        self._single_seen: set[bytes] = set()
        self._body_received = 0
        self._body_at_last_look = 0
        self._slow_seconds = 0.0
        self._leftover = 0
        self._refusal: _Refusal | None = None
        self._closing_down = False
        self._draining = False
        self._deadline: asyncio.TimerHandle | None = None

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._given_up():
            return
        if self._in_head:
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.limits.head_seconds, self._head_is_late)
            self._head_received += len(data)
        super().data_received(data)
        if self._given_up():
            return
        if self._in_head and self._head_received > self.limits.head_bytes:
            self._refuse(431, "The request's head is too large.")
        elif not self._in_head and self._deadline is None:
            self._look_later()

    # --- the parser's events

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_parsed = 0
        self._single_seen = set()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)
        if len(self.headers) > self.limits.header_count:
            raise self._refused(431, "The request has too many headers.")
        folded = name.lower()
        if folded in _SINGLE:
            if folded in self._single_seen:
                raise self._refused(400, f"The request has more than one {folded.decode().title()} header.")
            self._single_seen.add(folded)

    def on_headers_complete(self) -> None:
        host = [value for name, value in self.headers if name == b"host"]
        if not host or not host[0].strip():
            raise self._refused(400, "The request has no Host header.")
        self._stop_deadline()
        self._in_head = False
        self._head_received = self._body_received = self._body_at_last_look = self._leftover = 0
        self._slow_seconds = 0.0
        super().on_headers_complete()
        self._begun = True

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._body_received += len(body)
        if self.cycle.response_complete:
            self._leftover += len(body)
            if self._leftover > self.limits.leftover_bytes:
                self.transport.close()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stop_deadline()
        self._in_head = True

    # --- the end

    def shutdown(self) -> None:
        """Close at once if idle, else after the answer under way. Called by uvicorn when it stops.

        TLS waits for the client's own goodbye, and an idle keep-alive client sends none for minutes.
        """
        self._draining = True
        idle = not self._begun or self.cycle.response_complete
        super().shutdown()
        if idle:
            self.loop.call_later(_GOODBYE_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._draining:
            self.loop.call_later(self.limits.linger_seconds, self._end_once_sent)

    def _end_once_sent(self) -> None:
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.limits.linger_seconds, self._end_once_sent)
        else:
            self.transport.abort()

    # --- limits

    def _given_up(self) -> bool:
        return self._closing_down or self.transport.is_closing()

    def _count(self, size: int) -> None:
        self._head_parsed += size
        if self._head_parsed > self.limits.head_bytes:
            raise self._refused(431, "The request's head is too large.")

    def _refused(self, status: int, text: str) -> _Refusal:
        """Note why the parser is about to be stopped; `send_400_response` tells the client."""
        self._refusal = _Refusal(status, text)
        return self._refusal

    def _head_is_late(self) -> None:
        self._deadline = None
        if self._head_received:
            self._refuse(408, "The request's head took too long.")
        else:
            self.transport.close()  # nothing was asked, so nothing is answered

    def _look_later(self) -> None:
        self._deadline = self.loop.call_later(self.limits.body_grace_seconds / _LOOKS, self._look_at_body)

    def _look_at_body(self) -> None:
        self._deadline = None
        interval = self.limits.body_grace_seconds / _LOOKS
        received = self._body_received - self._body_at_last_look
        self._body_at_last_look = self._body_received
        unread = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if unread or received >= self.limits.body_bytes_per_second * interval:
            self._slow_seconds = 0.0
        else:
            self._slow_seconds += interval
        if self._slow_seconds >= self.limits.body_grace_seconds * 0.99:  # sums of fractions fall short
            self._refuse(408, "The request's body came too slowly.")
        else:
            self._look_later()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- refusing

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser did not take. Called by uvicorn; also for our own refusals."""
        refusal = self._refusal or _Refusal(400, msg)
        self._refuse(refusal.status, refusal.text)

    def _refuse(self, status: int, text: str) -> None:
        """Answer, if no answer has begun, and close once the client had time to read it."""
        self._stop_deadline()
        self._closing_down = True
        if self.transport.is_closing():
            return
        under_way = self._begun and not self.cycle.response_complete
        if under_way:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.pipeline or (under_way and self.cycle.response_started):
            self.transport.close()
            return
        self.transport.write(_answer(status, text))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(self.limits.linger_seconds, self._end_once_sent)


def _answer(status: int, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
        "content-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """Return the protocol class with these limits, as uvicorn's `http` setting takes it."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": limits})
