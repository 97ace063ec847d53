"""A push whose client goes away: nothing of it stays, unless its commit had begun."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from codecommit_at_hand import git
from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.cancellation import Cancellation, Cancelled
from moorage.git.receive_pack import PushRequest, RefUpdate
from moorage.repos.publish import Publisher
from moorage.repos.push import Push, PushOutcome
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.database import Database
from repository_at_hand import Node, pack

MAIN = "refs/heads/main"


class Leaving(DirectoryBlobs):
    """Blobs whose store takes so long that the client leaves meanwhile."""

    def __init__(self, folder: Path, cancellation: Cancellation) -> None:
        super().__init__(folder)
        self._cancellation = cancellation

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        super().put_all(contents)
        self._cancellation.cancel()


def push(node: Node, local: Path, cancellation: Cancellation) -> PushOutcome:
    updates = (RefUpdate(MAIN.encode(), ZERO_ID, ObjectId(git(local, "rev-parse", "main"))),)
    work = Push(node.publisher, node.gate, node.caller, node.open("Demo"), {}, cancellation=cancellation)
    return work.run(PushRequest(updates), pack(local, updates, {}))


def test_a_client_that_leaves_before_the_commit_leaves_nothing(
    node: Node, local: Path, tmp_path: Path
) -> None:
    cancellation = Cancellation()
    blobs = Leaving(tmp_path / "blobs", cancellation)
    leaving = replace(node, publisher=Publisher(node.database, blobs, node.opener))
    with pytest.raises(Cancelled):
        push(leaving, local, cancellation)
    assert list(node.blobs.keys("r/")) == []
    assert node.refs("Demo") == {}
    assert [path for path in node.cache.quarantine.iterdir() if path.is_dir()] == []


def test_a_client_that_left_before_its_pack_was_looked_at_starts_no_work(node: Node, local: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        push(node, local, cancellation)
    assert node.refs("Demo") == {}


@dataclass
class Committing:
    """A database whose client leaves as soon as a commit begins."""

    whole: Database
    cancellation: Cancellation

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        self.cancellation.cancel()
        with self.whole.write() as connection:
            yield connection

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        return self.whole.read()

    def now_ms(self, connection: Connection) -> int:
        return self.whole.now_ms(connection)


def test_a_commit_that_has_begun_is_wholly_applied(node: Node, local: Path) -> None:
    cancellation = Cancellation()
    database = Committing(node.database, cancellation)
    publisher = Publisher(database, node.blobs, node.opener)  # type: ignore[arg-type]  # as much of a Database as publishing needs
    assert push(replace(node, publisher=publisher), local, cancellation).refused == {}
    assert set(node.refs("Demo")) == {MAIN}
    assert node.open("Demo").has_commit(ObjectId(git(local, "rev-parse", "main")))
