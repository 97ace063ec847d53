"""What a service and all that it started take: memory while it works, and what is left when it is idle.

Read from /proc, so on Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1 << 20
_PROC = Path("/proc")
_EVERY_SECONDS = 0.05
_KCMP_VM = 1


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    command: str  # the program's name, as the kernel keeps it


@dataclass(frozen=True)
class Memory:
    """Resident bytes of a tree at one moment.

    Counted is the proportional set size (PSS): every resident page of every process, anonymous or
    mapped from a file, the packs that git maps among them. A page that several processes of the
    tree map counts once in all, where the sum of their resident set sizes would count it for each.
    `own` is the share of the service's own processes: the supervisor and its workers.
    """

    whole: int = 0
    own: int = 0
    of: str = ""  # what there was: "git 123 MB, moorage 90 MB", for the message of a failed test

    def __str__(self) -> str:
        return f"{self.whole // MEGABYTE} MB, of which workers {self.own // MEGABYTE} MB ({self.of})"


@dataclass(frozen=True)
class Held:
    """What must be given back.

    Of the descriptors those of the database are left out: as many connections as were needed at
    once stay in their pool, a bounded number.
    """

    processes: int
    threads: int
    descriptors: int


def tree(root: int) -> list[Process]:
    """Return a process and all its descendants: children keep their parent, whatever session they are in."""
    by_parent: dict[int, list[Process]] = {}
    found = {process.pid: process for process in _all()}
    for process in found.values():
        by_parent.setdefault(process.parent, []).append(process)
    reached = [found[root]] if root in found else []
    for process in reached:
        reached += by_parent.get(process.pid, [])
    return reached


def memory(root: int) -> Memory:
    """Measure a tree now."""
    program = os.path.realpath(f"/proc/{root}/exe")
    whole = own = 0
    parts: list[str] = []
    for process in tree(root):
        with contextlib.suppress(OSError):  # it ended meanwhile
            served = os.path.realpath(f"/proc/{process.pid}/exe") == program
            # Python starts programs by vfork: until its exec, a child lives in its parent's memory.
            if served and _one_memory(process.pid, process.parent):
                continue
            size = _pss(process.pid)
            whole += size
            own += size if served else 0
            parts.append(f"{process.command} {size // MEGABYTE} MB")
    return Memory(whole, own, ", ".join(parts))


class Watch:
    """The highest that was sampled so far."""

    def __init__(self) -> None:
        self.whole = Memory()
        self.own = Memory()
        self.samples = 0

    def take(self, now: Memory) -> None:
        self.samples += 1
        self.whole = max(self.whole, now, key=lambda memory: memory.whole)
        self.own = max(self.own, now, key=lambda memory: memory.own)


@contextmanager
def watched(root: int) -> Iterator[Watch]:
    """Sample a tree's memory twenty times a second until the block ends."""
    watch, stop = Watch(), threading.Event()

    def sample() -> None:
        while not stop.wait(_EVERY_SECONDS):
            watch.take(memory(root))

    thread = threading.Thread(target=sample, name="memory-watch")
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def held(root: int) -> Held:
    """Count what a tree holds now."""
    threads = descriptors = 0
    processes = tree(root)
    for process in processes:
        with contextlib.suppress(OSError):
            threads += sum(1 for _ in (_PROC / str(process.pid) / "task").iterdir())
            descriptors += sum(1 for file in _open_files(process.pid) if "moorage.db" not in file)
    return Held(len(processes), threads, descriptors)


def await_at_most(
    root: int, base: Held, seconds: float, meanwhile: Callable[[], object] = lambda: None
) -> Held:
    """Wait until a tree holds no more than `base`, for a time; return what it holds then."""
    deadline = time.monotonic() + seconds
    while True:
        now = held(root)
        back = (
            now.processes <= base.processes
            and now.threads <= base.threads
            and now.descriptors <= base.descriptors
        )
        if back or time.monotonic() > deadline:
            return now
        meanwhile()
        time.sleep(0.2)  # what ends here is another process's work, which nobody announces


def _all() -> Iterator[Process]:
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "stat").read_text(errors="replace")
            command, _, rest = line.partition("(")[2].rpartition(")")
            yield Process(int(folder.name), int(rest.split()[1]), command)


def _open_files(pid: int) -> Iterator[str]:
    for descriptor in (_PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield str(descriptor.readlink())


def _one_memory(pid: int, other: int) -> bool:
    """Tell whether two processes are in one memory, as after a vfork: see kcmp(2)."""
    number = {"x86_64": 312, "aarch64": 272}[platform.machine()]
    same = ctypes.CDLL(None, use_errno=True).syscall(number, pid, other, _KCMP_VM, 0, 0)
    return int(same) == 0


def _pss(pid: int) -> int:
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Moved:
    """Bytes that went through read and write calls, of files, pipes and sockets alike."""

    read: int
    written: int


def moved(root: int) -> Moved:
    """Return what a process moved since it began, with its children that have ended.

    Unlike time, this does not depend on what else the machine does.
    """
    lines = (line.split(": ") for line in (_PROC / str(root) / "io").read_text().splitlines())
    counted = {name: int(number) for name, number in lines}
    return Moved(counted["rchar"], counted["wchar"])
