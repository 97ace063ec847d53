"""Readers of the typed values that conditions compare. Each returns None for text that is none."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

# Longer text is no number that a policy could mean, and reading it would cost.
_LONGEST_NUMBER = 100
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# The W3C profile of ISO 8601, a time without zone being UTC.
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PREFIX_LENGTH = re.compile(r"[0-9]{1,3}")

Network = tuple[int, int, int]  # IP version, first address, number of host bits


def number(text: str) -> Decimal | None:
    """Read a decimal number."""
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text)


def date(text: str) -> Decimal | None:
    """Read an ISO 8601 date or Unix seconds, as Unix seconds.

    Four digits alone are a year; other plain numbers are seconds.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return number(text)
    try:
        moment = _moment(found)
    except (ValueError, OverflowError):
        return None
    since = moment - _EPOCH
    seconds = Decimal(since.days * 86400 + since.seconds)
    return seconds + Decimal(f"0.{found['fraction'] or 0}")


def _moment(found: re.Match[str]) -> datetime:
    return datetime(
        int(found["year"]),
        int(found["month"] or 1),
        int(found["day"] or 1),
        int(found["hour"] or 0),
        int(found["minute"] or 0),
        int(found["second"] or 0),
        tzinfo=_zone(found["zone"]),
    ).astimezone(UTC)


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    if int(text[-2:]) > 59:
        raise ValueError("no such minute")
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(offset if text[0] == "+" else -offset)


def boolean(text: str) -> bool | None:
    """Read `true` or `false`, in any case."""
    return {"true": True, "false": False}.get(text.lower())


def binary(text: str) -> bytes | None:
    """Read base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def address(text: str) -> tuple[int, int] | None:
    """Read an IP address as (version, number). IPv4 written as ::ffff:1.2.3.4 is IPv4."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return parsed.version, int(parsed)


def network(text: str) -> Network | None:
    """Read a range in CIDR form, or one address. Host bits may be set: they are ignored."""
    base, slash, prefix = text.partition("/")
    try:
        parsed = ipaddress.ip_address(base)
    except ValueError:
        return None
    if "%" in base or (slash and _PREFIX_LENGTH.fullmatch(prefix) is None):
        return None
    length = int(prefix) if slash else parsed.max_prefixlen
    if length > parsed.max_prefixlen:
        return None
    host_bits = parsed.max_prefixlen - length
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    if mapped is not None and host_bits <= mapped.max_prefixlen:
        parsed = mapped
    return parsed.version, int(parsed) >> host_bits, host_bits


def within(place: tuple[int, int], block: Network) -> bool:
    """Tell whether an address lies in a range."""
    version, start, host_bits = block
    return place[0] == version and place[1] >> host_bits == start
