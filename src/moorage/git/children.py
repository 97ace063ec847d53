"""Starting, limiting and ending child processes.

Three things are easy to get wrong here, and are why this module exists:

- A limit set by `preexec_fn` runs Python between fork and exec, where a thread of the server may
  hold a lock for ever. Here a fixed script sets the limits and becomes the child, or they are set
  from outside on the running child.
- A child asks the kernel to die with the *thread* that started it, not with the process. So one
  thread, which lives as long as the process, starts them all. It also ends those that take too long.
- A process id may be reused once its process has been waited for. Signals go to the group only
  while its leader is unreaped.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final, Self

MEGABYTE: Final = 1 << 20
STDERR_BYTES: Final = MEGABYTE  # what a child may complain at most
OPEN_FILES: Final = 1024
_STDERR_TOLD: Final = 16_384

_CAN_PEEK: Final = hasattr(os, "waitid")  # to see a child's end without reaping it; not on macOS

_CAN_LIMIT_OTHERS: Final = hasattr(resource, "prlimit")  # Linux

_SET_LIMITS: Final = (
    'ulimit -S -t "$1"; ulimit -H -t "$2"; ulimit -f "$3"; ulimit -n "$4"; ulimit -c 0; '
    '[ "$5" = 0 ] || ulimit -v "$5"; shift 5; exec "$@"'
)


@dataclass(frozen=True)
class Limits:
    """What one child may use.

    `wall_seconds` is from start to end, also while it waits for a slow client. `file_bytes` bounds
    each file it writes, `output_bytes` what is kept of its standard output, `memory_bytes` its
    address space (None: unbounded, for readers that map whole packs).
    """

    cpu_seconds: int
    wall_seconds: float
    output_bytes: int = 16 * MEGABYTE
    file_bytes: int = STDERR_BYTES
    memory_bytes: int | None = None


class Child:
    """A running child, leader of its own process group.

    `stdin` and `stdout` are unbuffered pipes (None where a file was given). Its standard error
    goes to an unnamed file, so that a child that nobody reads from never blocks on it.
    """

    def __init__(self, process: subprocess.Popen[bytes], stderr: IO[bytes], deadline: float) -> None:
        self._process = process
        self._stderr = stderr
        self._lock = threading.Lock()
        self.deadline = deadline
        self.overdue = False
        self.pid = process.pid
        self.stdin = process.stdin
        self.stdout = process.stdout

    @property
    def running(self) -> bool:
        if not _CAN_PEEK:
            return self._process.poll() is None
        return self._process.returncode is None and not _has_ended(self.pid)

    def kill(self) -> None:
        """End the child and all that it started; harmless when it has ended already."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    def expire(self) -> None:
        """End the child because its time is up."""
        if self.running:
            self.overdue = True
            self.kill()

    def wait(self) -> int:
        """Wait for the end and return the exit status, negative for a signal.

        The wall-clock limit sees to it that there is an end. What the child started and left
        behind ends with it.
        """
        if _CAN_PEEK and self._process.returncode is None:  # once reaped, its number may be another's
            _await_end(self.pid)
            self.kill()
        return self._process.wait()

    def complaint(self) -> str:
        """Return the beginning of the standard error. Not for a client's eyes: it may hold paths."""
        self._stderr.seek(0)
        return self._stderr.read(_STDERR_TOLD).decode(errors="replace")

    def close(self) -> None:
        """Kill the child if it runs, reap it and close the pipes. Safe to call twice."""
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _has_ended(pid: int) -> bool:
    """Tell whether a child of ours has ended, leaving it to be reaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def _await_end(pid: int) -> None:
    """Wait until a child of ours has ended, leaving it to be reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


@dataclass(frozen=True)
class _Order:
    """A child to start, and where to answer."""

    start: Callable[[], Child]
    answer: queue.SimpleQueue[Child | BaseException]


