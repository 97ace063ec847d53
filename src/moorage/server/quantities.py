"""Sizes and durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

_SIZE = re.compile(r"(\d{1,12})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION = re.compile(r"(\d{1,9})\s*([smhd]?)", re.IGNORECASE)
_DURATION_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_size(text: str) -> int:
    """Return the bytes that a text as `20G`, `500M` or `1048576` means (K = 1024).

    Raises:
        ValueError: the text is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size")
    return int(match[1]) * _SIZE_UNITS[match[2].upper()]


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text as `90s`, `15m`, `4h` or `900` (seconds) means.

    Raises:
        ValueError: the text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a duration")
    return timedelta(seconds=int(match[1]) * _DURATION_UNITS[match[2].lower()])
