"""Time comes in as an argument; this is where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always with a zone."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """The machine's clock moved by a settable amount: what `--test-mode` serves by."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


def milliseconds(moment: datetime) -> int:
    """Return Unix time in milliseconds, as rows hold it."""
    return int(moment.timestamp() * 1000)


def from_milliseconds(value: int) -> datetime:
    """Return the moment a row's Unix milliseconds stand for, in UTC."""
    return datetime.fromtimestamp(value / 1000, UTC)
