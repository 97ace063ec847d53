"""What `--test-mode` adds: a reset to an empty account, and a clock that can be shifted.

Both ask for a header that a page of another site cannot send without asking first (which nothing
here answers), and refuse whatever a browser marks as its own request.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update
from starlette.responses import PlainTextResponse, Response

from moorage.core.clock import Clock, ShiftedClock
from moorage.core.faults import Fault
from moorage.edge import bodies, hosts
from moorage.edge.threads import Threads
from moorage.storage import tables

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from moorage.server.first_start import Installation
    from moorage.server.stores import Stores
    from moorage.storage.audit_batch import AuditBatch

HEADER = b"x-moorage-test"
RESET = "/_moorage/reset"
CLOCK = "/_moorage/clock"

# A century either way: certificates and rows stay within what Python's dates can hold.
LARGEST_SHIFT_SECONDS = 100 * 365 * 86400
_BODY_BYTES = 4096

# What a reset keeps of the account that the first start made.
_KEPT = {tables.installation.name, tables.accounts.name, tables.access_keys.name}


@dataclass(frozen=True, slots=True)
class TestMode:
    """Answers the two endpoints. One process only: the clock and the caches are this process's."""

    stores: Stores
    account_id: str
    root_keys: tuple[dict[str, Any], ...]  # rows, as they were at the start
    audit: AuditBatch
    clock: ShiftedClock
    threads: Threads = field(default_factory=lambda: Threads(1))

    @classmethod
    def of(cls, stores: Stores, installation: Installation, audit: AuditBatch, clock: Clock) -> TestMode:
        """Remember what a reset goes back to."""
        assert isinstance(clock, ShiftedClock), "test mode is served by a clock that can be shifted"
        keys = tables.access_keys
        query = select(keys).where(
            keys.c.account_id == installation.default_account, keys.c.user_id.is_(None)
        )
        with stores.database.read() as connection:
            rows = tuple(dict(row) for row in connection.execute(query).mappings())
        return cls(stores, installation.default_account, rows, audit, clock)

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Answer a request to one of the two paths, None for others."""
        if scope["path"] not in {RESET, CLOCK}:
            return None
        if scope["method"] != "POST":
            return PlainTextResponse("Method Not Allowed\n", 405, {"allow": "POST"})
        refusal = _refusal(scope)
        if refusal is not None:
            return PlainTextResponse(f"{refusal}\n", 403)
        try:
            body = await bodies.whole(scope, receive, _BODY_BYTES)
        except Fault as fault:
            return PlainTextResponse(f"{fault.message}\n", fault.status)
        if scope["path"] == CLOCK:
            return self._shift(body)
        await self.threads.run(self.reset)
        return Response(status_code=204)

    def reset(self) -> None:
        """Make the first account empty again and remove all others, all repositories and all blobs."""
        self.clock.shift = timedelta()
        self.audit.flush()
        with self.stores.database.write() as connection:
            repositories = list(connection.execute(select(tables.repositories.c.repository_id)).scalars())
            self._empty(connection)
        for repository_id in repositories:
            self.stores.cache.purge(repository_id)
        for blob in list(self.stores.blobs.keys()):
            self.stores.blobs.delete(blob.key)

    def _empty(self, connection: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name not in _KEPT:
                connection.execute(delete(table))
        connection.execute(delete(tables.access_keys))
        accounts = tables.accounts
        connection.execute(delete(accounts).where(accounts.c.account_id != self.account_id))
        # The revision goes on growing: what was compiled from the policies of before is not used again.
        connection.execute(
            update(accounts).values(state="ACTIVE", identity_revision=accounts.c.identity_revision + 1)
        )
        for row in self.root_keys:
            connection.execute(insert(tables.access_keys).values(**row))

    def _shift(self, body: bytes) -> Response:
        seconds = _seconds(body)
        if seconds is None:
            return PlainTextResponse(
                'Send JSON: {"shiftSeconds": 3600}, the shift from the real time.\n', 400
            )
        self.clock.shift = timedelta(seconds=seconds)
        content = {"now": self.clock.now().isoformat(), "shiftSeconds": seconds}
        return Response(json.dumps(content) + "\n", media_type="application/json")


def _seconds(body: bytes) -> float | None:
    try:
        value = json.loads(body)["shiftSeconds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # An integer may be larger than any float; NaN is in no range.
    return float(value) if abs(value) <= LARGEST_SHIFT_SECONDS else None


def _refusal(scope: Scope) -> str | None:
    """Return why a request may not come in: it looks like a page's, or came by a name that is not ours."""
    if hosts.header(scope, HEADER) != b"1":
        return "Send the header X-Moorage-Test: 1."
    if hosts.header(scope, b"origin") or hosts.header(scope, b"sec-fetch-site"):
        return "Test mode is not for browsers."
    if not _is_local(hosts.header(scope, b"host").decode("latin-1")):
        return "Test mode is reached by localhost or a loopback address only."
    return None


def _is_local(host: str) -> bool:
    """Tell whether a Host header names this machine (a page behind a rebound DNS name does not)."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.removeprefix("[").removesuffix("]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
