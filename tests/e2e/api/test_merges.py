"""Merges over the CodeCommit API, beside what stock git pushes, fetches and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codecommit_at_hand import Pushed, Service, git, refused

TEXT = "".join(f"{number}\n" for number in range(10))


@pytest.fixture
def diverged(service: Service, tmp_path: Path) -> Pushed:
    """A repository whose branches main and topic changed one file, far from each other."""
    name, folder = service.repository(), tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    made = [committed(folder, TEXT)]
    git(folder, "branch", "topic")
    made.append(committed(folder, TEXT.replace("1\n", "one\n")))
    git(folder, "checkout", "--quiet", "topic")
    made.append(committed(folder, TEXT.replace("8\n", "eight\n")))
    service.git(folder, name, "push", "--quiet", "URL", "main", "topic")
    return Pushed(name, folder, made, {})


def committed(folder: Path, content: str) -> str:
    (folder / "file.txt").write_text(content)
    git(folder, "add", "file.txt")
    git(folder, "commit", "--quiet", "--message", "Change")
    return git(folder, "rev-parse", "HEAD")


def asked(pushed: Pushed, **more: Any) -> dict[str, Any]:
    return {
        "repositoryName": pushed.name,
        "sourceCommitSpecifier": "topic",
        "destinationCommitSpecifier": "main",
        "conflictDetailLevel": "LINE_LEVEL",
        **more,
    }


def test_git_makes_the_same_tree_of_a_merge(service: Service, diverged: Pushed) -> None:
    client = service.codecommit()
    made = client.merge_branches_by_three_way(**asked(diverged))
    git(diverged.folder, "checkout", "--quiet", "main")
    git(diverged.folder, "merge", "--quiet", "--no-edit", "topic")
    assert git(diverged.folder, "rev-parse", "HEAD^{tree}") == made["treeId"]
    service.git(diverged.folder, diverged.name, "fetch", "--quiet", "URL", "main")
    assert git(diverged.folder, "rev-parse", "FETCH_HEAD") == made["commitId"]
    parents = git(diverged.folder, "rev-parse", "FETCH_HEAD^1", "FETCH_HEAD^2").split()
    assert parents == diverged.commits[1:]
    git(diverged.folder, "fsck", "--strict")


def test_an_unreferenced_merge_commit_is_fetched_by_its_id_and_never_listed(
    service: Service, diverged: Pushed, tmp_path: Path
) -> None:
    client = service.codecommit()
    before = service.git(diverged.folder, diverged.name, "ls-remote", "URL")
    made = client.create_unreferenced_merge_commit(**asked(diverged, mergeOption="SQUASH_MERGE"))["commitId"]
    assert service.git(diverged.folder, diverged.name, "ls-remote", "URL") == before
    assert "moorage" not in before
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    git(fresh, "init", "--quiet")
    for version in ("0", "2"):
        service.git(
            fresh, diverged.name, "-c", f"protocol.version={version}", "fetch", "--quiet", "URL", made
        )
        assert git(fresh, "rev-parse", "FETCH_HEAD") == made
    git(fresh, "fsck", "--strict")
    assert client.get_merge_commit(**asked(diverged))["mergedCommitId"] == made


@pytest.mark.parametrize("name", ["merges/x", "anything"])
def test_nobody_pushes_to_where_such_commits_hang(service: Service, diverged: Pushed, name: str) -> None:
    with pytest.raises(AssertionError, match="refs/moorage/ is reserved for the server"):
        service.git(diverged.folder, diverged.name, "push", "URL", f"main:refs/moorage/{name}")


def test_what_is_wrong_with_a_merge_has_a_name_in_boto3(service: Service, diverged: Pushed) -> None:
    client = service.codecommit()
    with refused(client, "ManualMergeRequiredException"):
        client.merge_branches_by_squash(**asked(diverged, conflictDetailLevel="FILE_LEVEL"))
    with refused(client, "InvalidMergeOptionException"):
        client.describe_merge_conflicts(
            **asked(diverged, mergeOption="FAST_FORWARD_MERGE", filePath="file.txt")
        )


def test_a_conflict_is_described_and_resolved(service: Service, diverged: Pushed) -> None:
    client = service.codecommit()
    both = asked(diverged, mergeOption="THREE_WAY_MERGE", conflictDetailLevel="FILE_LEVEL")
    conflicts = client.get_merge_conflicts(**both)
    assert (conflicts["mergeable"], conflicts["conflictMetadataList"][0]["filePath"]) == (False, "file.txt")
    hunks = client.describe_merge_conflicts(filePath="file.txt", **both)["mergeHunks"]
    assert [hunk["isConflict"] for hunk in hunks] == [True]
    client.merge_branches_by_squash(
        **asked(
            diverged,
            conflictResolutionStrategy="AUTOMERGE",
            conflictResolution={
                "replaceContents": [
                    {"filePath": "file.txt", "replacementType": "USE_NEW_CONTENT", "content": b"\x00\xff"}
                ]
            },
        )
    )
    service.git(diverged.folder, diverged.name, "fetch", "--quiet", "URL", "main")
    assert git(diverged.folder, "rev-list", "--parents", "-1", "FETCH_HEAD").split()[1:] == [
        diverged.commits[1]
    ]
    assert git(diverged.folder, "cat-file", "-s", "FETCH_HEAD:file.txt") == "2"
