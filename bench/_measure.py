"""Wall time, server CPU and ratios: how every figure of these benchmarks is taken.

A machine with other work on it doubles absolute times, and a ratio taken in the same minute hardly
moves. So the two sides take turns (A-B-A-B), each figure is a median, and what is judged is a ratio.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")

# What a server still does after its answer (reaping a child, writing its log) is counted too.
_SETTLE_SECONDS = 0.02

_END_SECONDS = 5.0


# Where Linux counts the CPU of a group of processes, and the file that tells it.
_GROUPS = ((Path("/sys/fs/cgroup/cpuacct"), "cpuacct.usage"), (Path("/sys/fs/cgroup"), "cpu.stat"))


class Account:
    """The CPU seconds that a server spends, with all its children.

    By a control group of its own, exact to the microsecond; where none can be made (not root), from
    /proc, which misses the children of a server that never waits for them, as fcgiwrap does. Then
    `exact` is False.
    """

    def __init__(self, name: str) -> None:
        self.group: Path | None = None
        self.roots: list[int] = []
        for parent, file in _GROUPS:
            folder = parent / f"moorage-bench-{os.getpid()}-{name}"
            try:
                folder.mkdir()
            except OSError:
                continue
            if (folder / file).exists():
                self.group, self._file = folder, folder / file
                return
            folder.rmdir()  # no control group, just a folder

    @property
    def exact(self) -> bool:
        return self.group is not None

    def command(self, command: list[str]) -> list[str]:
        """Return the command that runs another one in this account."""
        if self.group is None:
            return command
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.group / "cgroup.procs"), *command]

    def seconds(self) -> float:
        if self.group is None:
            return _of_processes(self.roots)
        text = self._file.read_text()
        if self._file.name == "cpu.stat":
            return int(text.split()[1]) / 1e6  # usage_usec N
        return int(text) / 1e9

    def peak_megabytes(self) -> float:
        """Return the most memory that one of the server's processes had resident, files mapped included."""
        peaks = [0.0]
        for process in _descendants(self.roots, {}):
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            peaks += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
        return max(peaks)

    def close(self) -> None:
        """Remove the group. What has not ended in it by now keeps it, empty, until the machine ends."""
        deadline = time.monotonic() + _END_SECONDS
        while self.group is not None:
            try:
                self.group.rmdir()
            except OSError:  # the last process is still ending
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)  # the kernel tells nobody
            else:
                self.group = None


def _of_processes(roots: Iterable[int]) -> float:
    """Return the CPU seconds, user and system, of these processes, their descendants and the reaped ones."""
    spent: dict[int, int] = {}
    return sum(spent.get(process, 0) for process in _descendants(roots, spent)) / _TICKS


def _descendants(roots: Iterable[int], spent: dict[int, int]) -> list[int]:
    """Return these processes and their descendants; note of each process what it spent, in ticks."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        spent[int(entry.name)] = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    found, waiting = [], list(roots)
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += children.get(process, [])
    return found


@dataclass
class Samples:
    """What one side took, for each operation."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    exact: bool = True  # the CPU can be compared

    @property
    def wall_ms(self) -> float:
        return statistics.median(self.wall) * 1000

    @property
    def cpu_ms(self) -> float:
        # What a server does at its own times (a repack) would make a mean of few rounds a lottery. But
        # the clock of /proc ticks every 10 ms: of its values only a mean says something.
        middle = statistics.median(self.cpu) if self.exact else statistics.fmean(self.cpu)
        return max(middle * 1000, 0.01)

    def take(self, account: Account, operation: Callable[[], object], operations: int = 1) -> None:
        """Run an operation (or several at once) and note what it took, each."""
        self.exact = self.exact and account.exact
        before = account.seconds()
        started = time.perf_counter()
        operation()
        wall = time.perf_counter() - started
        time.sleep(_SETTLE_SECONDS)  # what a server does after its answer is part of its cost
        self.wall.append(wall / operations)
        self.cpu.append((account.seconds() - before) / operations)


@dataclass(frozen=True)
class Floor:
    """The least ratios (rival / ours) that are no failure; None where nothing is promised."""

    wall: float | None = None
    cpu: float | None = None


@dataclass(frozen=True)
class Case:
    """One figure: the same operation on both sides."""

    name: str
    ours: Samples
    theirs: Samples
    floor: Floor

    @property
    def wall_ratio(self) -> float:
        return self.theirs.wall_ms / self.ours.wall_ms

    @property
    def cpu_ratio(self) -> float:
        return self.theirs.cpu_ms / self.ours.cpu_ms

    @property
    def exact(self) -> bool:
        return self.ours.exact and self.theirs.exact

    @property
    def failures(self) -> list[str]:
        judged = (("wall", self.wall_ratio, self.floor.wall), ("CPU", self.cpu_ratio, self.floor.cpu))
        return [
            f"{self.name}: {what} ratio {ratio:.2f} is under {floor:.2f}"
            for what, ratio, floor in judged
            if floor is not None and ratio < floor and (what == "wall" or self.exact)
        ]

    def json(self) -> str:
        return json.dumps(
            {
                "case": self.name,
                "rounds": len(self.ours.wall),
                "moorage_wall_ms": round(self.ours.wall_ms, 2),
                "rival_wall_ms": round(self.theirs.wall_ms, 2),
                "wall_ratio": round(self.wall_ratio, 2),
                "moorage_cpu_ms": round(self.ours.cpu_ms, 2),
                "rival_cpu_ms": round(self.theirs.cpu_ms, 2) if self.exact else None,
                "cpu_ratio": round(self.cpu_ratio, 2) if self.exact else None,
                "floor": {"wall": self.floor.wall, "cpu": self.floor.cpu},
            }
        )


_HEAD = (
    "operation",
    "moorage wall",
    "CGI wall",
    "wall ratio",
    "moorage CPU",
    "CGI CPU",
    "CPU ratio",
)


def table(cases: Sequence[Case]) -> str:
    """Return the cases as a table that README.md can hold as it is. Times are milliseconds."""
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    rows += [
        (
            case.name,
            f"{case.ours.wall_ms:.1f} ms",
            f"{case.theirs.wall_ms:.1f} ms",
            f"{case.wall_ratio:.2f}x",
            f"{case.ours.cpu_ms:.1f} ms",
            f"{case.theirs.cpu_ms:.1f} ms" if case.exact else "unknown",
            f"{case.cpu_ratio:.1f}x" if case.exact else "unknown",
        )
        for case in cases
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for row in rows:
        filled = [
            cell.ljust(width, "-" if cell == "---" else " ") for cell, width in zip(row, widths, strict=True)
        ]
        lines.append("| " + " | ".join(filled) + " |")
    return "\n".join(lines)
