"""Branches over the CodeCommit API, beside what stock git pushes and sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecommit_at_hand import Pushed, Service, access_denied, allow, deny, git, local_repository, refused


def test_pushed_branches_are_found_and_listed_by_name(service: Service, pushed: Pushed) -> None:
    client = service.codecommit()
    assert client.list_branches(repositoryName=pushed.name)["branches"] == ["feature/x", "main"]
    branch = client.get_branch(repositoryName=pushed.name, branchName="feature/x")["branch"]
    assert branch == {"branchName": "feature/x", "commitId": pushed.commits[0]}


def test_an_empty_repository_has_no_branches(service: Service) -> None:
    answer = service.codecommit().list_branches(repositoryName=service.repository())
    assert answer["branches"] == []
    assert "nextToken" not in answer


def test_the_first_push_makes_the_default_branch(service: Service, pushed: Pushed) -> None:
    metadata = service.codecommit().get_repository(repositoryName=pushed.name)["repositoryMetadata"]
    assert metadata["defaultBranch"] == "main"


def test_a_created_branch_is_seen_by_git(service: Service, pushed: Pushed, tmp_path: Path) -> None:
    client = service.codecommit()
    answer = client.create_branch(
        repositoryName=pushed.name, branchName="release/ü", commitId=pushed.commits[0].upper()
    )
    assert set(answer) == {"ResponseMetadata"}
    git(tmp_path, "init", "--quiet")
    shown = service.git(tmp_path, pushed.name, "ls-remote", "URL", "refs/heads/release/*")
    assert shown.split() == [pushed.commits[0], "refs/heads/release/ü"]
    metadata = client.get_repository(repositoryName=pushed.name)["repositoryMetadata"]
    assert metadata["defaultBranch"] == "main"


def test_a_branch_cannot_be_made_beside_its_own_folder(service: Service, pushed: Pushed) -> None:
    client = service.codecommit()
    for name in ("feature", "main/below"):
        with refused(client, "InvalidBranchNameException"):
            client.create_branch(repositoryName=pushed.name, branchName=name, commitId=pushed.commits[0])
    assert client.list_branches(repositoryName=pushed.name)["branches"] == ["feature/x", "main"]


def test_a_branch_that_exists_is_not_moved_by_creating_it(service: Service, pushed: Pushed) -> None:
    client = service.codecommit()
    with refused(client, "BranchNameExistsException"):
        client.create_branch(repositoryName=pushed.name, branchName="main", commitId=pushed.commits[0])
    branch = client.get_branch(repositoryName=pushed.name, branchName="main")["branch"]
    assert branch["commitId"] == pushed.commits[-1]


@pytest.mark.parametrize("kind", ["tree", "blob", "tag"])
def test_a_branch_starts_at_a_commit_and_at_nothing_else(service: Service, pushed: Pushed, kind: str) -> None:
    client = service.codecommit()
    with refused(client, "CommitDoesNotExistException"):
        client.create_branch(repositoryName=pushed.name, branchName="no", commitId=pushed.others[kind])


def test_deleting_a_branch_answers_where_it_was_and_once_more_nothing(
    service: Service, pushed: Pushed
) -> None:
    client = service.codecommit()
    gone = client.delete_branch(repositoryName=pushed.name, branchName="feature/x")["deletedBranch"]
    assert gone == {"branchName": "feature/x", "commitId": pushed.commits[0]}
    assert "deletedBranch" not in client.delete_branch(repositoryName=pushed.name, branchName="feature/x")
    assert client.list_branches(repositoryName=pushed.name)["branches"] == ["main"]


def test_the_default_branch_changes_and_then_the_old_one_may_go(service: Service, pushed: Pushed) -> None:
    client = service.codecommit()
    with refused(client, "DefaultBranchCannotBeDeletedException"):
        client.delete_branch(repositoryName=pushed.name, branchName="main")
    for _ in range(2):  # the same again is a success
        client.update_default_branch(repositoryName=pushed.name, defaultBranchName="feature/x")
    metadata = client.get_repository(repositoryName=pushed.name)["repositoryMetadata"]
    assert metadata["defaultBranch"] == "feature/x"
    client.delete_branch(repositoryName=pushed.name, branchName="main")


def test_a_guard_of_one_branch_lets_the_others_be_made_and_deleted(service: Service, pushed: Pushed) -> None:
    guard = deny(
        "codecommit:CreateBranch",
        "codecommit:DeleteBranch",
        Condition={
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/release"]},
            "Null": {"codecommit:References": "false"},
        },
    )
    client = service.codecommit(keys=service.user(allow("codecommit:*"), guard))
    client.create_branch(repositoryName=pushed.name, branchName="free", commitId=pushed.commits[0])
    client.delete_branch(repositoryName=pushed.name, branchName="free")
    with access_denied(on=service.arn(pushed.name)):
        client.create_branch(repositoryName=pushed.name, branchName="release", commitId=pushed.commits[0])
    with access_denied(on=service.arn(pushed.name)):
        client.delete_branch(repositoryName=pushed.name, branchName="release")


def test_a_thousand_branches_make_a_page_and_the_paginator_finds_the_rest(
    service: Service, tmp_path: Path
) -> None:
    name = service.repository()
    commit = local_repository(tmp_path, 1)[0]
    made = [f"b{number:04}" for number in range(1_003)]
    refs = "".join(f"create refs/heads/{branch} {commit}\n" for branch in made)
    git(tmp_path, "update-ref", "--stdin", given=refs)
    service.git(tmp_path, name, "push", "--quiet", "URL", "refs/heads/b*")
    client = service.codecommit()
    pages = list(client.get_paginator("list_branches").paginate(repositoryName=name))
    assert [len(page["branches"]) for page in pages] == [1_000, 3]
    assert [branch for page in pages for branch in page["branches"]] == made
    other = service.repository()
    with refused(client, "InvalidContinuationTokenException"):
        client.list_branches(repositoryName=other, nextToken=pages[0]["nextToken"])
    with refused(client, "InvalidContinuationTokenException"):
        client.list_branches(repositoryName=name, nextToken="x" + pages[0]["nextToken"])
