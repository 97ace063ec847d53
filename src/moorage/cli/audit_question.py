"""What `moorage audit` is asked, and how it follows what happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from moorage.core.clock import milliseconds
from moorage.storage import audit, tables
from moorage.storage.audit import Wanted

if TYPE_CHECKING:
    import argparse

    from moorage.core.clock import Clock
    from moorage.storage.audit import AuditEvent
    from moorage.storage.database import Database

# Refused logins belong to no account.
STRANGERS = ""

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_POLL_SECONDS = 1.0
# Reads and refusals are written late, and clocks of nodes differ: so far back it is looked again.
_LATE_MS = 15_000


class BadQuestion(ValueError):
    """What was asked makes no sense; the message says why."""


def wanted(arguments: argparse.Namespace, now: datetime) -> Wanted:
    """Read the filters.

    Raises:
        BadQuestion
    """
    if arguments.account is not None and not re.fullmatch(r"\d{12}", arguments.account):
        raise BadQuestion(f"--account: {arguments.account!r} is not the 12 digits of an account")
    if arguments.output is not None and (arguments.follow or arguments.json):
        raise BadQuestion("--output writes one file, to its end: give neither --follow nor --json beside it")
    return Wanted(
        since_ms=_moment("--since", arguments.since, now),
        until_ms=_moment("--until", arguments.until, now),
        event=arguments.event,
        principal=arguments.principal,
        resource=arguments.resource,
        outcome=arguments.outcome,
        request_id=arguments.request.strip().lower() if arguments.request is not None else None,
    )


def accounts_of(database: Database) -> list[str]:
    """Return all accounts, closed ones too, and whom no account knows."""
    with database.read() as connection:
        found = connection.execute(
            select(tables.accounts.c.account_id).order_by(tables.accounts.c.account_id)
        )
        return [STRANGERS, *found.scalars()]


def followed(
    database: Database,
    accounts: Callable[[], Sequence[str]],
    question: Wanted,
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[AuditEvent]:
    """Yield what is there, then what comes, each once; those written late come late. Ends at `until`."""
    seen: dict[str, int] = {}
    newest_ms = question.since_ms or 0
    while True:
        since_ms = max(newest_ms - _LATE_MS, question.since_ms or 0)
        for event in audit.in_order(database, accounts(), replace(question, since_ms=since_ms)):
            if event.event_id not in seen:
                seen[event.event_id] = event.at_ms
                newest_ms = max(newest_ms, event.at_ms)
                yield event
        seen = {event_id: at_ms for event_id, at_ms in seen.items() if at_ms >= newest_ms - _LATE_MS}
        if question.until_ms is not None and milliseconds(clock.now()) > question.until_ms + _LATE_MS:
            return
        pause(_POLL_SECONDS)


def _moment(option: str, text: str | None, now: datetime) -> int | None:
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        return milliseconds(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadQuestion(
            f"{option}: {text!r} is no time; write 2026-11-25T09:30:00Z, 2026-11-25, or 90m, 12h, 7d"
        ) from None
    return milliseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
