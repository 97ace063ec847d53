"""Raw HTTP load: many keep-alive connections, each sending prepared requests one after the other."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop

_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Load:
    """What a run of load came to. Latencies in seconds, of one whole exchange each."""

    exchanges: int
    seconds: float
    latencies: Sequence[float]
    answer_bytes: int

    @property
    def per_second(self) -> float:
        return self.exchanges / self.seconds

    def percentile_ms(self, percent: int) -> float:
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


class _Connection(asyncio.Protocol):
    """One connection: sends the requests of an exchange in turn, and checks each status."""

    def __init__(self, requests: Sequence[bytes], statuses: Sequence[int], turns: Iterator[int]) -> None:
        self._requests = requests
        self._statuses = statuses
        self._turns = turns
        self.has_turn = True  # an exchange that it took, and has not done
        self._at = 0
        self._started = 0.0
        self.latencies: list[float] = []
        self.received = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports derive from none of asyncio's, whatever their type says.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        if self._at == 0:
            self._started = time.perf_counter()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._requests[self._at])

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != self._statuses[self._at]:
            self._fail(f"request {self._at} was answered {status}")
            return
        self._at += 1
        if self._at == len(self._requests):
            self._at = 0
            self.latencies.append(time.perf_counter() - self._started)
            self.has_turn = self._next_turn()
            if not self.has_turn or not self._parser.should_keep_alive():
                self._end()  # if it has a turn, that takes another connection
                return
        # The parser is inside its callback: the next request gets a new one.
        asyncio.get_running_loop().call_soon(self._send)

    def _next_turn(self) -> bool:
        return next(self._turns, None) is not None

    def _end(self) -> None:
        self._transport.close()
        self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the connection was lost: {error}")

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


# Yields requests, and is given the body of each one's answer: the next may depend on it.
Talk = Generator[bytes, bytes, None]


class _Talking(_Connection):
    """One connection that says what a talk yields; each request is an exchange of its own."""

    def __init__(self, talk: Talk) -> None:
        super().__init__([next(talk)], [200], iter(()))
        self._talk = talk
        self._body = b""

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def _next_turn(self) -> bool:
        try:
            self._requests, self._body = [self._talk.send(self._body)], b""
        except StopIteration:
            return False
        return True


def run_talks(port: int, talks: Sequence[Talk]) -> Load:
    """Have every talk to its end, each on a connection of its own; any answer but 200 is an error."""

    async def one(talk: Talk) -> _Connection:
        connection = _Talking(talk)
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", port)
        await connection.done
        return connection

    async def main() -> Load:
        started = time.perf_counter()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            had = await asyncio.gather(*map(one, talks))
        seconds = time.perf_counter() - started
        latencies = [latency for each in had for latency in each.latencies]
        return Load(len(latencies), seconds, latencies, sum(each.received for each in had))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def run(
    port: int, requests: Sequence[bytes], statuses: Sequence[int], *, connections: int, exchanges: int
) -> Load:
    """Do `exchanges` exchanges for each of so many connections; any other status is an error.

    The connections take them from one heap: where a server's processes have unlike numbers of connections,
    none of them is idle at the end. A server that keeps no connection open gets a new one for each exchange.
    """
    turns = iter(range(connections * exchanges))

    async def one(made: list[_Connection]) -> None:
        loop, has_turn = asyncio.get_running_loop(), next(turns, None) is not None
        while has_turn:
            connection = _Connection(requests, statuses, turns)
            made.append(connection)
            await loop.create_connection(lambda: connection, "127.0.0.1", port)  # noqa: B023 - called at once
            await connection.done
            has_turn = connection.has_turn

    async def main() -> Load:
        made: list[_Connection] = []
        started = time.perf_counter()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.gather(*(one(made) for _ in range(connections)))
        seconds = time.perf_counter() - started
        latencies = [latency for each in made for latency in each.latencies]
        return Load(len(latencies), seconds, latencies, sum(each.received for each in made))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def pkt_line(content: bytes) -> bytes:
    """Return a pkt-line of git's protocol."""
    return b"%04x%s" % (len(content) + 4, content)


def request(
    method: str,
    target: str,
    port: int,
    authorization: str | None = None,
    *,
    body: bytes = b"",
    service: str = "upload-pack",
) -> bytes:
    """Return a request of git's smart HTTP, protocol 2."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += "User-Agent: git/2.39.5\r\nGit-Protocol: version=2\r\n"
    if authorization is not None:
        head += f"Authorization: {authorization}\r\n"
    if method == "POST":
        head += f"Content-Type: application/x-git-{service}-request\r\n"
        head += f"Accept: application/x-git-{service}-result\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def ls_remote(port: int, path: str, authorization: str) -> tuple[list[bytes], list[int]]:
    """Return the three requests of `git ls-remote`, and the statuses that answer them."""
    body = (
        pkt_line(b"command=ls-refs\n")
        + pkt_line(b"agent=git/2.39.5")
        + pkt_line(b"object-format=sha1")
        + b"0001"
        + pkt_line(b"peel\n")
        + pkt_line(b"symrefs\n")
        + b"0000"
    )
    advertisement = f"{path}/info/refs?service=git-upload-pack"
    return [
        request("GET", advertisement, port),
        request("GET", advertisement, port, authorization),
        request("POST", f"{path}/git-upload-pack", port, authorization, body=body),
    ], [401, 200, 200]


def clone(port: int, path: str, authorization: str, wants: Sequence[str]) -> bytes:
    """Return the request of a full clone."""
    body = (
        pkt_line(b"command=fetch") + pkt_line(b"agent=git/2.39.5") + pkt_line(b"object-format=sha1") + b"0001"
    )
    body += pkt_line(b"thin-pack") + pkt_line(b"no-progress") + pkt_line(b"ofs-delta")
    body += b"".join(pkt_line(f"want {want}\n".encode()) for want in wants) + pkt_line(b"done\n") + b"0000"
    return request("POST", f"{path}/git-upload-pack", port, authorization, body=body)


def made_refs(port: int, path: str, authorization: str, lines: Sequence[str]) -> bytes:
    """Return the push that makes refs, given as "ID NAME", of objects that the repository has."""
    commands = [f"{'0' * 40} {line}".encode() for line in lines]
    commands[0] += b"\0report-status side-band-64k agent=git/2.39.5"
    empty = b"PACK" + (2).to_bytes(4, "big") + bytes(4)
    body = b"".join(map(pkt_line, commands)) + b"0000" + empty + hashlib.sha1(empty).digest()
    return request("POST", f"{path}/git-receive-pack", port, authorization, body=body, service="receive-pack")
