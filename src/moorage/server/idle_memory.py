"""Giving memory back: what a burst of requests needed is not kept for the next one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial

from moorage.server.background import Job

GIVE_BACK_SECONDS = 10.0


def jobs() -> list[Job]:
    """Return the job that gives freed memory back to the system, where the C library can.

    glibc keeps freed pages of its arenas, one for each of many threads, until it is asked; others
    (musl, macOS) have no such call and no such habit.
    """
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return []
    return [Job("give memory back", GIVE_BACK_SECONDS, partial(_ask, trim))]


def _ask(trim: Callable[[int], int]) -> None:
    trim(0)  # whether there was anything to give back is of no interest
