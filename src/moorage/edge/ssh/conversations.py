"""Git's conversations over one channel, after the advertisement.

| | what the client says | what serves it |
|---|---|---|
| fetch, protocol 2 | requests, each to its flush packet, until an empty one | as over HTTP, each by itself |
| fetch, protocols 0 and 1 | wants, then rounds of haves | one `git upload-pack` to its end |
| push | commands, then a pack | `repos.push`, as over HTTP |
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from moorage.core import crash_points
from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.edge import bodies
from moorage.edge.git_service import DRAIN_BYTES, FETCH_REQUEST_BYTES
from moorage.edge.ssh.requests import Requests
from moorage.git import fetch_request, pack_end, pkt_line
from moorage.git.cancellation import Cancellation
from moorage.repos.dialogue import Dialogue

if TYPE_CHECKING:
    from moorage.edge.git_refusals import PushAnswer
    from moorage.edge.git_service import GitService
    from moorage.edge.git_visitors import Entered, Visitor
    from moorage.edge.ssh.session import GitSession
    from moorage.git.capabilities import Capabilities

# How long a client may take for one request, once it began: as over HTTP, where the guard sees to it.
REQUEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Conversations:
    """`again` asks who the visitor is once more, for each request: a key switched off is refused at once."""

    service: GitService
    session: GitSession
    again: Callable[[], Visitor]

    def advertisement(self, entered: Entered) -> bytes:
        """Return what the conversation begins with."""
        return self.service.advertisement(
            entered, service_line=False, capabilities=_lasting(self.service.capabilities)
        )

    # --- fetch ---------------------------------------------------------------------------------

    async def fetches(self, visitor: Visitor) -> None:
        """Answer a client's requests until it says that it is done.

        Raises:
            Fault: one was refused; nothing more is answered.
        """
        who = _who(visitor)
        requests = Requests(self.session.read, FETCH_REQUEST_BYTES)
        while await requests.begun():
            if visitor.request.protocol == 2:
                if not await self._request(requests, who):
                    return
            else:
                await self._dialogue(requests, who)
                return

    async def _request(self, requests: Requests, who: tuple[str, str, str]) -> bool:
        """Answer one request of protocol 2; return False for the empty one, which is the last."""
        service = self.service
        async with service.questions.admitted(*who):
            body = await _in_time(requests)
            if _is_empty(body):
                return False
            answer = await service.threads.run(lambda: service.fetch_answer(self.again(), body))
        if isinstance(answer, bytes):
            await self.session.write(answer)
            return True
        async with service.admission.admitted(*who):
            # It may have to fill the cache first, or wait for another who does.
            stream = await service.long_threads.run(answer)
            if not await service.pumped(stream, self.session.write, self.session.departure):
                raise bodies.Disconnected
        return True

    async def _dialogue(self, requests: Requests, who: tuple[str, str, str]) -> None:
        service = self.service
        async with service.admission.admitted(*who):
            wants = await _in_time(requests)
            if _is_empty(wants):
                return
            dialogue = await service.long_threads.run(lambda: self._begun(wants))
            listening = asyncio.create_task(self._hand_on(wants, requests, dialogue))
            try:
                sent = await service.pumped(dialogue, self.session.write, self.session.departure)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            if not sent:
                raise bodies.Disconnected

    def _begun(self, wants: bytes) -> Dialogue:
        entrance = self.service.entrance
        entered = entrance.enter(self.again())
        parsed = fetch_request.parse(wants, version=0)
        entrance.pulled(entered, parsed, wants, whole=True)
        return Dialogue(entered.access.opened)

    async def _hand_on(self, wants: bytes, requests: Requests, dialogue: Dialogue) -> None:
        """Give git what the client says, to its end or to a bound."""
        size, said = 0, wants
        try:
            while said and size + len(said) <= FETCH_REQUEST_BYTES:
                size += len(said)
                await self.service.long_threads.run(partial(dialogue.write, said))
                said = await requests.rest()
        except ConnectionError:
            dialogue.stop()
            return
        if said:
            dialogue.stop()
        else:
            await self.service.threads.run(dialogue.finish_writing)

    # --- push ----------------------------------------------------------------------------------

    async def push(self, visitor: Visitor) -> None:
        """Take a push; end it where its client goes away before its commit begins."""
        first = await self.session.read()
        if not first:
            return
        self.session.pushing = True
        cancellation = Cancellation()
        async with self.service.admission.admitted(*_who(visitor)):
            watching = asyncio.create_task(self._cancel_at_departure(cancellation))
            try:
                await self._pushed(first, cancellation)
            finally:
                watching.cancel()
        crash_points.passing("reported")

    async def _pushed(self, first: bytes, cancellation: Cancellation) -> None:
        body = bodies.ThreadBody(self._from(first))
        reader = pkt_line.Chunks(body)
        pack = pack_end.until_end(reader.remaining())

        def answer() -> PushAnswer:
            return self.service.push_answer(self.again(), reader, pack, cancellation)

        answered = await self.service.long_threads.run(answer)
        await self.session.write(answered.content)
        if answered.brings_pack:
            # Git listens to the reason while it still sends, but ends only once it has sent all.
            await self.service.long_threads.run(lambda: _drained(pack))

    async def _from(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for piece in self.session.pieces():
            yield piece

    async def _cancel_at_departure(self, cancellation: Cancellation) -> None:
        await self.session.departure()
        cancellation.cancel()


def _is_empty(request: bytes) -> bool:
    """Tell whether a request is a flush packet alone: the client is done."""
    return len(request) == pkt_line.LENGTH_BYTES


def _who(visitor: Visitor) -> tuple[str, str, str]:
    caller, request = visitor.caller, visitor.request
    repository = f"{caller.account_id}/{caller.region}/{request.name}"
    return caller.principal.arn, repository, request.client_address


def _lasting(capabilities: Capabilities) -> Capabilities:
    """Return the capabilities of a connection that lasts: `no-done` is of HTTP alone."""
    before, after = capabilities.upload_pack
    return replace(capabilities, upload_pack=(_without_no_done(before), _without_no_done(after)))


def _without_no_done(words: bytes) -> bytes:
    return b" ".join(word for word in words.split(b" ") if word != b"no-done")


async def _in_time(requests: Requests) -> bytes:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await requests.whole()
    except TimeoutError:
        raise Fault(
            VALIDATION_ERROR, f"The request did not come within {REQUEST_SECONDS:.0f} seconds."
        ) from None


def _drained(pack: Iterator[bytes]) -> None:
    dropped = 0
    for piece in pack:
        dropped += len(piece)
        if dropped > DRAIN_BYTES:
            return
