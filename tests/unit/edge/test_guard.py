"""Over real sockets, with deadlines short enough to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from moorage.edge.guard import Limits, guarded

SHORT = Limits(
    head_bytes=4096,
    header_count=20,
    head_seconds=0.15,
    body_bytes_per_second=1000,
    body_grace_seconds=0.3,
    leftover_bytes=100_000,
    linger_seconds=0.3,
)
LONG = Limits()

App = Callable[[Any, Any, Any], Awaitable[None]]


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await answer(send, str(size).encode())


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def connection(
    limits: Limits, app: App = echo_length
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = Config(app, http=guarded(limits), ws="none", log_config=None, timeout_keep_alive=5)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: guarded(limits)(config, state, {}, loop), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        for protocol in list(state.connections):
            protocol.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def exchange(
    request: bytes, limits: Limits = SHORT, app: App = echo_length, *, then: bytes = b""
) -> tuple[bytes, float]:
    """Send, and return all that came back until the server closed, and the seconds it took."""

    async def run() -> tuple[bytes, float]:
        started = time.monotonic()
        async with connection(limits, app) as (reader, writer):
            writer.write(request)
            await writer.drain()
            received = await reader.readuntil(b"\r\n\r\n") if then else b""
            writer.write(then)
            with contextlib.suppress(ConnectionResetError):
                received += await reader.read(-1)
            return received, time.monotonic() - started

    return asyncio.run(run())


def on_connection(
    conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    limits: Limits = SHORT,
    app: App = echo_length,
) -> None:
    async def run() -> None:
        async with connection(limits, app) as (reader, writer):
            await conversation(reader, writer)

    asyncio.run(run())


def _closing(headers: bytes = b"", body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers + b"\r\n" + body


def test_an_ordinary_request_is_served() -> None:
    received, _ = exchange(_closing(b"Content-Length: 3\r\n", b"abc"))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n3")


def test_an_authorization_of_64_kb_is_taken() -> None:
    received, _ = exchange(_closing(b"Authorization: Basic " + b"x" * 65_500 + b"\r\n"), LONG)
    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_head_over_80_kb_is_refused_with_431() -> None:
    received, _ = exchange(_closing(b"X: " + b"x" * 82_000 + b"\r\n"), LONG)
    assert received.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in received


def test_a_header_that_never_ends_is_refused_once_too_large() -> None:
    received, _ = exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000)
    assert received.startswith(b"HTTP/1.1 431 ")


def test_many_small_headers_that_are_too_large_together_are_refused() -> None:
    received, _ = exchange(_closing(b"".join(b"X: %s\r\n" % (b"x" * 500) for _ in range(10))))
    assert received.startswith(b"HTTP/1.1 431 ")


def test_a_target_that_is_too_long_is_refused() -> None:
    received, _ = exchange(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 431 ")


def test_too_many_headers_are_refused() -> None:
    received, _ = exchange(_closing(b"".join(b"X: y\r\n" for _ in range(30))))
    assert received.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:  \r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nauthorization: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_or_none_is_refused_with_400(head: bytes) -> None:
    received, _ = exchange(head)
    assert received.startswith(b"HTTP/1.1 400 ")


def test_a_head_sent_by_halves_is_given_up_at_the_deadline() -> None:
    received, seconds = exchange(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert received.startswith(b"HTTP/1.1 408 ")
    assert seconds < 2


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    received, seconds = exchange(b"")
    assert received == b""
    assert seconds < 2


def test_the_deadline_holds_for_the_second_request_of_a_connection_too() -> None:
    received, _ = exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", then=b"GET / HTTP/1.1\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in received


def test_a_connection_may_rest_between_requests_longer_than_a_head_may_take() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(SHORT.head_seconds * 1.5)

    on_connection(conversation)


def test_a_body_that_stops_is_given_up_and_the_app_is_told() -> None:
    told = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        told.append(message["type"])

    received, seconds = exchange(_closing(b"Content-Length: 100\r\n", b"abc"), app=app)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert told == ["http.disconnect"]
    assert 0.2 < seconds < 2


def test_a_body_that_trickles_is_given_up() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_closing(b"Content-Length: 100000\r\n"))
        answered = asyncio.ensure_future(reader.readline())
        while not answered.done():
            writer.write(b"x")
            await asyncio.wait([answered], timeout=0.02)
        assert answered.result().startswith(b"HTTP/1.1 408 ")

    on_connection(conversation)


def test_a_body_that_keeps_the_pace_may_take_longer_than_the_grace() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_closing(b"Content-Length: 6000\r\n"))
        for _ in range(20):
            writer.write(b"x" * 300)
            await asyncio.sleep(SHORT.body_grace_seconds / 12)
        assert (await reader.read(-1)).endswith(b"6000")

    on_connection(conversation)


def test_time_in_which_the_app_does_not_read_is_not_the_clients_fault() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(SHORT.body_grace_seconds * 2)
        await echo_length(scope, receive, send)

    size = 4_000_000  # more than the sockets' buffers hold, so the client has to wait for the app
    received, _ = exchange(_closing(b"Content-Length: %d\r\n" % size, b"x" * size), app=app)
    assert received.endswith(b"\r\n\r\n%d" % size)


def test_a_client_that_waits_for_100_continue_is_not_slow() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(SHORT.body_grace_seconds * 2)
        await echo_length(scope, receive, send)

    request = _closing(b"Content-Length: 3\r\nExpect: 100-continue\r\n")
    received, _ = exchange(request, app=app, then=b"abc")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_an_answer_given_before_the_body_keeps_the_connection_for_a_small_rest() -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"no", 401)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\nno")).startswith(b"HTTP/1.1 401 ")
            writer.write(b"0000")

    on_connection(conversation, app=early)


def test_an_answer_given_before_a_huge_body_closes_the_connection() -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"no", 401)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        await reader.readuntil(b"\r\n\r\nno")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x" * 65536)
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.001)

    on_connection(conversation, app=early)


def test_a_path_that_begins_with_two_slashes_reaches_the_app_as_sent() -> None:
    async def path(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, scope["raw_path"])

    received, _ = exchange(b"GET //v1/repos/a%20b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", app=path)
    assert received.endswith(b"\r\n\r\n//v1/repos/a%20b")


def test_an_offer_to_upgrade_is_ignored() -> None:
    received, _ = exchange(_closing(b"Upgrade: h2c\r\nContent-Length: 0\r\n"))
    assert received.startswith(b"HTTP/1.1 200 ")


def test_requests_sent_without_waiting_are_answered_in_their_order() -> None:
    async def path(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, scope["raw_path"])

    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3))
    last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    received, _ = exchange(requests + last, app=path)
    found = [received.index(b"\r\n\r\n/" + name) for name in (b"0", b"1", b"2", b"last")]
    assert found == sorted(found)
