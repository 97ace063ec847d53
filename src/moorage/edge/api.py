"""The AWS HTTP door: JSON 1.1 and Query. The only file that knows the order of an API call's stops."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from starlette.responses import Response

from moorage.auth.signed_request import SignedRequest
from moorage.core import faults
from moorage.core.arn import partition_of
from moorage.core.clock import Clock, milliseconds
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal, anonymous
from moorage.edge import audited, bodies, hosts, metrics, recorded_parameters, strangers
from moorage.edge.admission import UnsignedAdmission
from moorage.edge.threads import Threads
from moorage.storage.access_keys import LastUse
from moorage.storage.audit import Answered
from moorage.storage.audit_reads import is_read

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from moorage.auth.last_used import LastUses
    from moorage.edge.hosts import Asked
    from moorage.services.call import Call
    from moorage.storage.audit_batch import AuditBatch
    from moorage.storage.database import Database
    from moorage.wire.answers import Answer
    from moorage.wire.dispatch import Operation, Service
    from moorage.wire.regions import Regions

log = structlog.get_logger(__name__)

# What AWS's own endpoints take, rounded up: a 6 MB file in base64, and a policy document.
BODY_LIMITS = {"codecommit": 10 << 20}
OTHER_BODY_LIMIT = 1 << 20


class Authenticator(Protocol):
    """Tells who signed a request, and for which region."""

    def signed(self, request: SignedRequest, service: str, region: str | None) -> tuple[Principal, str]: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in, with its body."""

    scope: Scope
    body: bytes
    request_id: str

    def header(self, name: bytes) -> str:
        return hosts.header(self.scope, name).decode("latin-1")


class _NeedsAdmissionError(Exception):
    """The operation asked for is one that nobody signs: it has to pass the turnstiles first."""


