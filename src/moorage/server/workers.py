"""Several worker processes on the same sockets: started, watched, replaced, drained.

The parent binds, forks and waits; it serves nothing and opens no database, so that forking stays
safe and a worker's death costs only the requests it had. A worker notices its parent's death by the
end of a pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

# A worker that dies before it lived this long is replaced later and later.
STABLE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0
# Past the workers' own drain, what is left is killed.
KILL_AFTER_SECONDS = 35.0

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class Seat:
    """What a worker is given: its number, a pipe to say that it serves, one that ends with its parent."""

    number: int
    ready: int
    parent: int

    def say_ready(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self.ready, b".")


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int = 0  # 0 while there is none
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    ready: int = -1
    is_ready: bool = False
    is_mute: bool = False  # its pipe ended before it was ready


def _may_speak(worker: _Worker) -> bool:
    return worker.pid != 0 and not worker.is_ready and not worker.is_mute


@dataclass(slots=True)
class Supervisor:
    """Keeps `count` workers running until SIGTERM or SIGINT.

    `work` runs in each and returns its exit status.
    """

    count: int
    work: Callable[[Seat], int]
    on_ready: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None  # close the listening sockets: nobody accepts any more
    on_death: Callable[[int], None] = lambda _pid: None
    _workers: list[_Worker] = field(default_factory=list)
    _stopping: bool = False
    _told_ready: bool = False
    _alarm: tuple[int, int] = (-1, -1)
    _lifeline: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Return 0 after an orderly stop, 1 when the workers could not even start."""
        self._alarm = os.pipe()
        self._lifeline = os.pipe()
        for descriptor in self._alarm:
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._alarm[1], warn_on_full_buffer=False)
        for number in _HANDLED:
            signal.signal(number, self._note)
        self._workers = [_Worker(number) for number in range(self.count)]
        try:
            return self._watch()
        finally:
            signal.set_wakeup_fd(-1)
            for number in _HANDLED:
                signal.signal(number, signal.SIG_DFL)
            for descriptor in (*self._alarm, *self._lifeline):
                os.close(descriptor)

    def _note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stopping = True

    def _watch(self) -> int:
        while not self._stopping:
            now = time.monotonic()
            for worker in self._workers:
                if worker.pid == 0 and worker.start_at <= now:
                    self._start(worker)
            self._wait(self._pause(now))
            self._reap()
            if self._never_started():
                log.error("the workers end before they serve; giving up")
                self._stop_all()
                return 1
        self._stop_all()
        return 0

    def _pause(self, now: float) -> float | None:
        waiting = [worker.start_at - now for worker in self._workers if worker.pid == 0]
        return max(0.0, min(waiting)) if waiting else None

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, a worker's first word, or the time."""
        unready = {worker.ready: worker for worker in self._workers if _may_speak(worker)}
        readable, _, _ = select.select([self._alarm[0], *unready], [], [], seconds)
        for descriptor in readable:
            if descriptor == self._alarm[0]:
                with contextlib.suppress(BlockingIOError):
                    os.read(descriptor, 4096)
            elif os.read(descriptor, 1):
                unready[descriptor].is_ready = True
            else:  # the worker ended; SIGCHLD tells the rest
                unready[descriptor].is_mute = True
        if not self._told_ready and all(worker.is_ready for worker in self._workers):
            self._told_ready = True
            self.on_ready()

    def _start(self, worker: _Worker) -> None:
        read_end, write_end = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        pid = os.fork()
        if pid == 0:
            self._be_worker(Seat(worker.number, write_end, self._lifeline[0]), read_end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.close(write_end)
        worker.pid, worker.ready = pid, read_end
        worker.is_ready = worker.is_mute = False
        worker.started = time.monotonic()

    def _be_worker(self, seat: Seat, read_end: int) -> None:
        """Become a worker; never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _HANDLED:
                signal.signal(number, signal.SIG_DFL)
            for descriptor in (*self._alarm, self._lifeline[1], read_end):
                os.close(descriptor)
            for other in self._workers:
                if other.ready >= 0:
                    os.close(other.ready)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            status = self.work(seat)
        except BaseException:  # whatever it was, the parent's stack must not go on here
            log.exception("a worker failed", worker=seat.number)
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid == 0:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            now = time.monotonic()
            lived = now - worker.started
            worker.failures = 0 if worker.is_ready and lived >= STABLE_SECONDS else worker.failures + 1
            pause = 0.0 if worker.failures <= 1 else min(0.1 * 2**worker.failures, LONGEST_PAUSE_SECONDS)
            os.close(worker.ready)
            worker.pid, worker.ready, worker.start_at = 0, -1, now + pause
            if not self._stopping:
                log.warning("a worker ended and is replaced", worker=worker.number, pid=pid, status=status)
            self.on_death(pid)

    def _never_started(self) -> bool:
        """Tell whether a worker has failed three times while none ever served."""
        return not self._told_ready and any(worker.failures >= 3 for worker in self._workers)

    def _stop_all(self) -> None:
        self._stopping = True
        self.on_stop()
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + KILL_AFTER_SECONDS
        while any(worker.pid for worker in self._workers):
            left = deadline - time.monotonic()
            if left <= 0:
                log.error("workers did not end in time and are killed")
                self._signal_all(signal.SIGKILL)
            self._wait(min(max(left, 0.1), 1.0))
            self._reap()

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, number)
