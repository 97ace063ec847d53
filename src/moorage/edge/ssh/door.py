"""The SSH Git door: from an exec line to git's conversation. The rules are below it, as on HTTPS.

The path of an exec: `exec_line.parse`, the key asked anew, the region found, `GitEntrance.enter` (right,
existence, key), the advertisement, then what `conversations` has for the service and protocol.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from moorage.auth.authenticate import GitIdentity
from moorage.core.arn import GLOBAL_REGIONS, partition_of, repository_arn
from moorage.core.faults import ACCESS_DENIED, INTERNAL_FAILURE, VALIDATION_ERROR, Fault
from moorage.core.principal import Caller
from moorage.edge import git_refusals, git_request, metrics
from moorage.edge.git_answers import status_of
from moorage.edge.git_request import UPLOAD_PACK, GitRequest
from moorage.edge.git_visitors import Visitor
from moorage.edge.ssh import exec_line
from moorage.edge.ssh.conversations import Conversations
from moorage.repos.access import PULL, PUSH, tag_context
from moorage.storage import repository_regions

if TYPE_CHECKING:
    from moorage.auth.ssh_login import ProvenKey, SshLogins
    from moorage.core.principal import Principal
    from moorage.edge.git_service import GitService
    from moorage.edge.ssh.connection import GitServer
    from moorage.edge.ssh.exec_line import ExecRequest
    from moorage.edge.ssh.session import GitSession, Program
    from moorage.wire.regions import Regions

log = structlog.get_logger(__name__)

DOOR = "ssh"
# The sense of what AWS says there.
WELCOME = (
    "You have successfully authenticated over SSH. You can use Git to interact with moorage. "
    "Interactive shells are not supported."
)


@dataclass(frozen=True, slots=True)
class SshDoor:
    """Serves sessions whose key is proven. `region`: the listener's own, None where it has none."""

    service: GitService
    logins: SshLogins
    regions: Regions
    default_region: str

    async def proven(self, key: ProvenKey) -> None:
        """Let a key in, or raise the Fault that refuses it."""
        try:
            await self.service.threads.run(lambda: self.logins.principal(key))
        except Fault as fault:
            if fault.status == 401:
                metrics.refused_logins.labels(DOOR).inc()
            raise

    def program(self, server: GitServer, region: str | None) -> Program:
        """Return what sessions of a connection run."""

        async def run(session: GitSession, line: str | None) -> int:
            if line is None:
                session.say(WELCOME)
                return 1
            assert server.identity is not None
            return await self._exec(session, _Exec(server, server.identity, line, region))

        return run

    async def _exec(self, session: GitSession, asked: _Exec) -> int:
        """Serve one exec line; return its exit status. Refusals reach the person through git."""
        request_id = str(uuid.uuid4())
        started = time.perf_counter()
        metrics.in_progress.labels(DOOR).inc()
        status, operation = 499, ""  # nobody was answered: the client went away first
        try:
            request = exec_line.parse(asked.line)
            operation = f"git:{request.service}"
            await self._served(session, asked, request, request_id)
            status = 200
        except Fault as fault:
            status = status_of(fault)
            self._refuse(session, fault, request_id, spoken=bool(operation))
        except ConnectionError:
            pass
        except Exception:
            log.exception("a git session failed", request_id=request_id)
            status = 500
            self._refuse(session, _failure(), request_id, spoken=bool(operation))
        finally:
            seconds = time.perf_counter() - started
            metrics.in_progress.labels(DOOR).dec()
            metrics.requests.labels(DOOR, operation, str(status)).inc()
            metrics.request_seconds.labels(DOOR).observe(seconds)
            log.info(
                "request",
                door=DOOR,
                operation=operation,
                status=status,
                ms=round(seconds * 1000, 1),
                client=asked.server.address,
                key_id=asked.key.key_id,
                request_id=request_id,
            )
        return 0 if status == 200 else 1

    def _refuse(self, session: GitSession, fault: Fault, request_id: str, *, spoken: bool) -> None:
        """Say no. To git in its own packet, unless the line was none of git's."""
        if self.service.entrance.strict and fault.status in (400, 401, 403):
            text = f"{ACCESS_DENIED} ({git_refusals.request_line(request_id)})"
        else:
            text = f"{git_refusals.reason_of(fault)} ({git_refusals.request_line(request_id)})"
        if spoken and not session.pushing:
            session.say_to_git(git_refusals.error_packet(text))
        else:
            session.say(text)

    async def _served(self, session: GitSession, asked: _Exec, line: ExecRequest, request_id: str) -> None:
        threads, service = self.service.threads, self.service
        visitor = await threads.run(lambda: self._visitor(session, asked, line, request_id))
        conversations = Conversations(service, session, lambda: self._again(visitor, asked.key))

        def advertised() -> bytes:
            with service.entrance.database.one_snapshot():
                return conversations.advertisement(service.entrance.enter(visitor))

        await session.write(await threads.run(advertised))
        if line.service == UPLOAD_PACK:
            await conversations.fetches(visitor)
        else:
            await conversations.push(visitor)

    # --- who, and where ------------------------------------------------------------------------

    def _visitor(self, session: GitSession, asked: _Exec, line: ExecRequest, request_id: str) -> Visitor:
        """Ask for the key's user again, and make of it what the entrance takes.

        Raises:
            Fault: the key was switched off, or no one region can be told.
        """
        principal = self._principal(asked.key)
        request = GitRequest(
            name=line.name,
            signed_path=b"",
            service=line.service,
            advertisement=True,
            protocol=git_request.protocol_version(session.git_protocol),
            protocol_header=session.git_protocol,
            host="",
            authorization=None,
            client_address=asked.server.address,
            secure=True,
            user_agent=asked.server.client_version[:200],
        )
        caller = Caller(
            principal,
            "",
            request_id,
            self.service.entrance.clock.now(),
            source_ip=request.client_address,
            secure_transport=True,
            user_agent=request.user_agent,
        )
        region = self._region(caller, line, asked.region)
        return Visitor(request, GitIdentity(principal, region), replace(caller, region=region))

    def _again(self, visitor: Visitor, key: ProvenKey) -> Visitor:
        """Return the visitor as it is now, for a request after the advertisement."""
        principal = self._principal(key)
        caller = replace(visitor.caller, principal=principal, now=self.service.entrance.clock.now())
        request = replace(visitor.request, advertisement=False)
        return Visitor(request, GitIdentity(principal, caller.region), caller)

    def _principal(self, key: ProvenKey) -> Principal:
        try:
            return self.logins.principal(key)
        except Fault as fault:
            if fault.status == 401:
                metrics.refused_logins.labels(DOOR).inc()
            raise

    def _region(self, caller: Caller, line: ExecRequest, listener: str | None) -> str:
        """Return the listener's region, else the path's, else the only one that holds the repository."""
        if listener is not None and line.region not in (None, listener):
            raise Fault(
                VALIDATION_ERROR, f"This port serves {listener} alone: leave the region out of the path."
            )
        named = listener or line.region
        if named is None:
            return self._only_region(caller, line)
        if named not in self.regions or partition_of(named) != caller.partition:
            raise Fault(
                VALIDATION_ERROR, f"The region {named} is not served here for the account of this SSH key."
            )
        return named

    def _only_region(self, caller: Caller, line: ExecRequest) -> str:
        entrance = self.service.entrance
        own = [region for region in self.regions if partition_of(region) == caller.partition]
        with entrance.database.read() as connection:
            holding = repository_regions.holding(connection, caller.account_id, own, line.name)
        found = [region for region in holding if self._may(replace(caller, region=region), line)]
        if len(found) > 1:
            raise Fault(
                VALIDATION_ERROR,
                f"{line.name} is in several regions: {', '.join(found)}. Name one in the path, as "
                f"/{found[0]}/v1/repos/{line.name}.",
            )
        if found:
            return found[0]
        # The question of right comes before that of existence, there as anywhere.
        if partition_of(self.default_region) == caller.partition:
            return self.default_region
        return GLOBAL_REGIONS[caller.partition]

    def _may(self, caller: Caller, line: ExecRequest) -> bool:
        access = self.service.entrance.access
        found = access.repositories.find(caller.account_id, caller.region, line.name)
        action = PULL if line.service == UPLOAD_PACK else PUSH
        arn = repository_arn(caller.region, caller.account_id, line.name)
        context = tag_context(found[1] if found else {})
        return access.gate.decide(caller, action, arn, context).allowed


@dataclass(frozen=True, slots=True)
class _Exec:
    """An exec request: on which connection, proven by which key, to a listener of which region."""

    server: GitServer
    key: ProvenKey
    line: str
    region: str | None


def _failure() -> Fault:
    return Fault(INTERNAL_FAILURE, "The service failed; its log has the reason.", status=500)