@dataclass(frozen=True, slots=True)
class ApiDoor:
    """An ASGI app for the requests of `hosts.is_api`. `call` makes what handlers are given."""

    services: Mapping[str, Service[Call]]
    authenticator: Authenticator
    call: Callable[[Caller], Call]
    regions: Regions
    database: Database
    clock: Clock
    audit: AuditBatch
    last_uses: LastUses
    threads: Threads = field(default_factory=Threads)
    default_region: str = "us-east-1"
    unsigned: UnsignedAdmission = field(default_factory=UnsignedAdmission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"] = str(uuid.uuid4())
        service = hosts.service_of(scope, self.regions)
        try:
            body = await _whole(receive, BODY_LIMITS.get(service or "", OTHER_BODY_LIMIT))
            received = Received(scope, body, request_id)
            answer = await self._served(received)
        except bodies.Disconnected:
            return
        except Fault as fault:
            answer = self._refusal(service, fault, request_id)
        response = Response(answer.body, answer.status)
        response.raw_headers = [
            *((name.lower().encode(), value.encode("latin-1", "replace")) for name, value in answer.headers),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        await response(scope, receive, send)

    async def _served(self, received: Received) -> Answer:
        try:
            return await self.threads.run(lambda: self._answer(received))
        except _NeedsAdmissionError:
            # Anybody may send these, and they cost a fetch or a signature: few at once, so that they never
            # take all threads from those who sign.
            async with self.unsigned.admitted(_address(received)):
                return await self.threads.run(lambda: self._answer(received, admitted=True))

    # --- in a thread -------------------------------------------------------------------------

    def _answer(self, received: Received, *, admitted: bool = False) -> Answer:
        """Return the answer to a request; a bug becomes InternalFailure and a log line."""
        service = hosts.service_of(received.scope, self.regions)
        try:
            asked = hosts.asked(received.scope, received.body, self.regions)
            service = asked.service
            return self._dispatched(received, asked, admitted=admitted)
        except _NeedsAdmissionError:
            raise
        except Fault as fault:
            return self._refusal(service, fault, received.request_id)
        except Exception:
            log.exception("an API call failed", service=service, request_id=received.request_id)
            failure = Fault(
                faults.INTERNAL_FAILURE, "The service failed; its log has the reason.", status=500
            )
            return self._refusal(service, failure, received.request_id)

    def _dispatched(self, received: Received, asked: Asked, *, admitted: bool) -> Answer:
        """The seven stops of an API call, in order."""
        operation = self._operation(asked)
        received.scope["state"]["operation"] = f"{asked.service}:{operation.name}"
        if not operation.signed:
            if not admitted:
                raise _NeedsAdmissionError
            return self._called_unsigned(received, asked, operation)
        with self.database.one_snapshot():
            return self._called(received, asked, operation)

    def _called(self, received: Received, asked: Asked, operation: Operation[Call]) -> Answer:
        caller = self._authenticated(received, asked)
        call = self.call(caller)
        resources: list[str] = []
        try:
            request = operation.parse(asked.message)
            caller.facts.parameters = recorded_parameters.of(request)
            self._authorize(call, operation, request, resources)
            result = operation.handle(call, request)
            answer = operation.render(result, received.request_id)
        except Fault as fault:
            self.audit.add(audited.refusal(caller, operation.action, resources, fault))
            raise
        self._audit_answer(caller, operation, resources, result)
        return answer

    def _audit_answer(
        self,
        caller: Caller,
        operation: Operation[Call],
        resources: list[str],
        result: Mapping[str, Any] | None,
    ) -> None:
        reads = is_read(operation.name)
        told = None if reads else recorded_parameters.of(result or {})
        if reads or not caller.facts.change_recorded:
            more = {} if told is None else {"responseElements": told}
            self.audit.add(audited.read(caller, operation.action, resources, **more))
        elif told is not None:
            self.audit.add(Answered(caller.request_id, operation.action, told))

    def _called_unsigned(self, received: Received, asked: Asked, operation: Operation[Call]) -> Answer:
        """Call an operation whose caller brings a token in the place of a signature; one given is ignored.

        No snapshot is held meanwhile: an identity provider may take seconds to answer. Junk leaves no audit
        row, only what a provider vouched for: anybody could fill the table with it otherwise.
        """
        caller = self._caller(received, *self._nobody(asked))
        request: dict[str, Any] = {}
        try:
            request = operation.parse(asked.message)
            caller.facts.parameters = recorded_parameters.of(request)
            result = operation.handle(self.call(caller), request)
        except Fault as fault:
            metrics.refused_logins.labels("api").inc()
            refused = audited.unsigned_refusal(caller, operation.action, request, fault)
            if refused is not None:
                self.audit.add(refused)
            raise
        self.audit.add(audited.assumed(caller, operation.action, request, result or {}))
        return operation.render(result, received.request_id)

    def _nobody(self, asked: Asked) -> tuple[Principal, str]:
        region = asked.region or self.default_region
        return anonymous(partition_of(region)), region

    def _operation(self, asked: Asked) -> Operation[Call]:
        service = self.services.get(asked.service)
        if service is None:
            raise Fault(faults.INVALID_ACTION, f"This server does not have {asked.service} yet.")
        return service.find(asked.operation, asked.version)

    def _authenticated(self, received: Received, asked: Asked) -> Caller:
        scope = received.scope
        signed = SignedRequest.of(
            scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], received.body
        )
        try:
            principal, region = self.authenticator.signed(signed, asked.service, asked.region)
        except Fault as fault:
            metrics.refused_logins.labels("api").inc()
            strangers.note(self.audit, self._stranger(received, asked), fault)
            raise
        now = self.clock.now()
        self.last_uses.note(principal, LastUse(milliseconds(now), asked.service, region))
        return self._caller(received, principal, region)

    def _caller(self, received: Received, principal: Principal, region: str) -> Caller:
        return Caller(
            principal,
            region,
            received.request_id,
            self.clock.now(),
            source_ip=_address(received),
            secure_transport=received.scope["scheme"] == "https",
            user_agent=received.header(b"user-agent"),
        )

    def _stranger(self, received: Received, asked: Asked) -> strangers.Stranger:
        client = received.scope.get("client") or ("", 0)
        return strangers.Stranger(
            received.request_id,
            f"{asked.service}:{asked.operation}",
            "*",
            client[0],
            received.header(b"user-agent"),
            self.clock.now(),
        )

    def _authorize(
        self, call: Call, operation: Operation[Call], request: Mapping[str, Any], resources: list[str]
    ) -> None:
        for target in operation.targets(call, request):
            resources.append(target.arn)
            if target.ask is not None:
                target.ask(operation.action)
            else:
                call.gate.require(call.caller, operation.action, target.arn, target.context)

    def _refusal(self, service: str | None, fault: Fault, request_id: str) -> Answer:
        known = self.services.get(service or "") or self.services[hosts.NAMELESS]
        return known.render_fault(fault, request_id)


def _address(received: Received) -> str:
    client = received.scope.get("client") or ("", 0)
    return str(client[0])


async def _whole(receive: Receive, limit_bytes: int) -> bytes:
    """Return the body as it was sent: signatures cover it so."""
    parts: list[bytes] = []
    size = 0
    async for piece in bodies.pieces(receive):
        size += len(piece)
        if size > limit_bytes:
            raise bodies.too_large(limit_bytes)
        parts.append(piece)
    return b"".join(parts)
