"""The HTTPS Git door: smart HTTP, protocols 0, 1 and 2. Bytes in, bytes out; the rules are below it.

The path of a request: `git_request.parse`, then `GitEntrance` (who, right, existence, key), then one of
the answers of `git_service`, which the SSH door gives too.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio
import structlog
from starlette.responses import Response

from moorage.core import crash_points
from moorage.core.faults import INTERNAL_FAILURE, Fault
from moorage.edge import bodies, git_answers, git_request
from moorage.edge.git_refusals import PushAnswer
from moorage.edge.git_request import RECEIVE_PACK, UPLOAD_PACK, GitRequest
from moorage.edge.git_service import DRAIN_BYTES, FETCH_REQUEST_BYTES, GitService
from moorage.git import pkt_line
from moorage.git.cancellation import Cancellation

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from moorage.edge.git_visitors import Visitor
    from moorage.edge.threads import Threads
    from moorage.repos.fetch import Stream

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request being answered."""

    request: GitRequest
    scope: Scope
    receive: Receive
    send: Send


@dataclass(frozen=True, slots=True)
class GitDoor(GitService):
    """An ASGI app for the paths of `git_request.is_git`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        try:
            request = git_request.parse(scope)
            scope["state"]["operation"] = f"git:{request.service}"
            response = await self._answered(Exchange(request, scope, receive, send), request_id)
        except (bodies.Disconnected, ConnectionError):
            return
        except Fault as fault:
            response = git_answers.refusal(fault, request_id, bare=self.entrance.strict)
        except Exception:
            log.exception("a git request failed", request_id=request_id)
            response = git_answers.refusal(_failure(), request_id)
        if response is not None:
            await response(scope, receive, send)

    async def _answered(self, exchange: Exchange, request_id: str) -> Response | None:
        request = exchange.request
        if request.authorization is None:
            # Git's first question always comes without: the refusal needs no thread.
            self.entrance.visitor(request, request_id)
        if request.advertisement:
            return await self.threads.run(lambda: self._advertised(request, request_id))
        visitor = await self.threads.run(lambda: self.entrance.visitor(request, request_id))
        arn = visitor.caller.principal.arn
        repository = f"{visitor.caller.account_id}/{visitor.caller.region}/{request.name}"
        who = (arn, repository, request.client_address)
        if request.service == UPLOAD_PACK:
            return await self._fetched(visitor, exchange, who)
        async with self.admission.admitted(*who):
            return await self._pushed(visitor, exchange)

    # --- info/refs ---------------------------------------------------------------------------

    def _advertised(self, request: GitRequest, request_id: str) -> Response:
        with self.entrance.database.one_snapshot():
            entered = self.entrance.enter(self.entrance.visitor(request, request_id))
        if request.service == RECEIVE_PACK:
            self.entrance.grant(entered)
        content = self.advertisement(entered)
        return git_answers.answer(content, request.service, "advertisement")

    # --- fetch -------------------------------------------------------------------------------

    async def _fetched(
        self, visitor: Visitor, exchange: Exchange, who: tuple[str, str, str]
    ) -> Response | None:
        async with self.questions.admitted(*who):
            body = await bodies.whole(exchange.scope, exchange.receive, FETCH_REQUEST_BYTES)
            answer = await self._reasoned(visitor, self.threads, lambda: self.fetch_answer(visitor, body))
        if isinstance(answer, bytes):
            return git_answers.answer(answer, UPLOAD_PACK, "result")
        if isinstance(answer, Response):
            return answer
        async with self.admission.admitted(*who):
            # It may have to fill the cache first, or wait for another who does.
            stream = await self._reasoned(visitor, self.long_threads, answer)
            if isinstance(stream, Response):
                return stream
            await self._streamed(stream, exchange)
            return None

    async def _reasoned(self, visitor: Visitor, threads: Threads, work: Callable[[], T]) -> T | Response:
        """Run a part of a fetch in a thread; a refusal becomes a packet that git prints."""
        try:
            return await threads.run(work)
        except Fault as fault:
            if fault.status == 401 or self.entrance.strict:
                raise
            return git_answers.fetch_refusal(fault, visitor.caller.request_id)

    async def _streamed(self, stream: Stream, exchange: Exchange) -> None:
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in git_answers.streamed_headers(UPLOAD_PACK).items()
        ]

        async def send(piece: bytes) -> None:
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})

        async def begin() -> None:
            await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})

        if await self.pumped(stream, send, lambda: _departure(exchange.receive), begin=begin):
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})

    # --- push --------------------------------------------------------------------------------

    async def _pushed(self, visitor: Visitor, exchange: Exchange) -> Response:
        """Take a push; end it where its client goes away before its commit begins."""
        body = bodies.ThreadBody(bodies.unpacked(exchange.scope, exchange.receive))
        cancellation = Cancellation()
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_without_client, exchange.receive, body, cancellation)
            try:
                answer = await self._push_answered(visitor, body, cancellation)
            except Exception as failure:  # noqa: BLE001 -- out of the group it would be wrapped
                answer = failure
            group.cancel_scope.cancel()
        if isinstance(answer, Exception):
            raise answer
        crash_points.passing("reported")
        return git_answers.answer(answer.content, RECEIVE_PACK, "result", refused=answer.refused)

    async def _push_answered(
        self, visitor: Visitor, body: bodies.ThreadBody, cancellation: Cancellation
    ) -> PushAnswer | Exception:
        reader = pkt_line.Chunks(body)
        try:
            return await self.long_threads.run(
                lambda: self.push_answer(visitor, reader, reader.remaining(), cancellation)
            )
        finally:
            with anyio.CancelScope(shield=True):
                await body.drain(DRAIN_BYTES)


def _failure() -> Fault:
    return Fault(INTERNAL_FAILURE, "The service failed; its log has the reason.", status=500)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel_without_client(
    receive: Receive, body: bodies.ThreadBody, cancellation: Cancellation
) -> None:
    await body.ended.wait()  # until then the thread itself asks, and hears of it
    await _departure(receive)
    cancellation.cancel()
