from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.git import children, commands
from moorage.git.cancellation import Cancellation, Cancelled
from moorage.git.children import Limits
from moorage.git.quarantine import Quarantine
from unit.git.handmade import Repository, a_commit, a_slow_pack, a_tree, id_of

LIMITS = Limits(cpu_seconds=30, wall_seconds=30)


def sleeping() -> children.Child:
    env = {"PATH": os.environ["PATH"]}
    return children.start(["sleep", "30"], env=env, folder=Path("/"), limits=LIMITS)


def test_cancelling_ends_the_child_under_way() -> None:
    cancellation = Cancellation()
    threading.Timer(0.05, cancellation.cancel).start()
    began = time.monotonic()
    with sleeping() as child, pytest.raises(Cancelled), cancellation.ending(child):
        assert child.wait() < 0
    assert time.monotonic() - began < 20


def test_a_child_that_starts_after_the_cancelling_ends_at_once() -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with sleeping() as child, pytest.raises(Cancelled), cancellation.ending(child):
        assert child.wait() < 0


def test_a_child_that_ended_by_itself_is_nobodys_any_more() -> None:
    cancellation = Cancellation()
    with sleeping() as child:
        with cancellation.ending(child):
            pass
        cancellation.cancel()
        assert child.running
    with pytest.raises(Cancelled):
        cancellation.check()


def test_a_command_whose_input_cancels_it_tells_nothing(repository: Repository) -> None:
    cancellation = Cancellation()

    def leaving() -> Iterator[bytes]:
        yield b"x"
        cancellation.cancel()
        yield b"y"

    with pytest.raises(Cancelled):
        commands.run("cat-file", "--batch", at=repository.path, stdin=leaving(), cancellation=cancellation)


def test_a_quarantine_whose_client_left_stops_indexing_and_goes(
    tmp_path: Path, repository: Repository
) -> None:
    commit = a_commit(id_of("tree", a_tree()))
    pack = a_slow_pack(("commit", commit), blobs=40, blob_bytes=40 << 20)
    cancellation = Cancellation()
    folder = tmp_path / "quarantine"
    threading.Timer(0.2, cancellation.cancel).start()
    with (
        pytest.raises(Cancelled),
        Quarantine(folder, repository.path / "objects", cancellation=cancellation) as quarantine,
    ):
        quarantine.receive(iter([pack]))
    assert [path for path in folder.iterdir() if path.is_dir()] == []
