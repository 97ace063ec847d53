"""Who did what to what, and with which outcome.

A change writes its row in its own transaction, by `record`. Reads and refusals go through an
`AuditBatch`, which loses at most its last second.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, String, delete, insert, select

from moorage.core.principal import Caller
from moorage.storage import tables

Outcome = Literal["allowed", "denied", "failed"]

_AUDIT = tables.audit

_EVENTS = select(*(column for column in _AUDIT.c if column.name != "service"))

_ROWS_OF_A_REQUEST = 100

# PostgreSQL refuses what is longer than its column; SQLite does not. Callers choose some of it.
_LIMITS = {column.name: column.type.length for column in _AUDIT.c if isinstance(column.type, String)}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row. `detail` is JSON text: request id, access key, error code, deciding statement, refs."""

    account_id: str
    region: str
    at_ms: int
    action: str  # as codecommit:GitPush
    principal_arn: str
    resource_arn: str
    source_ip: str
    outcome: Outcome
    detail: str
    request_id: str = ""  # empty where nobody asked: the service's own work
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def service(self) -> str:
        return self.action.partition(":")[0]


def change(caller: Caller, action: str, resource_arn: str, at_ms: int, **detail: object) -> AuditEvent:
    """Describe a change that was made."""
    return event(caller, action, resource_arn, at_ms, "allowed", **detail)


def event(
    caller: Caller, action: str, resource_arn: str, at_ms: int, outcome: Outcome, **detail: object
) -> AuditEvent:
    """Describe a request of a known caller. What is in `detail` must be fit for JSON, and no secret."""
    known: dict[str, Any] = {"requestId": caller.request_id}
    if caller.principal.access_key_id is not None:
        known["accessKeyId"] = caller.principal.access_key_id
    if caller.user_agent:
        known["userAgent"] = caller.user_agent[:1024]
    return AuditEvent(
        account_id=caller.account_id,
        region=caller.region,
        at_ms=at_ms,
        action=action,
        principal_arn=caller.principal.arn,
        resource_arn=resource_arn,
        source_ip=caller.source_ip,
        outcome=outcome,
        detail=json.dumps(known | detail, separators=(",", ":"), default=str),
        request_id=caller.request_id,
    )


def record(connection: Connection, *events: AuditEvent) -> None:
    """Insert events in the caller's transaction."""
    if events:
        connection.execute(insert(_AUDIT), [_values(one) for one in events])


def prune(connection: Connection, before_ms: int, limit: int = 1000) -> int:
    """Delete up to `limit` of the rows older than that moment; return how many."""
    old = select(_AUDIT.c.event_id).where(_AUDIT.c.at_ms < before_ms).limit(limit)
    return connection.execute(delete(_AUDIT).where(_AUDIT.c.event_id.in_(old.scalar_subquery()))).rowcount


def recent(connection: Connection, account_id: str, limit: int = 50) -> list[AuditEvent]:
    """Return an account's newest events, newest first."""
    newest = _EVENTS.where(_AUDIT.c.account_id == account_id).order_by(
        _AUDIT.c.at_ms.desc(), _AUDIT.c.event_id
    )
    return [AuditEvent(**row) for row in connection.execute(newest.limit(limit)).mappings()]


def of_request(connection: Connection, request_id: str) -> list[AuditEvent]:
    """Return what one request left, oldest first. Empty text asks for nothing."""
    if not request_id:
        return []
    found = _EVENTS.where(_AUDIT.c.request_id == request_id).order_by(_AUDIT.c.at_ms, _AUDIT.c.event_id)
    return [AuditEvent(**row) for row in connection.execute(found.limit(_ROWS_OF_A_REQUEST)).mappings()]


def _values(one: AuditEvent) -> dict[str, Any]:
    values = asdict(one) | {"service": one.service}
    for name, limit in _LIMITS.items():
        values[name] = _storable(values[name])[:limit]  # Text has no limit: None
    return values


def _storable(text: str) -> str:
    """Drop what PostgreSQL cannot hold in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
