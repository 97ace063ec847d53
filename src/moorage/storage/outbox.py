"""Events for others, written in the transaction that makes them true; a dispatcher sends them later."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from moorage.core.names import ZERO_ID
from moorage.core.principal import Caller
from moorage.storage import tables

if TYPE_CHECKING:
    from moorage.storage.repositories import RefChange, RepositoryRow

REPOSITORY_STATE_CHANGE = "CodeCommit Repository State Change"

_OUTBOX = tables.outbox
_APPEND = insert(_OUTBOX)


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One event. `detail` is JSON text in EventBridge's shape for CodeCommit."""

    account_id: str
    region: str
    detail_type: str
    resource_arn: str
    detail: str
    at_ms: int
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def append(connection: Connection, *events: OutboxEvent) -> None:
    """Insert events in the caller's transaction."""
    if events:
        connection.execute(_APPEND, [asdict(event) | {"sent": False} for event in events])


def unsent(connection: Connection, limit: int = 100) -> list[OutboxEvent]:
    """Return the oldest events that nobody has been told of."""
    columns = [column for column in _OUTBOX.c if column.name not in {"position", "sent"}]
    waiting = select(*columns).where(_OUTBOX.c.sent.is_(False)).order_by(_OUTBOX.c.position)
    return [OutboxEvent(**row) for row in connection.execute(waiting.limit(limit)).mappings()]


def mark_sent(connection: Connection, event_ids: list[str]) -> None:
    """Note that events were sent. One sent but not noted is sent again: receivers see its id."""
    connection.execute(update(_OUTBOX).where(_OUTBOX.c.event_id.in_(event_ids)).values(sent=True))


def prune(connection: Connection, before_ms: int) -> int:
    """Delete sent events older than that moment; return how many."""
    old = _OUTBOX.delete().where(_OUTBOX.c.sent.is_(True), _OUTBOX.c.at_ms < before_ms)
    return connection.execute(old).rowcount


def event(
    caller: Caller, row: RepositoryRow, detail_type: str, detail: Mapping[str, object], at_ms: int
) -> OutboxEvent:
    """Describe an event of a repository. `callerUserArn` is added to the detail.

    Append it while holding the repository's row (`repositories.lock`), so that events are in order.
    """
    return OutboxEvent(
        account_id=row.account_id,
        region=row.region,
        detail_type=detail_type,
        resource_arn=row.arn,
        detail=json.dumps({"callerUserArn": caller.principal.arn, **detail}, separators=(",", ":")),
        at_ms=at_ms,
    )


def shown_date(at_ms: int) -> str:
    """Return a moment as AWS's events spell it: Tue Feb 12 02:55:15 UTC 2019."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")


def reference_change(
    caller: Caller,
    row: RepositoryRow,
    change: RefChange,
    at_ms: int,
    more: Mapping[str, str] = MappingProxyType({}),
) -> OutboxEvent:
    """Describe one movement of a ref, as AWS's event says it (service.md section 8)."""
    name = change.name.decode(errors="replace")
    kind, short = _kind_of(name)
    detail: dict[str, Any] = {
        "event": _event_of(change),
        "repositoryName": row.name,
        "repositoryId": row.repository_id,
        "referenceType": kind,
        "referenceName": short,
        "referenceFullName": name,
    }
    if change.new != ZERO_ID:
        detail["commitId"] = change.new
    if change.old != ZERO_ID:
        detail["oldCommitId"] = change.old
    return event(caller, row, REPOSITORY_STATE_CHANGE, {**detail, **more}, at_ms)


def _event_of(change: RefChange) -> str:
    if change.old == ZERO_ID:
        return "referenceCreated"
    return "referenceDeleted" if change.new == ZERO_ID else "referenceUpdated"


def _kind_of(name: str) -> tuple[str, str]:
    """Tell a ref's type and short name. AWS knows two types; others are told by their full name."""
    for prefix, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if name.startswith(prefix):
            return kind, name.removeprefix(prefix)
    return "other", name
