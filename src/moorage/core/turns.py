"""Costly work, a few at once: so that it takes neither the cores nor the threads of everything else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from moorage.core.faults import Fault, unavailable


class Turns:
    """Lets `at_once` threads work; `waiting` more wait up to `seconds`, and all others are sent away."""

    def __init__(self, what: str, *, at_once: int, waiting: int, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._turns = threading.BoundedSemaphore(at_once)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn for the block.

        Raises:
            Fault: ServiceUnavailable, too many work or wait.
        """
        if not self._places.acquire(blocking=False):
            raise self._busy()
        try:
            if not self._turns.acquire(timeout=self._seconds):
                raise self._busy()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()

    def _busy(self) -> Fault:
        return unavailable(f"Too many {self._what}; try again in a moment.")
