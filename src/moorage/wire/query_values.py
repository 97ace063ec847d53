"""The scalar values of the Query protocol, as text and as Python values."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moorage.core import faults
from moorage.core.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_EPOCH = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_RANGES = {"integer": 1 << 31, "long": 1 << 63}


def parse(text: str, kind: str) -> Any:
    """Return the value that `text` stands for.

    Raises:
        Fault: the text is not of that kind.
    """
    try:
        return _PARSERS[kind](text)
    except (ValueError, OverflowError):
        raise Fault(faults.SERIALIZATION, f"A value is not a valid {kind}.") from None


def _integer(kind: str) -> Callable[[str], int]:
    def parsed(text: str) -> int:
        if _INTEGER.fullmatch(text) is None or not -_RANGES[kind] <= int(text) < _RANGES[kind]:
            raise ValueError
        return int(text)

    return parsed


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError
    return text.lower() == "true"


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None


def _timestamp(text: str) -> datetime:
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer("integer"),
    "long": _integer("long"),
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}


def render(value: Any, kind: str) -> str:
    """Return a value as text: timestamps in ISO 8601 with Z, blobs in base64, true and false."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        moment = value.astimezone(UTC)
        precision = "milliseconds" if moment.microsecond else "seconds"
        return f"{moment.replace(tzinfo=None).isoformat(timespec=precision)}Z"
    if kind == "blob":
        return base64.b64encode(value).decode("ascii")
    return str(value)
