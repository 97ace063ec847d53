"""The Git door: smart HTTP, protocols 0, 1 and 2. Bytes in, bytes out; the rules are below it.

The path of a request: `git_request.parse`, then `_enter` (who, right, existence, key), then one of
four answers: an advertisement, ls-refs from the snapshot, a fetch from git, a push to `repos.push`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moorage.core.clock import Clock, milliseconds
from moorage.core.faults import Fault
from moorage.core.principal import Caller
from moorage.edge import bodies, git_answers, git_request
from moorage.edge.admission import Admission
from moorage.edge.git_request import RECEIVE_PACK, UPLOAD_PACK, GitRequest
from moorage.git import advertise, fetch_request, pkt_line, receive_pack
from moorage.git.quarantine import ReceiveLimits
from moorage.repos.access import PULL, PUSH, Access, GitAccess
from moorage.repos.push import Push
from moorage.storage import grace

if TYPE_CHECKING:
    from moorage.auth.authenticate import Authenticator, GitIdentity
    from moorage.git.capabilities import Capabilities
    from moorage.repos.fetch import Fetches, Stream
    from moorage.repos.publish import Publisher
    from moorage.wire.regions import Regions

T = TypeVar("T")

# A fetch's request names what the client has: 64 MB is a million ids.
FETCH_REQUEST_BYTES = 64 << 20

# What is read of a push that is refused, so that git listens to the reason.
DRAIN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Entered:
    """A request that passed every question asked before its body is read."""

    identity: GitIdentity
    caller: Caller
    access: Access


@dataclass(frozen=True, slots=True)
class GitDoor:
    """An ASGI app for the paths of `git_request.is_git`."""

    authenticator: Authenticator
    access: GitAccess
    publisher: Publisher
    fetches: Fetches
    capabilities: Capabilities
    regions: Regions
    admission: Admission
    clock: Clock
    strict: bool = False  # refuse as AWS does: a bare status, no grace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        try:
            request = git_request.parse(scope)
            response = await self._answered(request, request_id, scope, receive, send)
        except bodies.Disconnected:
            return
        except Fault as fault:
            response = git_answers.refusal(fault, request_id, bare=self.strict)
        if response is not None:
            await response(scope, receive, send)

    async def _answered(
        self, request: GitRequest, request_id: str, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        identity = await _in_thread(lambda: self._identity(request))
        caller = self._caller(request, identity, request_id)
        if request.advertisement:
            entered = await _in_thread(lambda: self._enter(request, identity, caller))
            return await _in_thread(lambda: self._advertised(request, entered))
        async with self.admission.admitted(caller.principal.arn, request.name, request.client_address):
            if request.service == UPLOAD_PACK:
                return await self._fetched(request, identity, caller, scope, receive, send)
            return await self._pushed(request, identity, caller, scope, receive)

    # --- who, right, existence, key ----------------------------------------------------------

    def _identity(self, request: GitRequest) -> GitIdentity:
        return self.authenticator.git(
            request.authorization,
            request.host,
            request.signed_path,
            _region_of(self.regions, request.host),
        )

    def _caller(self, request: GitRequest, identity: GitIdentity, request_id: str) -> Caller:
        return Caller(
            identity.principal,
            identity.region,
            request_id,
            self.clock.now(),
            source_ip=request.client_address,
            secure_transport=request.secure,
            user_agent=request.user_agent,
        )

    def _enter(self, request: GitRequest, identity: GitIdentity, caller: Caller) -> Entered:
        action = PULL if request.service == UPLOAD_PACK else PUSH
        access = self.access.open(caller, request.name, action)
        self._require_fresh(request, identity, access)
        return Entered(identity, caller, access)

    def _require_fresh(self, request: GitRequest, identity: GitIdentity, access: Access) -> None:
        """Let an expired password finish the push that it began, and nothing else."""
        if identity.expired is None:
            return
        if not self.strict and request.service == RECEIVE_PACK and not request.advertisement:
            with self.publisher.database.read() as connection:
                if grace.stands(
                    connection,
                    identity.signature_hash,
                    access.opened.row.repository_id,
                    principal_id=identity.principal.unique_id,
                    client_address=request.client_address,
                    now_ms=milliseconds(self.clock.now()),
                ):
                    return
        raise identity.expired

    # --- info/refs ---------------------------------------------------------------------------

    def _advertised(self, request: GitRequest, entered: Entered) -> Response:
        refs = entered.access.opened.snapshot.refs
        if request.service == RECEIVE_PACK:
            self._grant(request, entered)
            content = advertise.receive_pack(refs, self.capabilities, version=min(request.protocol, 1))
        elif request.protocol == 2:
            content = advertise.upload_pack_v2(self.capabilities)
        else:
            content = advertise.upload_pack(refs, self.capabilities, version=request.protocol)
        return git_answers.answer(content, request.service, "advertisement")

    def _grant(self, request: GitRequest, entered: Entered) -> None:
        if self.strict:
            return
        with self.publisher.database.write() as connection:
            grace.grant(
                connection,
                entered.identity.signature_hash,
                entered.access.opened.row.repository_id,
                principal_id=entered.identity.principal.unique_id,
                client_address=request.client_address,
                now_ms=milliseconds(self.clock.now()),
            )

    # --- fetch -------------------------------------------------------------------------------

    async def _fetched(
        self,
        request: GitRequest,
        identity: GitIdentity,
        caller: Caller,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> Response | None:
        body = await bodies.whole(scope, receive, FETCH_REQUEST_BYTES)
        try:
            entered = await _in_thread(lambda: self._enter(request, identity, caller))
            answer = await _in_thread(lambda: self._fetch_answer(request, entered, body))
        except Fault as fault:
            if fault.status == 401 or self.strict:
                raise
            return git_answers.fetch_refusal(fault)
        if isinstance(answer, bytes):
            return git_answers.answer(answer, UPLOAD_PACK, "result")
        await _stream(answer, receive, send)
        return None

    def _fetch_answer(self, request: GitRequest, entered: Entered, body: bytes) -> bytes | Stream:
        opened = entered.access.opened
        parsed = fetch_request.parse(body, version=request.protocol)
        if isinstance(parsed, fetch_request.LsRefsRequest):
            return advertise.ls_refs(opened.snapshot.refs, parsed)
        if not parsed.wants:
            return b""
        return self.fetches.open(opened, parsed, body, request.protocol_header)

    # --- push --------------------------------------------------------------------------------

    async def _pushed(
        self, request: GitRequest, identity: GitIdentity, caller: Caller, scope: Scope, receive: Receive
    ) -> Response:
        body = bodies.ThreadBody(bodies.unpacked(scope, receive))

        def take() -> Response:
            reader = pkt_line.Chunks(body)
            try:
                push = receive_pack.parse_commands(reader)
            except receive_pack.PushRefused as fault:
                return git_answers.push_refusal(fault, fault.request)
            try:
                entered = self._enter(request, identity, caller)
                if not push.updates:
                    return git_answers.answer(b"", RECEIVE_PACK, "result")
                return self._push_answer(entered, push, reader)
            except Fault as fault:
                if fault.status == 401 or self.strict:
                    raise
                return git_answers.push_refusal(fault, push)

        try:
            return await _in_thread(take)
        finally:
            await body.drain(DRAIN_BYTES)

    def _push_answer(
        self, entered: Entered, push: receive_pack.PushRequest, reader: pkt_line.Chunks
    ) -> Response:
        outcome = Push(
            self.publisher,
            self.access.gate,
            entered.caller,
            entered.access.opened,
            entered.access.context,
            entered.identity.signature_hash,
        ).run(push, reader.remaining(), ReceiveLimits())
        results = [
            receive_pack.RefResult(update.name, outcome.refused.get(update.name)) for update in push.updates
        ]
        return git_answers.push_report(results, push)


def _region_of(regions: Regions, host: str) -> str | None:
    """Return the region that a host names, if it is a name of Git's door."""
    named = regions.parse_host(host)
    return named.region if named is not None else None


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


async def _stream(stream: Stream, receive: Receive, send: Send) -> None:
    """Send a stream as it comes; end it as soon as the client goes away."""
    headers = [
        (name.encode(), value.encode()) for name, value in git_answers.streamed_headers(UPLOAD_PACK).items()
    ]
    try:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while piece := await anyio.to_thread.run_sync(stream.read, abandon_on_cancel=True):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(stream.close)
