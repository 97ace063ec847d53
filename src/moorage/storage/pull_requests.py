"""Rows of pull requests, their revisions and their history.

Every function works in its caller's transaction. Whoever changes a pull request has locked its
repository's row before (`repositories.lock`): a pull request, its branches and the events told of
them then change in one order. `lock` comes second and reads what is true under that lock.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select, update

from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

OPEN: Final = "OPEN"
CLOSED: Final = "CLOSED"

# A push of more refs than this is looked up by the repository's open pull requests, which are few.
_REFS_ASKED_BY_NAME: Final = 400

_TABLE = tables.pull_requests
_EVENTS = tables.pull_request_events


@dataclass(frozen=True, slots=True)
class PullRequestRow:
    """One pull request, as the table holds it. Times are Unix milliseconds.

    `number` is unique in an account and region and is shown as pullRequestId; `pull_request_key` is
    what other tables name it by. Refs are full names.
    """

    pull_request_key: str
    account_id: str
    region: str
    number: int
    repository_id: str
    title: str
    description: str | None
    author_arn: str
    status: str
    source_ref: bytes
    destination_ref: bytes
    source_commit: str
    destination_commit: str
    merge_base: str | None
    revision_id: str
    client_request_token: str | None
    is_merged: bool
    merged_by: str | None
    merge_commit: str | None
    merge_option: str | None
    created_at_ms: int
    last_activity_at_ms: int

    @property
    def is_open(self) -> bool:
        return self.status == OPEN


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of a pull request's history, `number` from 1 in order; `detail` is the model's metadata."""

    number: int
    event_type: str
    actor_arn: str
    at_ms: int
    detail: Mapping[str, Any]


_ROW = select(*(_TABLE.c[field.name] for field in fields(PullRequestRow)))


# Made once: every push asks.
_OPEN = _ROW.where(_TABLE.c.repository_id == bindparam("of_repository"), _TABLE.c.status == OPEN).order_by(
    _TABLE.c.number
)
_OPEN_ON = _OPEN.where(
    or_(
        _TABLE.c.source_ref.in_(bindparam("refs", expanding=True)),
        _TABLE.c.destination_ref.in_(bindparam("refs", expanding=True)),
    )
)


def _row(found: Row[Any]) -> PullRequestRow:
    return PullRequestRow(**found._mapping)  # noqa: SLF001 -- SQLAlchemy's public name


# --- one pull request -----------------------------------------------------------------------


def next_number(connection: Connection, account_id: str, region: str) -> int:
    """Return a number that no pull request of the account and region has; it stays locked till the end."""
    table = tables.pull_request_numbers
    own = and_(table.c.account_id == account_id, table.c.region == region)
    insert_if_absent(connection, table, {"account_id": account_id, "region": region, "last": 0})
    connection.execute(update(table).where(own).values(last=table.c.last + 1))
    return int(connection.execute(select(table.c.last).where(own)).scalar_one())


def add(connection: Connection, row: PullRequestRow) -> None:
    """Add a pull request and its first revision."""
    connection.execute(insert(_TABLE).values({field.name: getattr(row, field.name) for field in fields(row)}))
    add_revision(connection, row, row.created_at_ms)


def find(connection: Connection, account_id: str, region: str, number: int) -> PullRequestRow | None:
    """Return the pull request of that number."""
    found = connection.execute(_numbered(account_id, region, number)).first()
    return _row(found) if found else None


def lock(connection: Connection, account_id: str, region: str, number: int) -> PullRequestRow | None:
    """Return the pull request and keep other writers off it. Its repository is locked already."""
    found = connection.execute(_numbered(account_id, region, number).with_for_update()).first()
    return _row(found) if found else None


def _numbered(account_id: str, region: str, number: int) -> Any:
    return _ROW.where(_TABLE.c.account_id == account_id, _TABLE.c.region == region, _TABLE.c.number == number)


def by_key(connection: Connection, pull_request_key: str) -> PullRequestRow | None:
    """Return the pull request of that key."""
    found = connection.execute(_ROW.where(_TABLE.c.pull_request_key == pull_request_key)).first()
    return _row(found) if found else None


def change(connection: Connection, pull_request_key: str, **values: Any) -> None:
    """Set columns of a pull request. Activity is one of them: `last_activity_at_ms=now_ms`."""
    own = _TABLE.c.pull_request_key == pull_request_key
    connection.execute(update(_TABLE).where(own).values(**values))


