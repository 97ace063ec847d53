"""What a push is told when the database or the cache fails at its most delicate moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from codecommit_at_hand import git
from moorage.core.faults import SERVICE_UNAVAILABLE, Fault, unavailable
from moorage.repos.opened import Opener
from moorage.repos.publish import Publisher
from moorage.repos.snapshot import Snapshot, Snapshots
from moorage.storage.blobs import MemoryBlobs
from moorage.storage.database import Database, OutcomeUnknown, TransactionConflict
from repository_at_hand import Node

MAIN = "refs/heads/main"


@dataclass
class Breaking:
    """A database whose connection breaks at the first COMMIT, and which may be away for a while after."""

    whole: Database
    commits: bool  # whether that commit comes through
    away: int = 0  # how many transactions fail after it
    broken: bool = False

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        if self.broken and self.away:
            self.away -= 1
            raise unavailable("The database cannot be reached.")
        if self.broken:
            with self.whole.write() as connection:
                yield connection
            return
        with contextlib.suppress(ZeroDivisionError), self.whole.write() as connection:
            yield connection
            self.broken = True
            if not self.commits:
                raise ZeroDivisionError
        raise OutcomeUnknown(SERVICE_UNAVAILABLE, "The database broke off.", status=503)

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        return self.whole.read()

    def now_ms(self, connection: Connection) -> int:
        return self.whole.now_ms(connection)


def on(node: Node, database: Breaking) -> Node:
    publisher = Publisher(database, node.blobs, node.opener, pause=lambda _seconds: None)  # type: ignore[arg-type]  # as much of a Database as publishing needs
    return replace(node, publisher=publisher)


def blobs(node: Node) -> int:
    return sum(1 for _ in node.blobs.keys("r/"))


def test_a_push_whose_commit_came_through_is_acknowledged_although_the_connection_broke(
    node: Node, local: Path
) -> None:
    assert on(node, Breaking(node.database, commits=True)).push("Demo", local, {MAIN: "main"}).refused == {}
    assert node.refs("Demo") == {MAIN: git(local, "rev-parse", "main")}


def test_a_database_away_for_a_moment_is_asked_again(node: Node, local: Path) -> None:
    broken = Breaking(node.database, commits=True, away=3)
    assert on(node, broken).push("Demo", local, {MAIN: "main"}).refused == {}


def test_a_push_whose_commit_did_not_come_through_is_refused_and_leaves_nothing(
    node: Node, local: Path
) -> None:
    with pytest.raises(Fault) as refused:
        on(node, Breaking(node.database, commits=False)).push("Demo", local, {MAIN: "main"})
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (node.refs("Demo"), blobs(node)) == ({}, 0)


@pytest.mark.parametrize("commits", [True, False])
def test_a_push_whose_outcome_cannot_be_read_keeps_its_blobs_and_claims_nothing(
    node: Node, local: Path, commits: bool
) -> None:
    with pytest.raises(OutcomeUnknown):
        on(node, Breaking(node.database, commits=commits, away=1000)).push("Demo", local, {MAIN: "main"})
    assert blobs(node) == 2


@dataclass
class Overtaken:
    """A database in which another transaction gets in between, once."""

    whole: Database
    conflicts: int = 1

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        if self.conflicts:
            self.conflicts -= 1
            raise TransactionConflict(SERVICE_UNAVAILABLE, "Another change got in between.", status=503)
        with self.whole.write() as connection:
            yield connection

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        return self.whole.read()

    def now_ms(self, connection: Connection) -> int:
        return self.whole.now_ms(connection)


class Listed(MemoryBlobs):
    """Blobs that tell which keys were ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[str] = []

    def put(self, key: str, content: BinaryIO) -> None:
        self.ever.append(key)
        super().put(key, content)


def test_each_attempt_of_a_push_seals_anew_under_keys_of_its_own(node: Node, local: Path) -> None:
    blobs = Listed()
    publisher = Publisher(Overtaken(node.database), blobs, node.opener)  # type: ignore[arg-type]  # as above
    assert replace(node, publisher=publisher).push("Demo", local, {MAIN: "main"}).refused == {}
    assert len(set(blobs.ever)) == 4  # a pack and its index, twice


class Failing(Snapshots):
    """Snapshots that can be read once, before the push, and never after it."""

    reads = 0

    def current(self, repository_id: str) -> Snapshot | None:
        self.reads += 1
        if self.reads > 1:
            raise unavailable("The database is busy.")
        return super().current(repository_id)


def test_what_fails_after_the_commit_changes_no_answer(node: Node, local: Path) -> None:
    opener = Opener(Failing(node.database), node.opener.keyring, node.cache)
    opened = opener.open(node.caller, node.repositories.require(node.caller, "Demo"))
    busy = replace(node, publisher=Publisher(node.database, node.blobs, opener))
    assert busy.push("Demo", local, {MAIN: "main"}, opened=opened).refused == {}
