"""Who did what to what, and with which outcome.

A change writes its row in its own transaction, by `record`. Reads and refusals go through an
`AuditBatch`, which loses at most its last second.
"""

from __future__ import annotations

import heapq
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, Connection, String, bindparam, delete, insert, or_, select, update

from moorage.core.clock import milliseconds
from moorage.core.principal import Caller, Principal
from moorage.storage import tables

if TYPE_CHECKING:
    from moorage.storage.database import Database

Outcome = Literal["allowed", "denied", "failed"]

_AUDIT = tables.audit
_RECORD = insert(_AUDIT)

_EVENTS = select(*(column for column in _AUDIT.c if column.name != "service"))

_ANSWER = update(_AUDIT).where(_AUDIT.c.event_id == bindparam("of")).values(detail=bindparam("told"))

_ROWS_OF_A_REQUEST = 100

_PAGE_ROWS = 200

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


_FIELDS = (*(each.name for each in fields(AuditEvent)), "service")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a change was answered with: its own transaction could not know. `elements` are fit for JSON."""

    request_id: str
    action: str
    elements: Mapping[str, object]


def change(caller: Caller, action: str, resource_arn: str, at_ms: int, **detail: object) -> AuditEvent:
    """Describe a change that was made."""
    caller.facts.change_recorded = True
    return event(caller, action, resource_arn, at_ms, "allowed", **detail)


def event(
    caller: Caller, action: str, resource_arn: str, at_ms: int, outcome: Outcome, **detail: object
) -> AuditEvent:
    """Describe a request of a known caller. What is in `detail` must be fit for JSON, and no secret."""
    known: dict[str, Any] = {"requestId": caller.request_id, "identity": _identity(caller.principal)}
    if caller.principal.access_key_id is not None:
        known["accessKeyId"] = caller.principal.access_key_id
    if caller.user_agent:
        known["userAgent"] = caller.user_agent[:1024]
    if caller.facts.parameters:
        known["requestParameters"] = caller.facts.parameters
    if caller.facts.additional:
        known["additionalEventData"] = caller.facts.additional
    return AuditEvent(
        account_id=caller.account_id,
        region=caller.region,
        at_ms=at_ms,
        action=action,
        principal_arn=caller.principal.arn,
        resource_arn=resource_arn,
        source_ip=caller.source_ip,
        outcome=outcome,
        detail=_json(known | detail),
        request_id=caller.request_id,
    )


def _identity(principal: Principal) -> dict[str, object]:
    """Return what `storage.cloudtrail` makes the record's userIdentity of."""
    told: dict[str, object] = {"kind": principal.kind, "id": principal.unique_id}
    if principal.user_name is not None:
        told["name"] = principal.user_name
    if (session := principal.session) is not None:
        told["session"] = {
            "issuedAt": milliseconds(session.issued_at),
            "issuerArn": session.issuer_arn,
            "issuerId": session.issuer_id,
            "mfa": session.mfa_authenticated_at is not None,
            **({"provider": session.provider} if session.provider else {}),
            **({"sourceIdentity": session.source_identity} if session.source_identity else {}),
        }
    return told


def record(connection: Connection, *events: AuditEvent) -> None:
    """Insert events in the caller's transaction."""
    if events:
        connection.execute(_RECORD, [_values(one) for one in events])


def add_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Add to the rows of changes what they were answered with."""
    elements = {(one.request_id, one.action): one.elements for one in answers}
    if not elements:
        return
    columns = _AUDIT.c
    rows = select(columns.event_id, columns.request_id, columns.action, columns.detail).where(
        columns.request_id.in_({request_id for request_id, _ in elements}), columns.outcome == "allowed"
    )
    told = [
        {"of": event_id, "told": _json(json.loads(detail) | {"responseElements": elements[asked]})}
        for event_id, *asked_, detail in connection.execute(rows)
        if (asked := tuple(asked_)) in elements
    ]
    if told:
        connection.execute(_ANSWER, told)


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to read. Times are Unix milliseconds, the first included and the last not.

    `event` is an operation with or without its service; `principal` and `resource` are ARNs or the
    names that ARNs end in.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    event: str | None = None
    principal: str | None = None
    resource: str | None = None
    outcome: Outcome | None = None
    request_id: str | None = None

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        columns = _AUDIT.c
        if self.since_ms is not None:
            yield columns.at_ms >= self.since_ms
        if self.until_ms is not None:
            yield columns.at_ms < self.until_ms
        if self.event is not None:
            yield _named(columns.action, self.event, ":")
        if self.principal is not None:
            yield _named(columns.principal_arn, self.principal, "/", ":")
        if self.resource is not None:
            yield _named(columns.resource_arn, self.resource, "/", ":")
        if self.outcome is not None:
            yield columns.outcome == self.outcome
        if self.request_id is not None:
            yield columns.request_id == self.request_id


def in_order(database: Database, account_ids: Iterable[str], wanted: Wanted) -> Iterator[AuditEvent]:
    """Yield events of accounts, oldest first: a page of each account at a time is in memory.

    Refused logins are those of the account "".
    """
    yield from heapq.merge(
        *(_of_account(database, account_id, wanted) for account_id in account_ids), key=_place
    )


def _of_account(database: Database, account_id: str, wanted: Wanted) -> Iterator[AuditEvent]:
    columns = _AUDIT.c
    query = _EVENTS.where(columns.account_id == account_id, *wanted.clauses()).limit(_PAGE_ROWS)
    query = query.order_by(columns.at_ms, columns.event_id)
    page = query
    while True:
        with database.read() as connection:
            found = [AuditEvent(**row) for row in connection.execute(page).mappings()]
        yield from found
        if len(found) < _PAGE_ROWS:
            return
        # The first condition is the index's; the second does not repeat what shares a millisecond.
        at_ms, event_id = _place(found[-1])
        page = query.where(columns.at_ms >= at_ms, or_(columns.at_ms > at_ms, columns.event_id > event_id))


def _place(event: AuditEvent) -> tuple[int, str]:
    return event.at_ms, event.event_id


def _named(column: ColumnElement[str], name: str, *separators: str) -> ColumnElement[bool]:
    return or_(column == name, *(column.endswith(each + name, autoescape=True) for each in separators))


def _json(detail: Mapping[str, object]) -> str:
    return json.dumps(detail, separators=(",", ":"), default=str)


def _values(one: AuditEvent) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in _FIELDS}
    for name, limit in _LIMITS.items():
        values[name] = _storable(values[name])[:limit]  # Text has no limit: None
    return values


def _storable(text: str) -> str:
    """Drop what PostgreSQL cannot hold in a text: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