def add_revision(connection: Connection, row: PullRequestRow, at_ms: int) -> None:
    """Note the revision that a pull request has now: approvals and overrides refer to it."""
    connection.execute(
        insert(tables.pull_request_revisions).values(
            revision_id=row.revision_id,
            pull_request_key=row.pull_request_key,
            source_commit=row.source_commit,
            destination_commit=row.destination_commit,
            merge_base=row.merge_base,
            created_at_ms=at_ms,
        )
    )


def has_revision(connection: Connection, pull_request_key: str, revision_id: str) -> bool:
    """Tell whether a revision is one of a pull request's, current or earlier."""
    table = tables.pull_request_revisions
    query = select(table.c.revision_id).where(
        table.c.pull_request_key == pull_request_key, table.c.revision_id == revision_id
    )
    return connection.execute(query).first() is not None


# --- many -----------------------------------------------------------------------------------


def count_open(connection: Connection, repository_id: str) -> int:
    """Return how many pull requests of a repository are open."""
    query = select(func.count()).where(_TABLE.c.repository_id == repository_id, _TABLE.c.status == OPEN)
    return int(connection.execute(query.select_from(_TABLE)).scalar_one())


def open_on(connection: Connection, repository_id: str, refs: Collection[bytes]) -> list[PullRequestRow]:
    """Return the open pull requests from or into any of the refs, by number. One indexed query."""
    about: dict[str, object] = {"of_repository": repository_id}
    query = _OPEN
    if len(refs) <= _REFS_ASKED_BY_NAME:
        query, about["refs"] = _OPEN_ON, list(refs)
    found = map(_row, connection.execute(query, about))
    return [one for one in found if one.source_ref in refs or one.destination_ref in refs]


@dataclass(frozen=True, slots=True)
class Listing:
    """Which pull requests of a repository to list, and after which one (its activity and number)."""

    repository_id: str
    status: str | None = None
    author_arn: str | None = None
    after: tuple[int, int] | None = None


def listed(connection: Connection, listing: Listing, limit: int) -> list[tuple[int, int]]:
    """Return (last activity, number) of up to `limit` pull requests, newest activity first."""
    query = select(_TABLE.c.last_activity_at_ms, _TABLE.c.number).where(
        _TABLE.c.repository_id == listing.repository_id
    )
    if listing.status is not None:
        query = query.where(_TABLE.c.status == listing.status)
    if listing.author_arn is not None:
        query = query.where(_TABLE.c.author_arn == listing.author_arn)
    if listing.after is not None:
        at_ms, number = listing.after
        older = _TABLE.c.last_activity_at_ms < at_ms
        same = and_(_TABLE.c.last_activity_at_ms == at_ms, _TABLE.c.number < number)
        query = query.where(or_(older, same))
    query = query.order_by(_TABLE.c.last_activity_at_ms.desc(), _TABLE.c.number.desc()).limit(limit)
    return [(int(at_ms), int(number)) for at_ms, number in connection.execute(query)]


# --- history --------------------------------------------------------------------------------


def append(
    connection: Connection,
    pull_request_key: str,
    event_type: str,
    actor_arn: str,
    *,
    at_ms: int,
    detail: Mapping[str, Any],
) -> None:
    """Add an event to a pull request's history; `detail` is the content of its metadata member."""
    own = _EVENTS.c.pull_request_key == pull_request_key
    last = connection.execute(select(func.max(_EVENTS.c.number)).where(own)).scalar()
    connection.execute(
        insert(_EVENTS).values(
            pull_request_key=pull_request_key,
            number=(last or 0) + 1,
            event_type=event_type,
            actor_arn=actor_arn,
            at_ms=at_ms,
            detail=json.dumps(detail, separators=(",", ":")),
        )
    )


def events(
    connection: Connection,
    pull_request_key: str,
    *,
    event_type: str | None = None,
    actor_arn: str | None = None,
    after: int = 0,
    limit: int,
) -> list[EventRow]:
    """Return up to `limit` events with numbers above `after`, oldest first."""
    query = select(
        _EVENTS.c.number, _EVENTS.c.event_type, _EVENTS.c.actor_arn, _EVENTS.c.at_ms, _EVENTS.c.detail
    ).where(_EVENTS.c.pull_request_key == pull_request_key, _EVENTS.c.number > after)
    if event_type is not None:
        query = query.where(_EVENTS.c.event_type == event_type)
    if actor_arn is not None:
        query = query.where(_EVENTS.c.actor_arn == actor_arn)
    found = connection.execute(query.order_by(_EVENTS.c.number).limit(limit))
    return [
        EventRow(number, kind, actor, at, json.loads(detail)) for number, kind, actor, at, detail in found
    ]
