"""How the Git door uses its threads and its patience: what is below it are stand-ins that block on demand."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from moorage.core.faults import SERVICE_UNAVAILABLE, Fault
from moorage.edge.admission import Admission, Bounds
from moorage.edge.git_http import GitDoor
from moorage.edge.threads import THREADS
from moorage.git.pkt_line import DELIM, FLUSH, encode
from moorage.storage.database import OutcomeUnknown

FETCH = b"".join([encode(b"command=fetch"), DELIM, encode(b"want " + b"a" * 40), encode(b"done"), FLUSH])
PUSH = encode(b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/main\0report-status") + FLUSH


@dataclass
class Endless:
    """A fetch's answer without end."""

    closed: threading.Event = field(default_factory=threading.Event)

    def read(self) -> bytes:
        return b"x"

    def stop(self) -> None:
        """It would go on for ever; `close` is what the test looks at."""

    def close(self) -> None:
        self.closed.set()


@dataclass
class Below:
    """What the door stands on."""

    open: Callable[..., Any] = lambda *_: Endless()
    refusal: Fault | None = None
    strict: bool = False
    database: Any = field(default_factory=lambda: SimpleNamespace(one_snapshot=contextlib.nullcontext))

    def visitor(self, request: Any, _request_id: str) -> Any:
        principal = SimpleNamespace(arn="arn")
        caller = SimpleNamespace(
            principal=principal, account_id="1", region="us-east-2", request_id="request-1"
        )
        return SimpleNamespace(request=request, caller=caller)

    def enter(self, _visitor: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        return SimpleNamespace(access=SimpleNamespace(opened=None))

    def pulled(self, *_: Any) -> None:
        """Nobody reads an audit here."""


def a_door(below: Below, **more: Any) -> GitDoor:
    plenty = Bounds(principal=99, address=99, repository=99, node=99)
    made: Any = GitDoor
    door: GitDoor = made(below, None, below, None, Admission(plenty), Admission(plenty), **more)
    return door


def scope(service: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "raw_path": f"/v1/repos/Demo/{service}".encode(),
        "path": f"/v1/repos/Demo/{service}",
        "query_string": b"",
        "headers": [(b"git-protocol", b"version=2"), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "state": {},
    }


async def ask(door: GitDoor, service: str, body: bytes, send: Callable[[Any], Any]) -> None:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return await asyncio.Event().wait()

    await door(scope(service), receive, send)


async def ignore(_message: Any) -> None:
    """Take what is sent."""


def test_filling_the_cache_for_clones_keeps_no_thread_from_short_work() -> None:
    filled, filling = threading.Event(), threading.Semaphore(0)

    def fill(*_: Any) -> Any:
        filling.release()
        filled.wait(10)
        raise Fault(SERVICE_UNAVAILABLE, "enough", status=503)

    async def main() -> int:
        door = a_door(Below(open=fill))
        clones = [asyncio.create_task(ask(door, "git-upload-pack", FETCH, ignore)) for _ in range(THREADS)]
        for _ in clones:
            assert await asyncio.to_thread(filling.acquire, timeout=5)
        try:
            return await asyncio.wait_for(door.threads.run(lambda: 1), 1)
        finally:
            filled.set()
            await asyncio.gather(*clones)

    assert asyncio.run(main()) == 1


def test_a_client_that_takes_nothing_any_more_is_given_up() -> None:
    stream = Endless()

    async def stalled(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def main() -> None:
        door = a_door(Below(open=lambda *_: stream), piece_seconds=0.05)
        await asyncio.wait_for(ask(door, "git-upload-pack", FETCH, stalled), 5)

    asyncio.run(main())
    assert stream.closed.is_set()


def test_a_push_whose_outcome_is_unknown_gets_no_report() -> None:
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    unknown = OutcomeUnknown(SERVICE_UNAVAILABLE, "It may or may not be there.", status=503)
    asyncio.run(ask(a_door(Below(refusal=unknown)), "git-receive-pack", PUSH, keep))
    assert sent[0]["status"] == 503
    assert b"ng refs/heads/main" not in sent[1]["body"]


@dataclass
class Thinking:
    """An answer that git thinks about until it is told to stop."""

    stopped: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)

    def read(self) -> bytes:
        self.began.set()
        if not self.stopped.wait(10):
            raise AssertionError("nobody stopped it")
        return b""

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        """Nothing is held."""


def test_git_is_stopped_as_soon_as_its_client_goes_away_although_it_says_nothing() -> None:
    stream = Thinking()
    messages = [{"type": "http.request", "body": FETCH, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await asyncio.to_thread(stream.began.wait, 5)
        return {"type": "http.disconnect"}

    async def main() -> None:
        door = a_door(Below(open=lambda *_: stream))
        await asyncio.wait_for(door(scope("git-upload-pack"), receive, ignore), 5)

    asyncio.run(main())
    assert stream.stopped.is_set()
