"""Git over HTTP: moorage against nginx, fcgiwrap and stock `git http-backend`, same machine, same run.

    python3 dev.py bench git_door [--quick]

Prints a table, one JSON line a case, and exits with 1 when a ratio is under its floor. A ratio is
rival / moorage: above 1, moorage took less. "miss" is the first time something is asked, "hit" the
next one. Not compared: TLS (off on both), a network (loopback), the time of the credential helper
(passwords are made beforehand). The rival checks a password and nothing else; moorage also checks
a signature, IAM policies and a key, opens sealed data, and makes a push durable before it answers.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import _load
import _moorage
import _repositories
import _rival
from _measure import Case, Floor, Samples, table
from _moorage import Moorage
from _repositories import MANY_REFS, MEDIUM, MEDIUM_QUICK, TINY, Git
from _rival import Rival

# What is promised (shared design, "floor"), divided by 1.5 for the noise of a busy machine.
FLOORS = {
    "git ls-remote, few refs": Floor(wall=0.87, cpu=3.3),
    "git ls-remote, 20,001 refs": Floor(wall=0.87, cpu=3.3),
    "ls-remote raw, few refs, 32 connections": Floor(wall=5.3, cpu=5.3),
    "ls-remote raw, 20,001 refs, 8 connections": Floor(wall=4.0, cpu=6.7),
    "git fetch, nothing new": Floor(wall=0.87, cpu=3.3),
    "git push, one commit": Floor(wall=0.8, cpu=2.0),
    "git clone, miss": Floor(wall=0.6),
    "git clone, hit": Floor(wall=0.63, cpu=5.3),
    "git clone --depth 1, miss": Floor(wall=1.0),
    "git clone --depth 1, hit": Floor(wall=1.67, cpu=33.0),
    "16 raw clones at once, hit": Floor(wall=2.7, cpu=5.3),
}

Side = Moorage | Rival


@dataclass
class Bench:
    """Both sides, the client, and what has been measured."""

    git: Git
    moorage: Moorage
    rival: Rival
    folder: Path
    quick: bool
    cases: list[Case] = field(default_factory=list)

    def rounds(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole

    def compare(
        self, name: str, rounds: int, operation: Callable[[Side], object], operations: int = 1
    ) -> None:
        """Measure one operation on both sides in turn, after a round that does not count."""
        ours, theirs = Samples(), Samples()
        for side in (self.rival, self.moorage):
            operation(side)
        for _ in range(rounds):
            theirs.take(self.rival.account, lambda: operation(self.rival), operations)
            ours.take(self.moorage.account, lambda: operation(self.moorage), operations)
        self.add(name, ours, theirs)

    def add(self, name: str, ours: Samples, theirs: Samples) -> None:
        self.cases.append(Case(name, ours, theirs, FLOORS[name]))
        print(f"... {name}", file=sys.stderr)

    def commit(self, repository: Path, number: int) -> str:
        """Make a commit on main that changes one file; return its id."""
        (repository / "bench.txt").write_text(f"Change {number} at {time.time_ns()}\n")
        self.git("add", "bench.txt", at=repository)
        self.git("commit", "--quiet", "--message", f"Change {number}", at=repository)
        return self.git("rev-parse", "HEAD", at=repository).strip()

    def push(self, side: Side, repository: Path, commit: str) -> None:
        self.git("push", "--quiet", side.url("medium"), f"{commit}:refs/heads/main", at=repository)

    def clone(self, side: Side, *options: str) -> None:
        """Clone medium and drop the clone; without a checkout, which is the client's work alone."""
        target = self.folder / "clone"
        self.git("clone", "--quiet", "--no-checkout", *options, side.url("medium"), target)
        shutil.rmtree(target)


def reading(bench: Bench) -> None:
    """Compare ls-remote and a fetch that finds nothing new."""
    git = bench.git
    for repository, words in (("tiny", "few refs"), ("refs20k", "20,001 refs")):
        rounds = bench.rounds(20, 8) if repository == "tiny" else bench.rounds(12, 5)
        name = f"git ls-remote, {words}"
        bench.compare(name, rounds, lambda side, which=repository: git("ls-remote", side.url(which)))  # type: ignore[misc]  # a lambda's default has no type
    clone = bench.folder / "tiny-clone"
    git("clone", "--quiet", bench.rival.url("tiny"), clone)
    refspec = "+refs/heads/*:refs/remotes/origin/*"
    bench.compare(
        "git fetch, nothing new",
        bench.rounds(20, 8),
        lambda side: git("fetch", "--quiet", side.url("tiny"), refspec, at=clone),
    )


