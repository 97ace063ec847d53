"""Both doors, asked in this process: no server, no sockets, and whatever authenticator a test needs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from moorage.auth.last_used import LastUses
from moorage.core.clock import Clock, SystemClock
from moorage.core.principal import Principal
from moorage.edge.admission import Admission
from moorage.edge.api import ApiDoor
from moorage.edge.git_entrance import GitEntrance
from moorage.edge.git_http import GitDoor
from moorage.git import capabilities
from moorage.repos.access import GitAccess
from moorage.repos.fetch import Fetches
from moorage.repos.prepared import PreparedResponses
from moorage.server.compose import SERVICES
from moorage.storage.audit_batch import AuditBatch
from repositories_at_hand import REGION, Desk

HOST = "localhost:8443"


@dataclass(frozen=True)
class Sent:
    """What a door answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Anybody:
    """An authenticator that takes everybody for one principal."""

    principal: Principal

    def signed(self, *_: object) -> tuple[Principal, str]:
        return self.principal, REGION


@dataclass(frozen=True)
class Doors:
    """The two doors over a desk's installation."""

    api: ApiDoor
    git: GitDoor
    audit: AuditBatch

    @classmethod
    def over(cls, desk: Desk, authenticator: Any, clock: Clock | None = None) -> Doors:
        """Open them; nothing is written to the audit unless the test flushes it."""
        clock = clock or SystemClock()
        call, database = desk.call, desk.installation.database
        last_uses, audit = LastUses(database), AuditBatch(database)
        entrance = GitEntrance(
            authenticator=authenticator,
            access=GitAccess(call.gate, call.repositories, call.opener),
            database=database,
            regions=call.regions,
            clock=clock,
            audit=audit,
            last_uses=last_uses,
        )
        return cls(
            ApiDoor(
                SERVICES,
                authenticator,
                lambda caller: replace(call, caller=caller),
                call.regions,
                database,
                clock,
                audit,
                last_uses,
            ),
            GitDoor(
                entrance,
                call.publisher,
                Fetches(PreparedResponses()),
                capabilities.of_installed_git(),
                Admission(),
            ),
            audit,
        )


def ask(
    door: Any, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", query: str = ""
) -> Sent:
    """Put one request to a door. Header names are in lower case."""
    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    sent: list[dict[str, Any]] = []
    coming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop()
        await asyncio.Event().wait()  # nobody goes away
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Sent(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent))
