"""Signed reads of the CodeCommit API a second, on a large repository; GetRepository beside moto's server.

    python3 dev.py bench codecommit_reads [--quick]

The repository has 50,000 commits (with --quick 5,000) and a folder of 5,000 files; its commit-graph is
what maintenance writes by itself. Requests are signed beforehand and sent over 32 connections. moorage,
with two workers, and moto take turns. A read is small when its answer is: those have the floor of the
design's load table, divided by 1.5 for noise; of the others the rate is only told. TLS is off.

moto is a mock: it checks no signature and asks no policy here. It takes part where `moto_server` is on
PATH, or named by MOTO_SERVER.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _load
import _moorage
from _load import Load
from _measure import Account
from _repositories import MAIN, Git
from _rival import free_port, process, wait_for

_CONNECTIONS = 32
_ROUNDS = 3
_WORKERS = "2"  # one for each core, as the settings advise
_SEED = 20_261_125
_FILES = 2_000
_WIDE_ENTRIES = 5_000
_START = 1_700_000_000  # the first commit's time, Unix seconds
_UPKEEP_SECONDS = 120.0
_NAME = "large"
_HOT = "src/part7/file7.txt"

PER_SECOND = 400 / 1.5
P99_MS = 100 * 1.5
TIMES_MOTO = 3.0
PEAK_MB = 320  # what a worker has resident at most, packs and indexes that it maps included


@dataclass
class Read:
    """An operation to be measured. `small` ones have the floors."""

    operation: str
    what: str
    body: dict[str, Any]
    small: bool = True
    loads: list[Load] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return statistics.median(load.per_second for load in self.loads)

    def percentile_ms(self, percent: int) -> float:
        return statistics.median(load.percentile_ms(percent) for load in self.loads)

    @property
    def reached(self) -> bool:
        return not self.small or (self.per_second >= PER_SECOND and self.percentile_ms(99) <= P99_MS)


def reads(commits: list[str]) -> list[Read]:
    """Return what is asked of the repository, given its commits, newest first."""
    named = {"repositoryName": _NAME}
    tip, other, old = commits[0], commits[20], commits[len(commits) // 2]
    pair = {**named, "afterCommitSpecifier": tip}
    history = {**named, "filePath": _HOT}
    return [
        Read("GetRepository", "", named),
        Read("GetBranch", "", {**named, "branchName": "main"}),
        Read("GetFile", "", {**named, "filePath": _HOT}),
        Read("GetDifferences", "20 commits apart", {**pair, "beforeCommitSpecifier": other}),
        Read(
            "GetDifferences",
            f"{len(commits) // 2:,} apart, 10 a page",
            {**pair, "beforeCommitSpecifier": old, "MaxResults": 10},
        ),
        Read("ListFileCommitHistory", "10 a page", {**history, "maxResults": 10}, small=False),
        Read("ListFileCommitHistory", "all", history, small=False),
        Read("GetFolder", f"{_WIDE_ENTRIES:,} entries", {**named, "folderPath": "wide"}, small=False),
    ]


def stream(commits: int) -> Iterator[bytes]:
    """Yield the stream of `git fast-import`: a wide folder, then one file changed by each commit."""
    chance = random.Random(_SEED)
    for number in range(commits):
        message = b"Change %d\n" % number
        yield b"commit %s\n" % MAIN.encode()
        yield b"committer Bench <bench@example.org> %d +0000\n" % (_START + number * 60)
        yield b"data %d\n%s" % (len(message), message)
        for entry in range(_WIDE_ENTRIES if number == 0 else 0):
            yield b"M 100644 inline wide/entry%04d.txt\ndata 5\n%04d\n" % (entry, entry)
        file = number if number < _FILES else chance.randrange(_FILES)
        text = b"".join(b"%016x\n" % chance.getrandbits(64) for _ in range(8))
        yield b"M 100644 inline src/part%d/file%d.txt\ndata %d\n%s\n" % (file % 40, file, len(text), text)


def large(git: Git, folder: Path, commits: int) -> Path:
    path = folder / f"{_NAME}.git"
    git("init", "--quiet", "--bare", path)
    git.import_stream(path, stream(commits))
    return path


def await_upkeep(folder: Path) -> None:
    """Wait until the service has written the commit-graph, or no longer than it may take."""
    deadline = time.monotonic() + _UPKEEP_SECONDS
    while time.monotonic() < deadline and not any(folder.rglob("info/commit-graph*")):
        time.sleep(0.5)  # a background job of another process, whose end nobody announces


@contextlib.contextmanager
def moto(folder: Path, program: str) -> Iterator[int]:
    """Serve moto until the block ends."""
    port = free_port()
    folder.mkdir()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "MOTO_SERVICE": "codecommit"}
    if "PYTHONPATH" in os.environ:  # it may be installed apart: it is no dependency of ours
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with (
        contextlib.closing(Account("moto")) as account,
        process([program, "-H", "127.0.0.1", "-p", str(port)], environment, account, folder / "log"),
    ):
        wait_for(port)
        yield port


def load(port: int, request: bytes, seconds: float) -> Load:
    """Ask for about so many seconds, warmed up."""
    warm = _load.run(port, [request], [200], connections=_CONNECTIONS, exchanges=2)
    exchanges = max(4, int(warm.per_second * seconds / _CONNECTIONS))
    return _load.run(port, [request], [200], connections=_CONNECTIONS, exchanges=exchanges)


def measure(server: _moorage.Moorage, asked: list[Read], moto_port: int | None, seconds: float) -> list[Load]:
    """Take turns; the reads keep their loads, moto's GetRepository is returned."""
    theirs = []
    for _ in range(_ROUNDS):
        for read in asked:
            body = json.dumps(read.body).encode()
            read.loads.append(load(server.port, server.signed_call(read.operation, body), seconds))
            if moto_port is not None and read.operation == "GetRepository":
                theirs.append(
                    load(moto_port, server.signed_call_at(moto_port, read.operation, body), seconds)
                )
    return theirs


