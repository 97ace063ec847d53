"""Messages on their way to others: one row for each message and receiver, until it arrived or is given up.

Of what goes from one stream (a repository) to one target, only the first row is tried: the order of
what happened is the order in which it is told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from moorage.storage import tables

State = Literal["waiting", "dead"]

WAITING: Final = "waiting"
DEAD: Final = "dead"

_TABLE = tables.deliveries
_ERROR_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent: `target` says to whom, `stream` what it is in order with."""

    target: str
    stream: str
    region: str
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message with its fate so far. Times are Unix milliseconds."""

    position: int
    delivery_id: str
    target: str
    stream: str
    region: str
    body: str
    attempts: int
    next_attempt_at_ms: int
    state: State
    last_error: str
    at_ms: int


_ROW = select(*(_TABLE.c[field.name] for field in fields(Delivery)))


def add(connection: Connection, messages: Iterable[Message], now_ms: int) -> None:
    """Put messages at the end of their streams."""
    rows = [
        asdict(message)
        | {
            "delivery_id": str(uuid.uuid4()),
            "attempts": 0,
            "next_attempt_at_ms": now_ms,
            "state": WAITING,
            "last_error": "",
            "at_ms": now_ms,
        }
        for message in messages
    ]
    if rows:
        connection.execute(insert(_TABLE), rows)


def due(connection: Connection, now_ms: int, limit: int = 200) -> list[Delivery]:
    """Return the first message of each stream to each target, where its time has come, oldest first."""
    firsts = (
        select(func.min(_TABLE.c.position))
        .where(_TABLE.c.state == WAITING)
        .group_by(_TABLE.c.target, _TABLE.c.stream)
    )
    query = _ROW.where(_TABLE.c.position.in_(firsts), _TABLE.c.next_attempt_at_ms <= now_ms)
    return _read(connection, query.order_by(_TABLE.c.position).limit(limit))


def following(connection: Connection, after: Delivery) -> Delivery | None:
    """Return the message after one, of the same stream to the same target."""
    query = _ROW.where(
        _TABLE.c.state == WAITING,
        _TABLE.c.target == after.target,
        _TABLE.c.stream == after.stream,
        _TABLE.c.position > after.position,
    )
    found = _read(connection, query.order_by(_TABLE.c.position).limit(1))
    return found[0] if found else None


def arrived(connection: Connection, delivery: Delivery) -> None:
    """Forget a message that has arrived."""
    connection.execute(delete(_TABLE).where(_TABLE.c.position == delivery.position))


def failed(connection: Connection, delivery: Delivery, error: str, next_attempt_at_ms: int) -> None:
    """Note a failed attempt; the message is tried again then."""
    _change(
        connection,
        delivery,
        attempts=delivery.attempts + 1,
        last_error=error[:_ERROR_CHARACTERS],
        next_attempt_at_ms=next_attempt_at_ms,
    )


def given_up(connection: Connection, delivery: Delivery, error: str) -> None:
    """Put a message aside: those after it go on."""
    _change(
        connection,
        delivery,
        attempts=delivery.attempts + 1,
        last_error=error[:_ERROR_CHARACTERS],
        state=DEAD,
    )


def _change(connection: Connection, delivery: Delivery, **values: Any) -> None:
    connection.execute(update(_TABLE).where(_TABLE.c.position == delivery.position).values(**values))


# --- for people -----------------------------------------------------------------------------


def listing(connection: Connection, state: State | None = None, limit: int = 1_000) -> list[Delivery]:
    """Return messages that have not arrived, oldest first."""
    query = _ROW if state is None else _ROW.where(_TABLE.c.state == state)
    return _read(connection, query.order_by(_TABLE.c.position).limit(limit))


def revive(connection: Connection, delivery_ids: Sequence[str], now_ms: int) -> int:
    """Have messages that were given up tried again now (all of them for no ids); return how many."""
    again = {"state": WAITING, "attempts": 0, "next_attempt_at_ms": now_ms, "at_ms": now_ms}
    return connection.execute(update(_TABLE).where(_chosen(delivery_ids)).values(**again)).rowcount


def drop(connection: Connection, delivery_ids: Sequence[str]) -> int:
    """Delete messages that were given up (all of them for no ids); return how many."""
    return connection.execute(delete(_TABLE).where(_chosen(delivery_ids))).rowcount


def prune(connection: Connection, before_ms: int) -> int:
    """Delete messages given up that are older than that moment; return how many."""
    return connection.execute(
        delete(_TABLE).where(_TABLE.c.state == DEAD, _TABLE.c.at_ms < before_ms)
    ).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """Return how many messages are in each state."""
    found = connection.execute(select(_TABLE.c.state, func.count()).group_by(_TABLE.c.state)).all()
    return {WAITING: 0, DEAD: 0} | {each.state: int(each[1]) for each in found}


def _chosen(delivery_ids: Sequence[str]) -> ColumnElement[bool]:
    dead = _TABLE.c.state == DEAD
    return and_(dead, _TABLE.c.delivery_id.in_(delivery_ids)) if delivery_ids else dead


def _read(connection: Connection, query: Any) -> list[Delivery]:
    return [Delivery(*row) for row in connection.execute(query)]
