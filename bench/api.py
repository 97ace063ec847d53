"""Signed API calls and ls-refs round trips a second, as raw HTTP on loopback.

    python3 dev.py bench api [--quick]

Every request is signed beforehand, so the client's own work stays small; it still shares the cores
with the service. Nothing is compared here: there is no other CodeCommit to install. The floors are
those of the design's load table, divided by 1.5 for noise. TLS is off.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import _load
import _moorage
import _repositories
from _repositories import TINY, Git

_CONNECTIONS = (8, 32)


@dataclass(frozen=True)
class Goal:
    """The least rate, and the longest 99th percentile, that are no failure."""

    per_second: float
    p99_ms: float


GET_REPOSITORY = Goal(per_second=400 / 1.5, p99_ms=100 * 1.5)
LS_REMOTE = Goal(per_second=150 / 1.5, p99_ms=1000)


def measure(
    name: str,
    server: _moorage.Moorage,
    *,
    requests: list[bytes],
    statuses: list[int],
    goal: Goal,
    seconds: float,
) -> bool:
    """Print what each number of connections reaches; return whether all reach the goal."""
    good = True
    for connections in _CONNECTIONS:
        warm = _load.run(server.port, requests, statuses, connections=connections, exchanges=10)
        exchanges = max(10, int(warm.per_second * seconds / connections))
        before = server.account.seconds()
        load = _load.run(server.port, requests, statuses, connections=connections, exchanges=exchanges)
        time.sleep(0.1)  # what the server does after its answers is part of their cost
        cpu_ms = (server.account.seconds() - before) * 1000 / load.exchanges
        p50, p99 = load.percentile_ms(50), load.percentile_ms(99)
        reached = load.per_second >= goal.per_second and p99 <= goal.p99_ms
        good = good and reached
        print(
            f"| {name}, {connections} connections | {load.per_second:.0f}/s | {p50:.1f} ms | {p99:.1f} ms "
            f"| {cpu_ms:.2f} ms |{'' if reached else ' UNDER ITS FLOOR'}"
        )
        figures = {"per_second": load.per_second, "p50_ms": p50, "p99_ms": p99, "cpu_ms": cpu_ms}
        rounded = {key: round(value, 2) for key, value in figures.items()}
        print(json.dumps({"case": name, "connections": connections, **rounded}), file=sys.stderr)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure signed API calls and ls-refs round trips.")
    parser.add_argument("--quick", action="store_true", help="a second for each figure")
    seconds = 1.0 if parser.parse_args().quick else 5.0
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as name:
        folder = Path(name)
        git = Git(folder / "home")
        tiny = _repositories.generate(git, TINY, folder)
        with _moorage.running(folder / "moorage") as server:
            server.add(git, tiny, "tiny")
            print("| operation | a second | median | 99th percentile | server CPU each |")
            print("| --- | --- | --- | --- | --- |")
            call = server.signed_call("GetRepository", b'{"repositoryName": "tiny"}')
            good = measure(
                "GetRepository, signed",
                server,
                requests=[call],
                statuses=[200],
                goal=GET_REPOSITORY,
                seconds=seconds,
            )
            requests, statuses = _load.ls_remote(
                server.port, server.path("tiny"), server.authorization("tiny")
            )
            good &= measure(
                "ls-remote (401, then signed)",
                server,
                requests=requests,
                statuses=statuses,
                goal=LS_REMOTE,
                seconds=seconds,
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
