"""The one ASGI app of a node: sends each request to its door, counts it, and notes it in the log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from starlette.responses import PlainTextResponse, Response

from moorage.edge import git_request, hosts, metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from moorage.edge.status import Status
    from moorage.wire.regions import Regions

log = structlog.get_logger(__name__)

# On every answer. Pages add a policy of their own to them.
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class Pages(Protocol):
    """What a browser asks for; None for a path that no page has."""

    async def answer(self, scope: Scope) -> Response | None: ...


class TestDoor(Protocol):
    """The endpoints of test mode; None for paths of others."""

    async def answer(self, scope: Scope, receive: Receive) -> Response | None: ...


@dataclass(frozen=True, slots=True)
class App:
    """Dispatches by path, then by host and headers."""

    git: ASGIApp
    api: ASGIApp
    status: Status
    pages: Pages
    regions: Regions
    test: TestDoor | None = None
    discovery: Pages | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Where the doors leave what the log line tells: a fresh one for each request.
        scope["state"] = {}
        door = self._door(scope)
        started = time.perf_counter()
        metrics.in_progress.labels(door).inc()
        try:
            await self._serve(door, scope, receive, _noting(scope, send))
        finally:
            metrics.in_progress.labels(door).dec()
            _note(door, scope, time.perf_counter() - started)

    def _door(self, scope: Scope) -> str:
        if git_request.is_git(scope["raw_path"]):
            return "git"
        return "api" if hosts.is_api(scope, self.regions) else "page"

    async def _serve(self, door: str, scope: Scope, receive: Receive, send: Send) -> None:
        if door == "git":
            await self.git(scope, receive, send)
        elif door == "api":
            await self.api(scope, receive, send)
        else:
            response = await self._page(scope, receive)
            await response(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive) -> Response:
        if self.test is not None:
            response = await self.test.answer(scope, receive)
            if response is not None:
                return response
        response = await self.status.answer(scope)
        if response is None and self.discovery is not None:
            response = await self.discovery.answer(scope)
        response = response or await self.pages.answer(scope)
        return response or PlainTextResponse("Not Found\n", 404)


def _noting(scope: Scope, send: Send) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            scope["state"]["status"] = message["status"]
            present = {name for name, _ in message.get("headers", ())}
            added = [header for header in SECURITY_HEADERS if header[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return noting


def _note(door: str, scope: Scope, seconds: float) -> None:
    state = scope["state"]
    # Nobody was answered: the client went away first. 499 is how nginx calls it.
    status = state.get("status", 499)
    operation = state.get("operation", "")
    metrics.requests.labels(door, operation, str(status)).inc()
    metrics.request_seconds.labels(door).observe(seconds)
    if scope["path"] in _QUIET_PATHS and status < 400:
        return
    client = scope.get("client") or ("", 0)
    log.info(
        "request",
        door=door,
        method=scope["method"],
        path=scope["path"],
        operation=operation,
        status=status,
        ms=round(seconds * 1000, 1),
        client=client[0],
        **({"request_id": state["request_id"]} if "request_id" in state else {}),
    )
