"""Children that read a cached repository keep it from being evicted, also when the server has died."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import process_tree
from codecommit_at_hand import git
from moorage.core.names import ObjectId
from moorage.git import children, commands
from moorage.git.children import Child, Limits
from moorage.git.fetch_request import FetchRequest, parse
from moorage.git.pkt_line import DELIM, FLUSH, encode
from moorage.repos import locks
from moorage.repos.fetch import Fetches
from moorage.repos.prepared import PreparedResponses
from repository_at_hand import Node

MAIN = "refs/heads/main"
LIMITS = Limits(cpu_seconds=30, wall_seconds=30)


def waiting(*kept: int, tied: bool = True) -> Child:
    """A child that lives until its input ends."""
    env = {"PATH": os.environ["PATH"]}
    return children.start(["cat"], env=env, folder=Path("/"), limits=LIMITS, kept=kept, tied=tied)


def is_free(lock: Path) -> bool:
    with locks.held_if_free(lock) as alone:
        return alone


@pytest.mark.parametrize("tied", [True, False])
def test_a_lock_lent_to_a_child_is_held_until_the_child_ends(tmp_path: Path, tied: bool) -> None:
    path = tmp_path / "lock"
    with locks.held(path, exclusive=False) as lock:
        child = waiting(lock, tied=tied)
    with child:
        assert not is_free(path)
        with locks.held(path, exclusive=False):
            pass  # other readers are not in the way
    assert is_free(path)


def test_no_other_child_gets_hold_of_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.held(path, exclusive=False):
        child = waiting()
    with child:
        assert is_free(path)
        assert child.running


def test_a_child_keeps_the_lock_of_a_server_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    # Without setpriv, as on macOS, nothing ties a child to its server.
    program = (
        "import os, subprocess, sys; from pathlib import Path; from moorage.repos import locks\n"
        "quiet = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)\n"
        "with locks.held(Path(sys.argv[1]), exclusive=False) as lock:\n"
        "    child = subprocess.Popen(['sleep', '30'], pass_fds=[lock], **quiet)\n"
        "    print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    watched = os.pidfd_open(pid)
    assert not is_free(path)
    os.kill(pid, signal.SIGKILL)
    select.select([watched], [], [], 20)
    os.close(watched)
    assert is_free(path)


def test_a_repository_is_not_evicted_under_a_child_that_outlives_its_reader(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    node.cache.limit_bytes = 0
    with node.open("Demo").lending() as place:
        child = commands.spawn("cat-file", "--batch", at=place)
    with child:
        assert node.cache.evict() == 0
    assert node.cache.evict() > 0


def test_a_fetch_lends_its_lock_to_git_and_what_git_starts(node: Node, local: Path) -> None:
    (local / "large.bin").write_bytes(Random(1).randbytes(8 << 20))  # more than pipes hold
    git(local, "add", "large.bin")
    git(local, "commit", "--quiet", "--message", "large")
    node.push("Demo", local, {MAIN: "main"})
    tip = ObjectId(git(local, "rev-parse", "main"))
    # It has something, so that its answer is not worth keeping: git waits for who reads it.
    lines = (b"want " + tip.encode(), b"have " + b"1" * 40, b"done")
    body = encode(b"command=fetch") + DELIM + b"".join(map(encode, lines)) + FLUSH
    request = parse(body, version=2)
    assert isinstance(request, FetchRequest)
    stream = Fetches(PreparedResponses()).open(node.open("Demo"), request, body, "version=2")
    try:
        told = 0
        while told < 1 << 20:  # of the pack itself: what makes it runs, and waits for us
            told += len(stream.read())
        holding = [each for each in process_tree.tree(os.getpid())[1:] if holds_presence(each.pid)]
        assert {"upload-pack", "pack-objects"} <= {verb(each.pid) for each in holding}
    finally:
        stream.stop()
        stream.close()


def holds_presence(pid: int) -> bool:
    return any(file.readlink().suffix == ".presence" for file in Path(f"/proc/{pid}/fd").iterdir())


def verb(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1]