class Launcher:
    """The thread that starts children and ends the overdue ones."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._children: list[Child] = []
        threading.Thread(target=self._work, name="moorage-launcher", daemon=True).start()

    def launch(self, start: Callable[[], Child]) -> Child:
        answer: queue.SimpleQueue[Child | BaseException] = queue.SimpleQueue()
        self._orders.put(_Order(start, answer))
        result = answer.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _work(self) -> None:
        while True:
            self._serve(self._seconds_to_next_deadline())
            now = time.monotonic()
            self._children = [child for child in self._children if child.running]
            for child in self._children:
                if child.deadline <= now:
                    child.expire()

    def _seconds_to_next_deadline(self) -> float | None:
        if not self._children:
            return None
        return max(0.01, min(child.deadline for child in self._children) - time.monotonic())

    def _serve(self, timeout: float | None) -> None:
        try:
            order = self._orders.get(timeout=timeout)
        except queue.Empty:
            return
        try:
            child = order.start()
        except BaseException as failure:  # noqa: BLE001 -- the caller's thread raises it
            order.answer.put(failure)
            return
        self._children.append(child)
        order.answer.put(child)


@cache
def _launcher() -> Launcher:
    return Launcher()


_launcher_lock = threading.Lock()
os.register_at_fork(after_in_child=_launcher.cache_clear)  # a forked process has no such thread


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    limits: Limits,
    tied: bool = True,
    stdin: IO[bytes] | int = subprocess.PIPE,
    stdout: IO[bytes] | int = subprocess.PIPE,
    kept: Sequence[int] = (),
) -> Child:
    """Start `argv` in a new session, in the environment `env` alone, within `limits`.

    `kept` are descriptors that the child has too, and those it starts; no other is inherited.

    A child that is `tied` has its limits before it starts, so that those it starts have them too,
    and dies with the server where the kernel offers that. It costs 1.5 ms, more than starting git.
    One that is not gets its limits a moment after it started; it must start no others.
    """

    def begin() -> Child:
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the Child
        try:
            process = subprocess.Popen(
                _argv(argv, limits, tied=tied),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                bufsize=0,
                env=dict(env),
                cwd=folder,
                start_new_session=True,
                umask=0o077,
                pass_fds=kept,
            )
        except BaseException:
            stderr.close()
            raise
        if _CAN_LIMIT_OTHERS and not tied:
            _limit(process.pid, limits)
        return Child(process, stderr, time.monotonic() + limits.wall_seconds)

    with _launcher_lock:
        launcher = _launcher()
    return launcher.launch(begin)


def _argv(argv: Sequence[str], limits: Limits, *, tied: bool) -> list[str]:
    return [*shell_prefix(limits), *_setpriv(), *argv] if tied or not _CAN_LIMIT_OTHERS else list(argv)


@cache
def _setpriv() -> tuple[str, ...]:
    """Return the words that tie a child to the server's life and to its rights, where there is setpriv."""
    program = shutil.which("setpriv")
    return (program, "--pdeathsig", "KILL", "--no-new-privs", "--") if program else ()


def shell_prefix(limits: Limits) -> tuple[str, ...]:
    """Return the words that start a program with its limits set: a fixed script, all else arguments."""
    numbers = [
        _below(resource.RLIMIT_CPU, limits.cpu_seconds),
        _below(resource.RLIMIT_CPU, limits.cpu_seconds + 1),
        -(-limits.file_bytes // 512),
        _below(resource.RLIMIT_NOFILE, OPEN_FILES),
        0 if limits.memory_bytes is None else limits.memory_bytes // 1024,
    ]
    return ("/bin/sh", "-c", _SET_LIMITS, "sh", *map(str, numbers))


def _below(kind: int, wanted: int) -> int:
    """Return `wanted`, or less where this process itself may not have so much."""
    ceiling = resource.getrlimit(kind)[1]
    return wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)


def _limit(pid: int, limits: Limits) -> None:
    """Set the limits of a child that runs already."""
    wanted = {
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (limits.file_bytes, limits.file_bytes),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
    }
    if limits.memory_bytes is not None:
        wanted[resource.RLIMIT_AS] = (limits.memory_bytes, limits.memory_bytes)
    for kind, (soft, hard) in wanted.items():
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, kind, (_below(kind, soft), _below(kind, hard)))


def limit_named_by(returncode: int, limits: Limits) -> str | None:
    """Return what limit an exit status tells of, if any, as the end of a sentence about the child."""
    if returncode in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        return f"it took more than {limits.cpu_seconds} seconds of processor time"
    if returncode in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ):
        return f"it wrote a file of more than {limits.file_bytes} bytes"
    return None
