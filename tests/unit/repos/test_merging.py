"""Merges as others publish them: what becomes true with them, and what a race leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from merges_at_hand import WHO, Files, Sides
from moorage.core.faults import Fault
from moorage.core.names import RefName
from moorage.repos.commit import Also
from moorage.repos.merge_rules import MergeOption, MergeRules
from moorage.repos.merging import MergeAsked, Merged, publish_merge, publish_unreferenced
from moorage.storage import tables
from moorage.storage.repositories import RepositoryRow
from repositories_at_hand import Desk

MAIN = RefName("refs/heads/main")
BASE: Files = {"a": "1\n", "b": "1\n"}


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    desk = Desk.at(tmp_path)
    yield Sides.of(desk, BASE, {**BASE, "a": "2\n"}, {**BASE, "b": "2\n"})
    desk.close()


def asked(sides: Sides, option: MergeOption = MergeOption.THREE_WAY) -> MergeAsked:
    return MergeAsked(sides.tip("main"), sides.tip("topic"), MergeRules(option), WHO, "Merge\n")


def noted(sides: Sides) -> tuple[int, int]:
    """Return how many merges and events there are."""
    with sides.desk.call.database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (tables.merge_commits, tables.outbox)
        ]
    return counts[0], counts[1]


def test_what_is_asked_for_too_becomes_true_with_the_merge(sides: Sides) -> None:
    call, seen = sides.desk.call, list[tuple[str, int]]()

    def also(merged: Merged) -> Also:
        def close(connection: Connection, row: RepositoryRow, now_ms: int) -> None:
            assert connection.in_transaction()
            assert now_ms > 0
            seen.append((merged.commit, row.generation))

        return close

    opened = sides.desk.open("demo")
    merged = publish_merge(
        call.publisher, opened, call.caller, MAIN, asked(sides), action="codecommit:Merge", also=also
    )
    assert seen == [(merged.commit, opened.row.generation)]
    assert sides.tip("main") == merged.commit
    assert merged.base == sides.tip("base")


@pytest.mark.parametrize("option", list(MergeOption))
def test_a_refusal_of_it_leaves_everything_as_it_was(sides: Sides, option: MergeOption) -> None:
    def also(merged: Merged) -> Also:
        def refuse(connection: Connection, row: RepositoryRow, now_ms: int) -> None:
            raise Fault(
                "PullRequestApprovalRulesNotSatisfiedException", f"{merged} {row} {now_ms} {connection}"
            )

        return refuse

    if option is MergeOption.FAST_FORWARD:
        sides.commit("topic", {**BASE, "c": "3\n"}, sides.tip("main"))
    call, before, tip = sides.desk.call, noted(sides), sides.tip("main")
    with pytest.raises(Fault, match="PullRequestApprovalRulesNotSatisfiedException"):
        publish_merge(
            call.publisher,
            sides.desk.open("demo"),
            call.caller,
            MAIN,
            asked(sides, option),
            action="codecommit:Merge",
            also=also,
        )
    assert (noted(sides), sides.tip("main")) == (before, tip)


def test_a_branch_that_moves_meanwhile_is_not_moved_back(sides: Sides) -> None:
    call, opened, merge = sides.desk.call, sides.desk.open("demo"), asked(sides)
    moved = sides.commit("main", {**BASE, "a": "3\n"}, sides.tip("main"))
    before = noted(sides)
    with pytest.raises(Fault, match="ConcurrentReferenceUpdateException"):
        publish_merge(call.publisher, opened, call.caller, MAIN, merge, action="codecommit:Merge")
    assert (noted(sides), sides.tip("main")) == (before, moved)


def test_two_who_make_the_same_unreferenced_merge_do_not_both_make_it(sides: Sides) -> None:
    call, opened, merge = sides.desk.call, sides.desk.open("demo"), asked(sides)
    made = publish_unreferenced(call.publisher, opened, call.caller, merge, action="codecommit:Merge")
    before = noted(sides)
    with pytest.raises(Fault, match="ConcurrentReferenceUpdateException"):
        publish_unreferenced(call.publisher, opened, call.caller, merge, action="codecommit:Merge")
    later = sides.desk.open("demo")
    again = publish_unreferenced(call.publisher, later, call.caller, merge, action="codecommit:Merge")
    assert (again, noted(sides)) == (made, before)
    assert later.snapshot.refs.names == [f"refs/heads/{each}".encode() for each in ("base", "main", "topic")]


def test_a_fast_forward_to_where_the_branch_is_moves_nothing(sides: Sides) -> None:
    before = noted(sides)
    found = sides.ask("MergeBranchesByFastForward", sourceCommitSpecifier="main")
    assert (found["commitId"], noted(sides)) == (sides.tip("main"), before)