def raw_reading(bench: Bench) -> None:
    """Compare the three requests of ls-remote without git's own start and end."""
    for repository, words, connections, exchanges in (
        ("tiny", "few refs, 32 connections", 32, bench.rounds(8, 3)),
        ("refs20k", "20,001 refs, 8 connections", 8, bench.rounds(8, 3)),
    ):

        def operation(
            side: Side, name: str = repository, connections: int = connections, exchanges: int = exchanges
        ) -> None:
            requests, statuses = _load.ls_remote(side.port, side.path(name), side.authorization(name))
            _load.run(side.port, requests, statuses, connections=connections, exchanges=exchanges)

        count = connections * exchanges
        bench.compare(f"ls-remote raw, {words}", bench.rounds(5, 3), operation, operations=count)


def pushing(bench: Bench, work: Path) -> None:
    """Compare the push of one commit that changes one file; both sides get the same commits."""
    ours, theirs = Samples(), Samples()
    for number in range(bench.rounds(24, 9)):
        commit = bench.commit(work, number)
        into = (Samples(), Samples()) if number == 0 else (theirs, ours)
        into[0].take(bench.rival.account, lambda commit=commit: bench.push(bench.rival, work, commit))  # type: ignore[misc]  # a lambda's default has no type
        into[1].take(bench.moorage.account, lambda commit=commit: bench.push(bench.moorage, work, commit))  # type: ignore[misc]  # a lambda's default has no type
    bench.add("git push, one commit", ours, theirs)


def cloning(bench: Bench, work: Path, name: str, *options: str) -> None:
    """Compare a clone asked for the first time, and asked for again.

    A push before each round makes the question a new one; it is not measured.
    """
    first, again = (Samples(), Samples()), (Samples(), Samples())
    for number in range(bench.rounds(5, 2)):
        commit = bench.commit(work, number)
        bench.push(bench.rival, work, commit)
        bench.push(bench.moorage, work, commit)
        for theirs, ours in (first, again):
            theirs.take(bench.rival.account, lambda: bench.clone(bench.rival, *options))
            ours.take(bench.moorage.account, lambda: bench.clone(bench.moorage, *options))
    bench.add(f"{name}, miss", first[1], first[0])
    bench.add(f"{name}, hit", again[1], again[0])


def raw_cloning(bench: Bench) -> None:
    """Compare sixteen clients that ask for the same clone at once, and drop what they get."""
    wants = sorted(
        {line.split()[0] for line in bench.git("ls-remote", bench.rival.url("medium")).splitlines()}
    )

    def operation(side: Side) -> None:
        request = _load.clone(side.port, side.path("medium"), side.authorization("medium"), wants)
        _load.run(side.port, [request], [200], connections=16, exchanges=1)

    bench.compare("16 raw clones at once, hit", bench.rounds(3, 2), operation, operations=16)


def measure(folder: Path, *, quick: bool) -> list[Case]:
    """Make the repositories, start both sides, and measure every case."""
    git = Git(folder / "home")
    medium = MEDIUM_QUICK if quick else MEDIUM
    generated = {
        shape.name: _repositories.generate(git, shape, folder) for shape in (TINY, medium, MANY_REFS)
    }
    with _rival.running(folder / "rival") as rival, _moorage.running(folder / "moorage") as moorage:
        for shape in (TINY, medium, MANY_REFS):
            rival.add(git, generated[shape.name], shape.name)
            moorage.add(git, generated[shape.name], shape.name)
        work = folder / "work"
        git("clone", "--quiet", generated["medium"], work)
        bench = Bench(git, moorage, rival, folder, quick)
        reading(bench)
        raw_reading(bench)
        cloning(bench, work, "git clone")
        cloning(bench, work, "git clone --depth 1", "--depth=1")
        raw_cloning(bench)
        pushing(bench, work)
    return bench.cases


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the Git door with stock git http-backend.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and a smaller repository")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as folder:
        cases = measure(Path(folder), quick=arguments.quick)
    print(table(cases))
    for case in cases:
        print(case.json())
    failures = [failure for case in cases for failure in case.failures]
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
