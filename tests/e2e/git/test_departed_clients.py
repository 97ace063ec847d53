"""A client that goes away in the middle of its push: its work ends with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import process_tree
from git_attacks import ZERO, command
from raw_git import Connection, credential
from service_process import Service, serving
from unharmed import kept, wait_until_quiet
from unit.git.handmade import a_commit, a_slow_pack, a_tree, id_of

pytestmark = pytest.mark.needs("git")
PATH = "/v1/repos/left"
SECONDS = 30.0
# Some seconds of work for one processor, in one megabyte.
BLOBS, BLOB_BYTES = 20, 40 << 20


def wait_for(service: Service, program: str) -> int:
    deadline = time.monotonic() + SECONDS
    while True:
        for process in process_tree.tree(service.process.pid):
            if words(process.pid)[1:2] == [program]:
                return process.pid
        assert time.monotonic() < deadline, f"no {program} was seen"
        time.sleep(0.01)  # a child's beginning is told to nobody outside the service


def words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def test_a_client_that_has_sent_its_whole_push_and_goes_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.create_repository("left")
        before = kept(service)
        commit = a_commit(id_of("tree", a_tree()))
        tip = id_of("commit", commit)
        pack = a_slow_pack(("tree", a_tree()), ("commit", commit), blobs=BLOBS, blob_bytes=BLOB_BYTES)
        body = command(ZERO, tip, b"refs/heads/main", first=True) + b"0000" + pack
        with Connection(service) as connection:
            connection.send("POST", f"{PATH}/git-receive-pack", credential(service, PATH), body)
            pid = wait_for(service, "index-pack")
            held = {file.readlink().suffix for file in Path(f"/proc/{pid}/fd").iterdir()}
            assert ".presence" in held  # it reads the repository pushed to, which must not be evicted
        wait_until_quiet(service)
        assert kept(service) == before
        # The push itself was a good one.
        with Connection(service) as connection:
            answer = connection.ask("POST", f"{PATH}/git-receive-pack", credential(service, PATH), body)
        assert b"ok refs/heads/main" in answer.body, answer.body
