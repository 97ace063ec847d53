"""What the two Git doors, HTTPS and SSH, have in common: the answers, and how streams are pumped.

Four answers: an advertisement, ls-refs from the snapshot, a fetch from git, a push to `repos.push`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog

from moorage.core.faults import Fault
from moorage.edge import audited, git_records, git_refusals, refused_refs
from moorage.edge.admission import Admission
from moorage.edge.git_entrance import GitEntrance
from moorage.edge.git_refusals import PushAnswer
from moorage.edge.git_request import RECEIVE_PACK
from moorage.edge.git_visitors import Entered, Visitor
from moorage.edge.threads import Threads
from moorage.git import advertise, fetch_request, receive_pack
from moorage.repos.access import PUSH
from moorage.repos.push import Push
from moorage.storage.database import OutcomeUnknown

if TYPE_CHECKING:
    from moorage.git import pkt_line
    from moorage.git.cancellation import Cancellation
    from moorage.git.capabilities import Capabilities
    from moorage.repos.fetch import Fetches, Stream
    from moorage.repos.publish import Publisher

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
class GitService:
    """Serves visitors of either door, within the bounds that both share."""

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

    def advertisement(
        self, entered: Entered, *, service_line: bool = True, capabilities: Capabilities | None = None
    ) -> bytes:
        """Return what a conversation begins with. `service_line`: HTTP's own first packet."""
        refs, request = entered.access.opened.snapshot.refs, entered.visitor.request
        known = capabilities or self.capabilities
        git_records.advertised(self.entrance.audit, entered)
        if request.service == RECEIVE_PACK:
            version = request.protocol & 1  # there is no 2
            return advertise.receive_pack(refs, known, version=version, service_line=service_line)
        if request.protocol == 2:
            return advertise.upload_pack_v2(known)
        return advertise.upload_pack(refs, known, version=request.protocol, service_line=service_line)

    def fetch_answer(self, visitor: Visitor, body: bytes) -> bytes | Callable[[], Stream]:
        """Return the answer to one request of a fetch, or what starts the git that gives it.

        Raises:
            Fault: the visitor may not, or the request makes no sense.
        """
        request = visitor.request
        entered = self.entrance.enter(visitor)
        opened = entered.access.opened
        parsed = fetch_request.parse(body, version=request.protocol)
        self.entrance.pulled(entered, parsed, body)
        if isinstance(parsed, fetch_request.LsRefsRequest):
            return advertise.ls_refs(opened.snapshot.refs, parsed)
        if not parsed.wants:
            return b""
        return partial(self.fetches.open, opened, parsed, body, request.protocol_header)

    def push_answer(
        self, visitor: Visitor, reader: pkt_line.Chunks, pack: Iterator[bytes], cancellation: Cancellation
    ) -> PushAnswer:
        """Take a push: its commands from `reader`, then `pack`. A push without commands is a probe.

        Raises:
            Fault: its credential is not good (any more); in strict mode, any refusal of all of it.
            OutcomeUnknown: the database broke off in its commit; nothing may be said about it.
        """
        request_id, strict = visitor.caller.request_id, self.entrance.strict
        quota = receive_pack.MAX_REF_UPDATES if strict else receive_pack.FRIENDLY_REF_UPDATES
        try:
            push = receive_pack.parse_commands(reader, quota)
        except receive_pack.PushRefused as fault:
            return git_refusals.push_refusal(fault, fault.request, request_id)
        try:
            entered = self.entrance.enter(visitor)
            return self._push_report(entered, push, pack, cancellation) if push.updates else PushAnswer(b"")
        except OutcomeUnknown:
            raise  # a report would claim what nobody knows
        except Fault as fault:
            if fault.status == 401 or strict:
                raise
            return git_refusals.push_refusal(fault, push, request_id)

    def _push_report(
        self,
        entered: Entered,
        push: receive_pack.PushRequest,
        pack: Iterator[bytes],
        cancellation: Cancellation,
    ) -> PushAnswer:
        work = Push(
            self.publisher,
            self.entrance.access.gate,
            entered.visitor.caller,
            entered.access.opened,
            entered.access.context,
            entered.visitor.identity.signature_hash,
            cancellation,
        )
        git_records.asked(entered, push.capabilities, data=push.brings_pack, shallow=bool(push.shallow))
        caller, arn, audit = entered.visitor.caller, entered.access.opened.row.arn, self.entrance.audit
        try:
            refused = work.run(push, pack).refused
        except Fault as fault:
            audit.add(audited.refusal(caller, PUSH, [arn], fault))
            raise
        if refused:
            audit.add(audited.refused_refs(caller, PUSH, arn, refused, work.denied))
        strict, explained = self.entrance.strict, "side-band-64k" in push.capabilities
        reasons = refused_refs.reasons(refused, work.denied, in_full=not (strict or explained))
        results = [receive_pack.RefResult(update.name, reasons.get(update.name)) for update in push.updates]
        messages = [] if strict else refused_refs.messages(refused, work.denied)
        told = caller.request_id if refused and not strict else ""
        return git_refusals.push_report(results, push, messages=messages, refused=told)

    async def pumped(
        self,
        stream: Stream,
        send: Callable[[bytes], Awaitable[None]],
        departure: Callable[[], Awaitable[None]],
        *,
        begin: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Send a stream as it comes; end it as soon as the client goes away, which `departure` waits for.

        `begin` sends what comes before it. Returns whether all of it was sent.
        """
        sent = False
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, departure, group.cancel_scope, stream)
                if begin is not None:
                    await begin()
                while piece := await self.long_threads.run(stream.read):
                    await self._sent(piece, send)
                sent = True
                group.cancel_scope.cancel()
        except* ConnectionError as broken:
            # Its beginning is out: only an answer that stops short can tell the client now.
            log.info("a fetch was cut short", reason=str(broken.exceptions[0]))
        finally:
            with anyio.CancelScope(shield=True):
                await self.threads.run(stream.close)
        return sent

    async def _sent(self, piece: bytes, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send a piece, unless the client takes so little that it only holds a place others wait for."""
        try:
            with anyio.fail_after(self.piece_seconds):
                await send(piece)
        except TimeoutError as stalled:
            raise ConnectionError("the client takes nothing any more") from stalled


async def _watch(departure: Callable[[], Awaitable[None]], scope: anyio.CancelScope, stream: Stream) -> None:
    await departure()
    stream.stop()  # a thread that waits for git's next word cannot be cancelled
    scope.cancel()
