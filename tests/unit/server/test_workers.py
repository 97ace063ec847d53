"""The supervisor, run in a process of its own with workers that only wait."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

PROGRAM = """
import os, select, signal, sys
from moorage.server import logs
from moorage.server.workers import Seat, Supervisor

logs.configure("json")

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(seat: Seat) -> int:
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    say("worker", seat.number, os.getpid())
    if sys.argv[1] == "fails":
        return 3
    seat.say_ready()
    while not ended:
        readable, _, _ = select.select([seat.parent], [], [], 0.02)
        if readable:
            say("orphan", seat.number)
            return 0
    say("drained", seat.number)
    return 0

sys.exit(Supervisor(2, work, on_ready=lambda: say("ready"),
                    on_stop=lambda: say("stopping")).run())
"""


class Running:
    def __init__(self, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout

    def line(self) -> list[str]:
        assert select.select([self.output], [], [], 20)[0], "nothing was said in time"
        return self.output.readline().decode().split()

    def lines(self, count: int) -> list[list[str]]:
        return [self.line() for _ in range(count)]


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    made = Running(getattr(request, "param", "waits"))
    yield made
    made.process.kill()
    made.process.wait()
    made.output.close()


def _pids(lines: list[list[str]]) -> dict[str, int]:
    return {words[1]: int(words[2]) for words in lines if words[0] == "worker"}


def test_a_killed_worker_is_replaced_and_the_other_stays(running: Running) -> None:
    pids = _pids(running.lines(3))
    os.kill(pids["0"], signal.SIGKILL)
    replaced = _pids([running.line()])
    assert set(replaced) == {"0"}
    assert replaced["0"] != pids["0"]
    os.kill(pids["1"], 0)


def test_sigterm_stops_listening_and_drains_every_worker(running: Running) -> None:
    running.lines(3)
    running.process.send_signal(signal.SIGTERM)
    said = running.lines(3)
    assert said[0] == ["stopping"]
    assert sorted(said[1:]) == [["drained", "0"], ["drained", "1"]]
    assert running.process.wait(10) == 0


def test_workers_end_when_their_parent_is_killed(running: Running) -> None:
    running.lines(3)
    running.process.kill()
    assert sorted(running.lines(2)) == [["orphan", "0"], ["orphan", "1"]]


@pytest.mark.parametrize("running", ["fails"], indirect=True)
def test_workers_that_cannot_start_end_the_service(running: Running) -> None:
    assert running.process.wait(20) == 1
