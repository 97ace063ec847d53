"""Commits over the CodeCommit API, as stock git made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecommit_at_hand import AUTHOR_DATE, COMMITTER_DATE, Pushed, Service, git, local_repository, refused


def test_a_commit_is_told_as_git_wrote_it(service: Service, pushed: Pushed) -> None:
    first, second = pushed.commits
    commit = service.codecommit().get_commit(repositoryName=pushed.name, commitId=second)["commit"]
    assert commit == {
        "commitId": second,
        "treeId": git(pushed.folder, "rev-parse", f"{second}^{{tree}}"),
        "parents": [first],
        "message": "Count 2\n",
        "author": {"name": "Mary Major", "email": "mary@example.com", "date": AUTHOR_DATE},
        "committer": {"name": "Li Juan", "email": "li@example.com", "date": COMMITTER_DATE},
        "additionalData": "",
    }


def test_the_first_commit_has_no_parents(service: Service, pushed: Pushed) -> None:
    commit = service.codecommit().get_commit(repositoryName=pushed.name, commitId=pushed.commits[0])["commit"]
    assert commit["parents"] == []


def test_a_merge_has_its_parents_in_order(service: Service, pushed: Pushed) -> None:
    first, second = pushed.commits
    tree = git(pushed.folder, "rev-parse", f"{second}^{{tree}}")
    merge = git(pushed.folder, "commit-tree", "-p", second, "-p", first, "-m", "Merge", tree)
    service.git(pushed.folder, pushed.name, "push", "--quiet", "URL", f"{merge}:refs/heads/merged")
    commit = service.codecommit().get_commit(repositoryName=pushed.name, commitId=merge)["commit"]
    assert commit["parents"] == [second, first]


def test_a_commit_in_another_encoding_is_told_in_unicode(service: Service, tmp_path: Path) -> None:
    local_repository(tmp_path, 1)
    encoded = "Grüße".encode("latin-1")
    (tmp_path / "message").write_bytes(encoded)
    git(tmp_path, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-F", "message")
    name, commit_id = service.repository(), git(tmp_path, "rev-parse", "HEAD")
    service.git(tmp_path, name, "push", "--quiet", "URL", "main")
    commit = service.codecommit().get_commit(repositoryName=name, commitId=commit_id)["commit"]
    assert commit["message"] == "Grüße\n"


@pytest.mark.parametrize("commit_id", ["main", "HEAD", "abc1234", "g" * 40, "a" * 41, "refs/heads/main"])
def test_only_a_full_id_names_a_commit(service: Service, pushed: Pushed, commit_id: str) -> None:
    client = service.codecommit()
    with refused(client, "InvalidCommitIdException"):
        client.get_commit(repositoryName=pushed.name, commitId=commit_id)


@pytest.mark.parametrize("kind", ["tree", "blob", "tag"])
def test_an_object_that_is_no_commit_does_not_exist_as_one(
    service: Service, pushed: Pushed, kind: str
) -> None:
    client = service.codecommit()
    with refused(client, "CommitIdDoesNotExistException"):
        client.get_commit(repositoryName=pushed.name, commitId=pushed.others[kind])


def test_a_batch_finds_commits_and_says_why_others_are_not_found(service: Service, pushed: Pushed) -> None:
    first, second = pushed.commits
    answer = service.codecommit().batch_get_commits(
        repositoryName=pushed.name, commitIds=[second, "main", "0" * 40, first]
    )
    assert [commit["commitId"] for commit in answer["commits"]] == [second, first]
    assert [(error["commitId"], error["errorCode"]) for error in answer["errors"]] == [
        ("main", "InvalidCommitIdException"),
        ("0" * 40, "CommitIdDoesNotExistException"),
    ]
    assert all(error["errorMessage"] for error in answer["errors"])


def test_a_commit_of_one_repository_is_not_found_in_another(service: Service, pushed: Pushed) -> None:
    client, other = service.codecommit(), service.repository()
    with refused(client, "CommitIdDoesNotExistException"):
        client.get_commit(repositoryName=other, commitId=pushed.commits[0])
