"""The few threads that handlers run in, with a bounded queue before them.

Written here, for a request may cross into a thread several times: anyio's way costs fifteen times as much,
and the standard library's executor keeps every thread that it once needed, with its stack.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeVar

import anyio

from moorage.core.faults import unavailable

T = TypeVar("T")

# Few threads beat many: Python runs one at a time, and SQLite's answers come in microseconds.
THREADS = 8
QUEUE = 256

IDLE_SECONDS = 10.0


class _Piece(NamedTuple):
    work: Callable[[], Any]
    context: Context
    outcome: Future[Any]

    def run(self) -> None:
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            result = self.context.run(self.work)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the outcome is awaited
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)


class Threads:
    """Runs synchronous work in at most `threads` threads; more than `queue` waiting are refused.

    A thread starts when work finds none idle, and ends when it was idle for a while.
    """

    def __init__(
        self, threads: int = THREADS, queue: int = QUEUE, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._most = threads
        self._most_waiting = queue
        self._under_way = 0
        self._pool = _Pool(threads, idle_seconds)

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return max(0, self._under_way - self._most)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Cancelled, it waits for work begun: its caller frees what that uses.

        Raises:
            Fault: ServiceUnavailable (503), there are more requests than this process can take.
        """
        if self.waiting >= self._most_waiting:
            raise unavailable("This server is busy; try again.", queue=self.waiting)
        self._under_way += 1
        try:
            outcome: Future[T] = Future()
            self._pool.take(_Piece(work, copy_context(), outcome))
            try:
                return await asyncio.wrap_future(outcome)
            except asyncio.CancelledError:
                await _ended(outcome)
                raise
        finally:
            self._under_way -= 1


async def _ended(outcome: Future[T]) -> None:
    """Wait until the work is done, unless it has not begun: then it never will."""
    if not outcome.cancel():
        ending = asyncio.wrap_future(outcome)
        with anyio.CancelScope(shield=True):
            await asyncio.wait([ending])
        ending.exception()  # asked for, or asyncio logs that nobody did


class _Pool:
    """Threads that take pieces of work. The one that was idle last is woken first, so that the others end."""

    def __init__(self, most: int, idle_seconds: float) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._there = 0
        self._idle: list[queue.SimpleQueue[_Piece]] = []  # where each thread that waits is handed its work
        self._backlog: deque[_Piece] = deque()

    def take(self, piece: _Piece) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(piece)
            elif self._there < self._most:
                self._there += 1
                handed: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
                handed.put(piece)
                threading.Thread(
                    target=self._work, args=(handed,), name="moorage-request", daemon=True
                ).start()
            else:
                self._backlog.append(piece)

    def _work(self, handed: queue.SimpleQueue[_Piece]) -> None:
        piece: _Piece | None = handed.get()
        while piece is not None:
            piece.run()
            piece = None  # what it holds must not live on while this thread waits
            piece = self._next(handed)

    def _next(self, handed: queue.SimpleQueue[_Piece]) -> _Piece | None:
        """Return a piece of work; None when there was none for so long that the thread is to end."""
        with self._lock:
            if self._backlog:
                return self._backlog.popleft()
            self._idle.append(handed)
        try:
            return handed.get(timeout=self._idle_seconds)
        except queue.Empty:
            with self._lock:
                if handed in self._idle:
                    self._idle.remove(handed)
                    self._there -= 1
                    return None
            return handed.get()  # it was handed over just now
