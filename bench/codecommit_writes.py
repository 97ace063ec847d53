"""Durable commits by the CodeCommit API a second: PutFile and CreateCommit over 32 connections.

    python3 dev.py bench codecommit_writes [--quick]

Each connection has a branch to itself and adds one commit after another to it, each on the one before,
signed as it goes. The branches are all of one repository, or each of a repository of its own. A repository
begins with 2,000 files in 40 folders. An answer means that the commit is on the disk: SQLite syncs each
transaction, and blobs and their folders are synced before it. The working cache is on a tmpfs where this
machine has one, as the documents advise; repacking goes on meanwhile, as it does in service. TLS is off.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _load
import _moorage
from _load import Load, Talk
from _repositories import MAIN, Git

_CONNECTIONS = 32
_ROUNDS = 3
_FILES = 2_000
_FOLDERS = 40
_FILES_OF_A_COMMIT = 10  # of CreateCommit
_START = 1_700_000_000  # the first commit's time, Unix seconds
_SHARED = "shared"
_TMPFS = Path("/dev/shm")

PER_SECOND = 40 / 1.5


@dataclass(frozen=True)
class Branch:
    """Where one connection adds commits."""

    repository: str
    name: str


@dataclass
class Write:
    """An operation to be measured: `body` makes the request of a branch, its tip and a number."""

    operation: str
    where: str
    branches: Sequence[Branch]
    body: Callable[[Branch, str, int], dict[str, Any]]
    loads: list[Load] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # of the server, for each commit

    @property
    def per_second(self) -> float:
        return statistics.median(load.per_second for load in self.loads)

    def percentile_ms(self, percent: int) -> float:
        return statistics.median(load.percentile_ms(percent) for load in self.loads)


def put_file(branch: Branch, tip: str, number: int) -> dict[str, Any]:
    return {
        "repositoryName": branch.repository,
        "branchName": branch.name,
        "parentCommitId": tip,
        "filePath": _path(number),
        "fileContent": _content(branch, number),
    }


def create_commit(branch: Branch, tip: str, number: int) -> dict[str, Any]:
    files = [
        {"filePath": _path(number + each * 51), "fileContent": _content(branch, number)}
        for each in range(_FILES_OF_A_COMMIT)
    ]
    return {
        "repositoryName": branch.repository,
        "branchName": branch.name,
        "parentCommitId": tip,
        "putFiles": files,
    }


def writes() -> list[Write]:
    shared = [Branch(_SHARED, f"branch-{number}") for number in range(_CONNECTIONS)]
    own = [Branch(f"own-{number}", "main") for number in range(_CONNECTIONS)]
    return [
        Write("PutFile", "32 branches", shared, put_file),
        Write("PutFile", "32 repositories", own, put_file),
        Write("CreateCommit", "10 files, 32 branches", shared, create_commit),
        Write("CreateCommit", "10 files, 32 repositories", own, create_commit),
    ]


def _path(number: int) -> str:
    file = number % _FILES
    return f"src/part{file % _FOLDERS}/file{file}.txt"


def _content(branch: Branch, number: int) -> str:
    return base64.b64encode(f"{branch.repository} {branch.name} {number}\n".encode() * 20).decode()


def stream() -> Iterator[bytes]:
    """Yield the stream of `git fast-import`: one commit of all files."""
    yield b"commit %s\ncommitter Bench <bench@example.org> %d +0000\ndata 6\nBegin\n" % (
        MAIN.encode(),
        _START,
    )
    for number in range(_FILES):
        text = b"%08d\n" % number * 40
        yield b"M 100644 inline %b\ndata %d\n%s\n" % (_path(number).encode(), len(text), text)


def prepare(server: _moorage.Moorage, git: Git, folder: Path, asked: Sequence[Write]) -> str:
    """Make the repositories and branches; return the commit that all of them stand at."""
    path = folder / "beginning.git"
    git("init", "--quiet", "--bare", path)
    git.import_stream(path, stream())
    tip = git("rev-parse", MAIN, at=path).strip()
    branches = {branch for write in asked for branch in write.branches}
    client = server.client("codecommit")
    for repository in sorted({branch.repository for branch in branches}):
        server.add(git, path, repository)
    for branch in branches:
        if branch.name != "main":
            client.create_branch(repositoryName=branch.repository, branchName=branch.name, commitId=tip)
    return tip


def talk(
    server: _moorage.Moorage, write: Write, branch: Branch, tips: dict[Branch, str], numbers: range
) -> Talk:
    """Add commits to a branch one after the other; keep its tip."""
    for number in numbers:
        body = json.dumps(write.body(branch, tips[branch], number)).encode()
        answer = yield server.signed_call(write.operation, body)
        tips[branch] = json.loads(answer)["commitId"]


def measure(server: _moorage.Moorage, asked: Sequence[Write], beginning: str, commits: int) -> None:
    """Take turns; each round adds so many commits to every branch."""
    tips = {branch: beginning for write in asked for branch in write.branches}
    # The first round warms up, and is forgotten. No number comes twice: a commit has to change something.
    for round_number in range(-1, _ROUNDS):
        for turn, write in enumerate(asked):
            first = ((round_number + 1) * len(asked) + turn) * commits
            before = server.account.seconds()
            talks = [
                talk(server, write, branch, tips, range(first, first + commits)) for branch in write.branches
            ]
            load = _load.run_talks(server.port, talks)
            if round_number >= 0:
                write.loads.append(load)
                write.cpu_ms.append((server.account.seconds() - before) / load.exchanges * 1000)


def report(asked: Sequence[Write]) -> bool:
    """Print the table; return whether everything reaches its floor."""
    print(
        f"| operation, signed, {_CONNECTIONS} connections | a second | median | 99th percentile | CPU each |"
    )
    print("| --- | --- | --- | --- | --- |")
    good = True
    for write in asked:
        reached = write.per_second >= PER_SECOND
        good = good and reached
        name = f"{write.operation}, {write.where}"
        p50, p99, cpu = write.percentile_ms(50), write.percentile_ms(99), statistics.median(write.cpu_ms)
        under = "" if reached else " UNDER ITS FLOOR"
        print(f"| {name} | {write.per_second:.0f}/s | {p50:.0f} ms | {p99:.0f} ms | {cpu:.1f} ms |{under}")
        figures = {"per_second": write.per_second, "p50_ms": p50, "p99_ms": p99, "cpu_ms": cpu}
        rounded = {key: round(value, 2) for key, value in figures.items()}
        print(json.dumps({"case": name, "connections": _CONNECTIONS, **rounded}), file=sys.stderr)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure durable commits by the CodeCommit API.")
    parser.add_argument("--quick", action="store_true", help="few commits a round")
    quick = parser.parse_args().quick
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-bench-")))
        memory = _TMPFS if os.access(_TMPFS, os.W_OK) else None
        cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-bench-", dir=memory))
        git = Git(folder / "home")
        server = stack.enter_context(_moorage.running(folder / "moorage", "--cache", f"{cache}/cache"))
        asked = writes()
        beginning = prepare(server, git, folder, asked)
        measure(server, asked, beginning, 3 if quick else 12)
        good = report(asked)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
