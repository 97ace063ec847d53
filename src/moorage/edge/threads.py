"""The few threads that handlers run in, with a bounded queue before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from moorage.core.faults import unavailable

T = TypeVar("T")

# Few threads beat many: Python runs one at a time, and SQLite's answers come in microseconds.
THREADS = 8
QUEUE = 256


class Threads:
    """Runs synchronous work in at most `threads` threads; more than `queue` waiting are refused."""

    def __init__(self, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._threads = threads
        self._queue = queue
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return self._limiter.statistics().tasks_waiting if self._limiter is not None else 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns.

        Raises:
            Fault: ServiceUnavailable (503), there are more requests than this process can take.
        """
        if self._limiter is None:  # made inside the event loop that it belongs to
            self._limiter = anyio.CapacityLimiter(self._threads)
        if self.waiting >= self._queue:
            raise unavailable("This server is busy; try again.", queue=self.waiting)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)
