"""Handlers of branches and commits, against a real database and real packs in a real cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.repos.opened import OpenRepository
from moorage.repos.publish import Proposal, Publisher
from moorage.storage.repositories import RefChange
from repositories_at_hand import Desk


@pytest.fixture
def commits(desk: Desk, tmp_path: Path) -> list[ObjectId]:
    """Fill repository demo: main at the second commit, old at the first."""
    desk.repository("demo")
    return desk.fill("demo", tmp_path / "work", {"main": 1, "old": 0})


def branches(desk: Desk) -> list[str]:
    found: list[str] = desk.ask("ListBranches", repositoryName="demo")["branches"]
    return found


def test_branches_are_found_listed_and_made(desk: Desk, commits: list[ObjectId]) -> None:
    assert branches(desk) == ["main", "old"]
    desk.ask("CreateBranch", repositoryName="demo", branchName="new/ü", commitId=commits[0])
    assert branches(desk) == ["main", "new/ü", "old"]
    found = desk.ask("GetBranch", repositoryName="demo", branchName="new/ü")["branch"]
    assert found == {"branchName": "new/ü", "commitId": commits[0]}


def test_a_commit_of_another_repository_starts_no_branch(desk: Desk, commits: list[ObjectId]) -> None:
    desk.repository("other")
    with pytest.raises(Fault, match="CommitDoesNotExistException"):
        desk.ask("CreateBranch", repositoryName="other", branchName="main", commitId=commits[0])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("main", "BranchNameExistsException"),
        ("main/below", "InvalidBranchNameException"),
        ("a..b", "InvalidBranchNameException"),
    ],
)
def test_a_branch_that_cannot_be_made_changes_nothing(
    desk: Desk, commits: list[ObjectId], name: str, error: str
) -> None:
    before = desk.open("demo").row
    with pytest.raises(Fault, match=error):
        desk.ask("CreateBranch", repositoryName="demo", branchName=name, commitId=commits[0])
    assert desk.open("demo").row == before


def test_a_deleted_branch_is_told_once(desk: Desk, commits: list[ObjectId]) -> None:
    asked = {"repositoryName": "demo", "branchName": "old"}
    gone = {"branchName": "old", "commitId": commits[0]}
    assert desk.ask("DeleteBranch", **asked) == {"deletedBranch": gone}
    assert desk.ask("DeleteBranch", **asked) == {}
    assert branches(desk) == ["main"]


def test_the_default_branch_stays_until_another_one_is(desk: Desk, commits: list[ObjectId]) -> None:
    with pytest.raises(Fault, match="DefaultBranchCannotBeDeletedException"):
        desk.ask("DeleteBranch", repositoryName="demo", branchName="main")
    desk.ask("UpdateDefaultBranch", repositoryName="demo", defaultBranchName="old")
    desk.ask("UpdateDefaultBranch", repositoryName="demo", defaultBranchName="old")
    desk.ask("DeleteBranch", repositoryName="demo", branchName="main")
    assert desk.ask("GetRepository", repositoryName="demo")["repositoryMetadata"]["defaultBranch"] == "old"


class PushedMeanwhile(Publisher):
    """A publisher before which, each time, somebody else moves the ref first."""

    def __init__(self, publisher: Publisher, moves: list[RefChange], desk: Desk) -> None:
        super().__init__(publisher.database, publisher.blobs, publisher.opener)
        self._moves, self._desk = moves, desk

    def publish(self, opened: OpenRepository, proposal: Proposal) -> dict[bytes, str]:
        if self._moves:
            change = self._moves.pop(0)
            other = Proposal(self._desk.caller, "codecommit:GitPush", (change,), self.started())
            assert super().publish(self._desk.open("demo"), other) == {}
        return super().publish(opened, proposal)


def racing(desk: Desk, *moves: RefChange) -> Desk:
    publisher = PushedMeanwhile(desk.call.publisher, list(moves), desk)
    return Desk(desk.installation, replace(desk.call, publisher=publisher))


def test_a_branch_pushed_to_while_it_is_deleted_is_deleted_where_it_then_is(
    desk: Desk, commits: list[ObjectId]
) -> None:
    moved = RefChange(b"refs/heads/old", commits[0], commits[1])
    gone = racing(desk, moved).ask("DeleteBranch", repositoryName="demo", branchName="old")["deletedBranch"]
    assert gone == {"branchName": "old", "commitId": commits[1]}
    assert branches(desk) == ["main"]


def test_of_two_who_make_one_branch_the_second_is_told_that_it_exists(
    desk: Desk, commits: list[ObjectId]
) -> None:
    first = RefChange(b"refs/heads/new", ZERO_ID, commits[1])
    with pytest.raises(Fault, match="BranchNameExistsException"):
        racing(desk, first).ask("CreateBranch", repositoryName="demo", branchName="new", commitId=commits[0])
    found = desk.ask("GetBranch", repositoryName="demo", branchName="new")["branch"]
    assert found["commitId"] == commits[1]


def test_commits_are_told_as_git_wrote_them(desk: Desk, commits: list[ObjectId]) -> None:
    commit = desk.ask("GetCommit", repositoryName="demo", commitId=commits[1].upper())["commit"]
    assert commit["commitId"] == commits[1]
    assert commit["parents"] == [commits[0]]
    assert commit["message"] == "Commit 1\n"
    assert commit["author"] == {"name": "Mary Major", "email": "mary@example.com", "date": "1484167798 -0800"}
    assert commit["committer"] == {"name": "Li Juan", "email": "li@example.com", "date": "1484170000 +0530"}
    assert commit["additionalData"] == ""


def test_a_batch_of_commits_says_why_some_are_not_there(desk: Desk, commits: list[ObjectId]) -> None:
    answer = desk.ask("BatchGetCommits", repositoryName="demo", commitIds=["main", commits[1], "0" * 40])
    assert [commit["commitId"] for commit in answer["commits"]] == [commits[1]]
    assert [error["errorCode"] for error in answer["errors"]] == [
        "InvalidCommitIdException",
        "CommitIdDoesNotExistException",
    ]


def test_only_branches_are_listed_and_found(desk: Desk, commits: list[ObjectId]) -> None:
    publisher = desk.call.publisher
    changes = (
        RefChange(b"refs/tags/v1", ZERO_ID, commits[0]),
        RefChange(b"refs/notes/x", ZERO_ID, commits[0]),
    )
    proposal = Proposal(desk.caller, "codecommit:GitPush", changes, publisher.started())
    assert publisher.publish(desk.open("demo"), proposal) == {}
    assert branches(desk) == ["main", "old"]
    for name in ("v1", "refs/heads/main", "MAIN"):
        with pytest.raises(Fault, match="BranchDoesNotExistException"):
            desk.ask("GetBranch", repositoryName="demo", branchName=name)


def test_pages_of_branches_join_to_the_whole_list(desk: Desk, commits: list[ObjectId]) -> None:
    made = ["main", *(f"n{number:04}" for number in range(2_001)), "old"]
    publisher = desk.call.publisher
    changes = tuple(RefChange(f"refs/heads/{name}".encode(), ZERO_ID, commits[0]) for name in made[1:-1])
    proposal = Proposal(desk.caller, "codecommit:GitPush", changes, publisher.started())
    assert publisher.publish(desk.open("demo"), proposal) == {}
    pages = [desk.ask("ListBranches", repositoryName="demo")]
    while "nextToken" in pages[-1]:
        token = pages[-1]["nextToken"]
        pages.append(desk.ask("ListBranches", repositoryName="demo", nextToken=token))
    assert [len(page["branches"]) for page in pages] == [1_000, 1_000, 3]
    assert [name for page in pages for name in page["branches"]] == made
