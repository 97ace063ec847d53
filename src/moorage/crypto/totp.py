"""One-time codes that change with time (RFC 6238): six digits, steps of thirty seconds, HMAC-SHA-1.

SHA-1 and six digits are what every authenticator app takes; HMAC does not need SHA-1's collision
resistance. A code is short: whoever checks codes must also count the wrong ones.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

STEP_SECONDS = 30
DIGITS = 6
# Steps before and after the present one whose codes are good: clocks differ, people type slowly.
WINDOW = 1
# As long as AWS's: 64 characters of base32, which need no padding.
SEED_BYTES = 40


def new_seed(entropy: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Return a new random seed."""
    return entropy(SEED_BYTES)


def base32(seed: bytes) -> str:
    """Return a seed as people type it and as `otpauth:` URIs carry it."""
    return base64.b32encode(seed).decode()


def step_at(moment: datetime) -> int:
    """Return the number of the time step that a moment lies in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code(seed: bytes, step: int) -> str:
    """Return a step's code. Source: RFC 4226 section 5.3, dynamic truncation."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(seed: bytes, given: str, *, around: int, after: int) -> int | None:
    """Return the step whose code was given, within `WINDOW` of step `around`; None for a wrong code.

    Only steps later than `after` count: that is the one used last, and no code is good twice.
    """
    steps = range(max(around - WINDOW, after + 1), around + WINDOW + 1)
    return _found(seed, steps, (given,))


def matching_pair(
    seed: bytes, first: str, second: str, *, around: int, after: int, window: int = WINDOW
) -> int | None:
    """Return the step of the second of two consecutive codes, it being within `window` of `around`."""
    steps = range(max(around - window, after + 2), around + window + 1)
    return _found(seed, steps, (second, first))


def _found(seed: bytes, steps: Iterable[int], newest_first: tuple[str, ...]) -> int | None:
    found = None
    for step in steps:  # all of them, whatever is found: how long it takes tells nothing
        right = True
        for back, given in enumerate(newest_first):
            # As bytes: text may hold digits of other scripts, which compare_digest refuses.
            right &= hmac.compare_digest(code(seed, step - back).encode(), given.encode())
        if right and found is None:
            found = step
    return found
