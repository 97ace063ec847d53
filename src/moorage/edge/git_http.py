"""The Git door: smart HTTP, protocols 0, 1 and 2. Bytes in, bytes out; the rules are below it.

The path of a request: `git_request.parse`, then `GitEntrance` (who, right, existence, key), then one
of four answers: an advertisement, ls-refs from the snapshot, a fetch from git, a push to `repos.push`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import structlog
from starlette.responses import Response

from moorage.core import crash_points
from moorage.core.faults import INTERNAL_FAILURE, Fault
from moorage.edge import audited, bodies, git_answers, git_request
from moorage.edge.admission import Admission
from moorage.edge.git_entrance import Entered, GitEntrance, Visitor
from moorage.edge.git_request import RECEIVE_PACK, UPLOAD_PACK, GitRequest
from moorage.edge.threads import Threads
from moorage.git import advertise, fetch_request, pkt_line, receive_pack
from moorage.git.cancellation import Cancellation
from moorage.repos.access import PUSH
from moorage.repos.push import Push
from moorage.storage.database import OutcomeUnknown

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from moorage.git.capabilities import Capabilities
    from moorage.repos.fetch import Fetches, Stream
    from moorage.repos.publish import Publisher

T = TypeVar("T")

log = structlog.get_logger(__name__)

# A fetch's request names what the client has: this is 300,000 ids, which take 100 MB of memory here.
FETCH_REQUEST_BYTES = 16 << 20

# What is read of a push that is refused, so that git listens to the reason.
DRAIN_BYTES = 64 << 20

# Pushes and streams hold a thread for as long as their client takes; admission bounds them first.
LONG_THREADS = 64

# How long a client may take for a piece of a stream, at most 1 MiB: 2 KB a second.
PIECE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request being answered."""

    request: GitRequest
    scope: Scope
    receive: Receive
    send: Send