def report(asked: list[Read], theirs: list[Load]) -> bool:
    """Print the table; return whether everything reaches its floor."""
    print(f"| operation, signed, {_CONNECTIONS} connections | a second | median | 99th percentile |")
    print("| --- | --- | --- | --- |")
    for read in asked:
        name = f"{read.operation}, {read.what}" if read.what else read.operation
        p50, p99 = read.percentile_ms(50), read.percentile_ms(99)
        under = "" if read.reached else " UNDER ITS FLOOR"
        print(f"| {name} | {read.per_second:.0f}/s | {p50:.1f} ms | {p99:.1f} ms |{under}")
        figures = {"per_second": read.per_second, "p50_ms": p50, "p99_ms": p99}
        rounded = {key: round(value, 2) for key, value in figures.items()}
        print(json.dumps({"case": name, "connections": _CONNECTIONS, **rounded}), file=sys.stderr)
    good = all(read.reached for read in asked)
    if not theirs:
        print("| moto | not at hand: put moto_server on PATH, or name it by MOTO_SERVER | | |")
        return good
    rate = statistics.median(each.per_second for each in theirs)
    ratio = asked[0].per_second / rate
    under = "" if ratio >= TIMES_MOTO else " UNDER ITS FLOOR"
    print(f"| GetRepository: moto | {rate:.0f}/s | moorage / moto | {ratio:.1f}x |{under}")
    print(
        json.dumps({"case": "GetRepository: moto", "per_second": round(rate, 2), "ratio": round(ratio, 2)}),
        file=sys.stderr,
    )
    return good and ratio >= TIMES_MOTO


def within(peak_megabytes: float) -> bool:
    """Tell what a worker had resident at most; return whether it is within its bound."""
    over = "" if peak_megabytes <= PEAK_MB else " OVER ITS BOUND"
    print(f"| most resident in one worker, of all these | {peak_megabytes:.0f} MB | | |{over}")
    print(json.dumps({"case": "resident", "megabytes": round(peak_megabytes)}), file=sys.stderr)
    return not over


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure signed reads of the CodeCommit API.")
    parser.add_argument("--quick", action="store_true", help="a small repository, half a second a figure")
    quick = parser.parse_args().quick
    program = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        git = Git(folder / "home")
        repository = large(git, folder, 5_000 if quick else 50_000)
        server = stack.enter_context(_moorage.running(folder / "moorage", "--workers", _WORKERS))
        server.add(git, repository, _NAME)
        moto_port = stack.enter_context(moto(folder / "moto", program)) if program is not None else None
        if moto_port is not None:
            create = server.signed_call_at(
                moto_port, "CreateRepository", json.dumps({"repositoryName": _NAME}).encode()
            )
            _load.run(moto_port, [create], [200], connections=1, exchanges=1)
        await_upkeep(folder / "moorage")
        asked = reads(git("rev-list", MAIN, at=repository).split())
        theirs = measure(server, asked, moto_port, 0.5 if quick else 2.0)
        good = report(asked, theirs)
        good = within(server.account.peak_megabytes()) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
