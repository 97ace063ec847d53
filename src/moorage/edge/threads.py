"""The few threads that handlers run in, with a bounded queue before them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import anyio

from moorage.core.faults import unavailable

T = TypeVar("T")

# Few threads beat many: Python runs one at a time, and SQLite's answers come in microseconds.
THREADS = 8
QUEUE = 256


class Threads:
    """Runs synchronous work in at most `threads` threads; more than `queue` waiting are refused.

    The standard library's executor, for a request may cross into it several times: anyio's way costs five
    times as much. The threads start when there is work, and end with this object.
    """

    def __init__(self, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._threads = threads
        self._queue = queue
        self._executor = ThreadPoolExecutor(threads, "moorage")
        self._under_way = 0

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return max(0, self._under_way - self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Cancelled, it waits for work begun: its caller frees what that uses.

        Raises:
            Fault: ServiceUnavailable (503), there are more requests than this process can take.
        """
        if self.waiting >= self._queue:
            raise unavailable("This server is busy; try again.", queue=self.waiting)
        self._under_way += 1
        try:
            begun = self._executor.submit(copy_context().run, work)
            try:
                return await asyncio.wrap_future(begun)
            except asyncio.CancelledError:
                await _ended(begun)
                raise
        finally:
            self._under_way -= 1


async def _ended(work: Future[T]) -> None:
    """Wait until the work is done, unless it has not begun: then it never will."""
    if not work.cancel():
        with anyio.CancelScope(shield=True):
            await asyncio.wait([asyncio.wrap_future(work)])