@dataclass(frozen=True, slots=True)
class GitDoor:
    """An ASGI app for the paths of `git_request.is_git`."""

    entrance: GitEntrance
    publisher: Publisher
    fetches: Fetches
    capabilities: Capabilities
    admission: Admission
    # Apart: streams that wait for their clients keep nobody from what is answered at once.
    questions: Admission = field(default_factory=Admission)
    threads: Threads = field(default_factory=Threads)
    long_threads: Threads = field(default_factory=lambda: Threads(LONG_THREADS))
    piece_seconds: float = PIECE_SECONDS

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
        refs = entered.access.opened.snapshot.refs
        if request.service == RECEIVE_PACK:
            self.entrance.grant(entered)
            content = advertise.receive_pack(refs, self.capabilities, version=request.protocol & 1)
        elif request.protocol == 2:
            content = advertise.upload_pack_v2(self.capabilities)
        else:
            content = advertise.upload_pack(refs, self.capabilities, version=request.protocol)
        return git_answers.answer(content, request.service, "advertisement")

    # --- fetch -------------------------------------------------------------------------------

    async def _fetched(
        self, visitor: Visitor, exchange: Exchange, who: tuple[str, str, str]
    ) -> Response | None:
        async with self.questions.admitted(*who):
            body = await bodies.whole(exchange.scope, exchange.receive, FETCH_REQUEST_BYTES)
            answer = await self._reasoned(visitor, self.threads, lambda: self._fetch_answer(visitor, body))
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

    def _fetch_answer(self, visitor: Visitor, body: bytes) -> bytes | Callable[[], Stream]:
        """Return an answer that needs no git, or what starts the one that does."""
        request = visitor.request
        opened = self.entrance.enter(visitor).access.opened
        parsed = fetch_request.parse(body, version=request.protocol)
        if isinstance(parsed, fetch_request.LsRefsRequest):
            return advertise.ls_refs(opened.snapshot.refs, parsed)
        if not parsed.wants:
            return b""
        return partial(self.fetches.open, opened, parsed, body, request.protocol_header)

    async def _streamed(self, stream: Stream, exchange: Exchange) -> None:
        """Send a stream as it comes; end it as soon as the client goes away."""
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in git_answers.streamed_headers(UPLOAD_PACK).items()
        ]
        send = exchange.send
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, exchange.receive, group.cancel_scope, stream)
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                while piece := await self.long_threads.run(stream.read):
                    await self._sent(piece, send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()
        except* ConnectionError as broken:
            # The head is out: only an answer that stops short can tell the client now.
            log.info("a fetch was cut short", reason=str(broken.exceptions[0]))
        finally:
            with anyio.CancelScope(shield=True):
                await self.threads.run(stream.close)

    async def _sent(self, piece: bytes, send: Send) -> None:
        """Send a piece, unless the client takes so little that it only holds a place others wait for."""
        try:
            with anyio.fail_after(self.piece_seconds):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError as stalled:
            raise ConnectionError("the client takes nothing any more") from stalled

    # --- push --------------------------------------------------------------------------------

    async def _pushed(self, visitor: Visitor, exchange: Exchange) -> Response:
        """Take a push; end it where its client goes away before its commit begins."""
        body = bodies.ThreadBody(bodies.unpacked(exchange.scope, exchange.receive))
        cancellation = Cancellation()
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_without_client, exchange.receive, body, cancellation)
            try:
                response = await self._push_answered(visitor, body, cancellation)
            except Exception as failure:  # noqa: BLE001 -- out of the group it would be wrapped
                response = failure
            group.cancel_scope.cancel()
        if isinstance(response, Exception):
            raise response
        crash_points.passing("reported")
        return response

    async def _push_answered(
        self, visitor: Visitor, body: bodies.ThreadBody, cancellation: Cancellation
    ) -> Response | Exception:
        try:
            return await self.long_threads.run(lambda: self._push_answer(visitor, body, cancellation))
        finally:
            with anyio.CancelScope(shield=True):
                await body.drain(DRAIN_BYTES)

    def _push_answer(self, visitor: Visitor, body: bodies.ThreadBody, cancellation: Cancellation) -> Response:
        reader = pkt_line.Chunks(body)
        request_id = visitor.caller.request_id
        try:
            push = receive_pack.parse_commands(reader)
        except receive_pack.PushRefused as fault:
            return git_answers.push_refusal(fault, fault.request, request_id)
        try:
            entered = self.entrance.enter(visitor)
            if not push.updates:
                return git_answers.answer(b"", RECEIVE_PACK, "result")
            return self._push_report(entered, push, reader, cancellation)
        except OutcomeUnknown:
            raise  # a report would claim what nobody knows
        except Fault as fault:
            if fault.status == 401 or self.entrance.strict:
                raise
            return git_answers.push_refusal(fault, push, request_id)

    def _push_report(
        self,
        entered: Entered,
        push: receive_pack.PushRequest,
        reader: pkt_line.Chunks,
        cancellation: Cancellation,
    ) -> Response:
        work = Push(
            self.publisher,
            self.entrance.access.gate,
            entered.visitor.caller,
            entered.access.opened,
            entered.access.context,
            entered.visitor.identity.signature_hash,
            cancellation,
        )
        caller, arn, audit = entered.visitor.caller, entered.access.opened.row.arn, self.entrance.audit
        try:
            refused = work.run(push, reader.remaining()).refused
        except Fault as fault:
            audit.add(audited.refusal(caller, PUSH, [arn], fault))
            raise
        if refused:
            audit.add(audited.refused_refs(caller, PUSH, arn, refused, work.denied))
        results = [receive_pack.RefResult(update.name, refused.get(update.name)) for update in push.updates]
        told = caller.request_id if refused and not self.entrance.strict else ""
        return git_answers.push_report(results, push, refused=told)


def _failure() -> Fault:
    return Fault(INTERNAL_FAILURE, "The service failed; its log has the reason.", status=500)


async def _watch(receive: Receive, scope: anyio.CancelScope, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.stop()  # a thread that waits for git's next word cannot be cancelled
    scope.cancel()


async def _cancel_without_client(
    receive: Receive, body: bodies.ThreadBody, cancellation: Cancellation
) -> None:
    await body.ended.wait()  # until then the thread itself asks, and hears of it
    while (await receive())["type"] != "http.disconnect":
        pass
    cancellation.cancel()
