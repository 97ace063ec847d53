"""Merging branches: options, results, refusals, and what is told of a merge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from merges_at_hand import EXECUTABLE, NORMAL, TEN, Files, Sides, encoded, line, text
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.repos import merge as limits
from moorage.storage import tables
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow

BASE: Files = {"a.txt": TEN, "docs/b.txt": "b\n"}
CLEAN = {"conflictDetailLevel": "LINE_LEVEL"}


@pytest.fixture
def apart(desk: Desk) -> Sides:
    """Both sides changed a.txt, in lines far from each other."""
    return Sides.of(desk, BASE, {**BASE, "a.txt": line(1, "ours")}, {**BASE, "a.txt": line(8, "theirs")})


@pytest.fixture
def clash(desk: Desk) -> Sides:
    """Both sides changed the same line of a.txt, and other lines too."""
    ours, theirs = line(0, "top", line(5, "ours")), line(9, "end", line(5, "theirs"))
    return Sides.of(desk, BASE, {**BASE, "a.txt": ours}, {**BASE, "a.txt": theirs})


@pytest.fixture
def ahead(desk: Desk) -> Sides:
    """Topic is main and one commit more."""
    sides = Sides.of(desk, BASE, BASE, BASE)
    sides.commit("topic", {**BASE, "new.txt": "new\n"}, sides.tip("main"))
    return sides


def events(sides: Sides) -> list[dict[str, Any]]:
    with sides.desk.call.database.read() as connection:
        found = connection.execute(select(tables.outbox.c.detail).order_by(tables.outbox.c.position))
        return [json.loads(detail) for detail in found.scalars()]


def refused(sides: Sides, error: str, operation: str, **more: Any) -> Fault:
    """Expect an error that leaves every branch where it was."""
    before = {branch: sides.tip(branch) for branch in ("base", "main", "topic")}
    with pytest.raises(Fault) as caught:
        sides.ask(operation, **more)
    assert caught.value.code.removesuffix("Exception") == error
    assert {branch: sides.tip(branch) for branch in before} == before
    return caught.value


# --- options ------------------------------------------------------------------------------------


def test_a_source_ahead_can_be_merged_in_every_way(ahead: Sides) -> None:
    assert ahead.ask("GetMergeOptions") == {
        "mergeOptions": ["FAST_FORWARD_MERGE", "SQUASH_MERGE", "THREE_WAY_MERGE"],
        "sourceCommitId": ahead.tip("topic"),
        "destinationCommitId": ahead.tip("main"),
        "baseCommitId": ahead.tip("main"),
    }


def test_a_file_changed_on_both_sides_is_a_conflict_by_files_and_none_by_lines(apart: Sides) -> None:
    assert apart.ask("GetMergeOptions")["mergeOptions"] == []
    both = ["SQUASH_MERGE", "THREE_WAY_MERGE"]
    assert apart.ask("GetMergeOptions", **CLEAN)["mergeOptions"] == both
    for strategy in ("ACCEPT_SOURCE", "ACCEPT_DESTINATION", "AUTOMERGE"):
        assert apart.ask("GetMergeOptions", conflictResolutionStrategy=strategy)["mergeOptions"] == both


def test_unrelated_histories_have_no_base(desk: Desk) -> None:
    sides = Sides.of(desk, None, {"a": "1\n"}, {"b": "2\n"})
    found = sides.ask("GetMergeOptions")
    assert (found["mergeOptions"], found["baseCommitId"]) == (["SQUASH_MERGE", "THREE_WAY_MERGE"], ZERO_ID)
    assert "baseCommitId" not in sides.ask("GetMergeConflicts", mergeOption="SQUASH_MERGE")
    assert sides.merged() == {"a": text("1\n"), "b": text("2\n")}


# --- results ------------------------------------------------------------------------------------


def test_a_fast_forward_moves_the_branch_and_makes_no_commit(ahead: Sides) -> None:
    source, before = ahead.tip("topic"), ahead.tip("main")
    found = ahead.ask("MergeBranchesByFastForward", targetBranch="main")
    assert found["commitId"] == ahead.tip("main") == source
    assert events(ahead)[-1] == {
        "callerUserArn": "arn:aws:iam::111122223333:root",
        "event": "referenceUpdated",
        "repositoryName": "demo",
        "repositoryId": ahead.desk.open("demo").row.repository_id,
        "referenceType": "branch",
        "referenceName": "main",
        "referenceFullName": "refs/heads/main",
        "commitId": source,
        "oldCommitId": before,
        "baseCommitId": before,
        "sourceCommitId": source,
        "destinationCommitId": before,
        "mergeOption": "FAST_FORWARD_MERGE",
        "conflictDetailsLevel": "FILE_LEVEL",
        "conflictResolutionStrategy": "NONE",
    }
    assert "mergedCommitId" not in ahead.ask("GetMergeCommit", destinationCommitSpecifier=before)


@pytest.mark.parametrize(("operation", "parents"), [("Squash", 1), ("ThreeWay", 2)])
def test_a_merge_commit_has_the_parents_of_its_kind(apart: Sides, operation: str, parents: int) -> None:
    tips = [apart.tip("main"), apart.tip("topic")]
    made = apart.ask(
        f"MergeBranchesBy{operation}",
        authorName="Li Juan",
        email="li@example.com",
        commitMessage="Why\n",
        **CLEAN,
    )
    commit = apart.desk.ask("GetCommit", repositoryName="demo", commitId=made["commitId"])["commit"]
    assert commit["parents"] == tips[:parents]
    assert (commit["message"], commit["treeId"]) == ("Why\n", made["treeId"])
    assert commit["author"] == commit["committer"]
    assert (commit["author"]["name"], commit["author"]["email"]) == ("Li Juan", "li@example.com")
    assert apart.tip("main") == made["commitId"]
    both = line(1, "ours", line(8, "theirs"))
    assert apart.files(made["commitId"]) == {"a.txt": text(both), "docs/b.txt": text("b\n")}


@pytest.mark.parametrize(
    ("level", "strategy", "expected"),
    [
        ("FILE_LEVEL", "ACCEPT_SOURCE", line(9, "end", line(5, "theirs"))),
        ("FILE_LEVEL", "ACCEPT_DESTINATION", line(0, "top", line(5, "ours"))),
        ("LINE_LEVEL", "ACCEPT_SOURCE", line(0, "top", line(9, "end", line(5, "theirs")))),
        ("LINE_LEVEL", "ACCEPT_DESTINATION", line(0, "top", line(9, "end", line(5, "ours")))),
    ],
)
def test_a_side_that_is_accepted_wins_the_file_or_the_lines(
    clash: Sides, level: str, strategy: str, expected: str
) -> None:
    found = clash.merged(conflictDetailLevel=level, conflictResolutionStrategy=strategy)
    assert found["a.txt"] == text(expected)


@pytest.mark.parametrize("level", ["FILE_LEVEL", "LINE_LEVEL"])
@pytest.mark.parametrize("strategy", ["NONE", "AUTOMERGE"])
def test_lines_changed_on_both_sides_need_somebody(clash: Sides, level: str, strategy: str) -> None:
    asked = {"conflictDetailLevel": level, "conflictResolutionStrategy": strategy}
    for operation in ("MergeBranchesBySquash", "MergeBranchesByThreeWay"):
        assert "a.txt" in refused(clash, "ManualMergeRequired", operation, **asked).message


def test_a_fast_forward_that_is_none_is_refused(apart: Sides) -> None:
    refused(apart, "ManualMergeRequired", "MergeBranchesByFastForward")


def test_folders_that_a_merge_empties_are_kept_when_asked(desk: Desk) -> None:
    base: Files = {"a": "1\n", "x/y/one": "1\n", "x/y/two": "2\n", "z/file": "z\n"}
    topic: Files = {"a": "1\n", "z": "now a file\n"}
    sides = Sides.of(desk, base, {**base, "a": "2\n"}, topic)
    merged = sides.merged("CreateUnreferencedMergeCommit", mergeOption="SQUASH_MERGE", keepEmptyFolders=True)
    assert merged == {"a": text("2\n"), "z": text("now a file\n"), "x/y/.gitkeep": text("")}
    assert "x/y/.gitkeep" not in sides.merged()


def test_a_merge_needs_no_names_and_no_message(apart: Sides) -> None:
    made = apart.ask("MergeBranchesByThreeWay", **CLEAN)["commitId"]
    commit = apart.desk.ask("GetCommit", repositoryName="demo", commitId=made)["commit"]
    assert commit["message"] == "Merge topic into main\n"
    assert commit["author"]["name"]


# --- resolving ----------------------------------------------------------------------------------

AUTO = {"conflictResolutionStrategy": "AUTOMERGE"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"replacementType": "KEEP_BASE"}, text(TEN)),
        ({"replacementType": "KEEP_SOURCE"}, text(line(9, "end", line(5, "theirs")))),
        ({"replacementType": "KEEP_DESTINATION"}, text(line(0, "top", line(5, "ours")))),
        ({"replacementType": "USE_NEW_CONTENT", "content": encoded("mine\n")}, text("mine\n")),
        ({"replacementType": "USE_NEW_CONTENT", "content": ""}, text("")),
        (
            {"replacementType": "KEEP_BASE", "fileMode": "EXECUTABLE"},
            (EXECUTABLE, TEN.encode()),
        ),
    ],
)
def test_a_conflict_is_resolved_by_an_entry(
    clash: Sides, entry: dict[str, str], expected: tuple[int, bytes]
) -> None:
    resolution = {"replaceContents": [{"filePath": "a.txt", **entry}]}
    assert clash.merged(**AUTO, conflictResolution=resolution)["a.txt"] == expected


def test_a_conflict_is_resolved_by_deleting_the_file(clash: Sides) -> None:
    found = clash.merged(**AUTO, conflictResolution={"deleteFiles": [{"filePath": "/a.txt"}]})
    assert found == {"docs/b.txt": text("b\n")}


@pytest.fixture
def modes(desk: Desk) -> Sides:
    """Both sides added a script, with one content; they do not agree on its mode."""
    return Sides.of(desk, BASE, {**BASE, "run": (NORMAL, b"x\n")}, {**BASE, "run": (EXECUTABLE, b"x\n")})


def test_a_mode_in_conflict_is_resolved_by_a_mode(modes: Sides) -> None:
    refused(modes, "ManualMergeRequired", "MergeBranchesBySquash", **AUTO)
    entry = {"filePath": "run", "replacementType": "USE_NEW_CONTENT", "content": encoded("y\n")}
    refused(
        modes,
        "FileModeRequired",
        "MergeBranchesBySquash",
        **AUTO,
        conflictResolution={"replaceContents": [entry]},
    )
    resolution = {"setFileModes": [{"filePath": "run", "fileMode": "EXECUTABLE"}]}
    assert modes.merged(**AUTO, conflictResolution=resolution)["run"] == (EXECUTABLE, b"x\n")


def test_a_mode_alone_resolves_no_lines(clash: Sides) -> None:
    resolution = {"setFileModes": [{"filePath": "a.txt", "fileMode": "EXECUTABLE"}]}
    refused(clash, "ManualMergeRequired", "MergeBranchesBySquash", **AUTO, conflictResolution=resolution)


@pytest.mark.parametrize(
    ("resolution", "error"),
    [
        ({"deleteFiles": [{"filePath": "docs/b.txt"}]}, "InvalidConflictResolution"),
        (
            {"deleteFiles": [{"filePath": "a.txt"}, {"filePath": "/a.txt"}]},
            "MultipleConflictResolutionEntries",
        ),
        ({"deleteFiles": [{"filePath": "a/../b"}]}, "InvalidPath"),
        ({"deleteFiles": [{"filePath": "/"}]}, "PathRequired"),
        ({"deleteFiles": [{}]}, "PathRequired"),
        (
            {"deleteFiles": [{"filePath": f"{n}"} for n in range(1_001)]},
            "MaximumConflictResolutionEntriesExceeded",
        ),
        ({"setFileModes": [{"filePath": "a.txt"}]}, "FileModeRequired"),
        ({"setFileModes": [{"filePath": "a.txt", "fileMode": "0644"}]}, "InvalidFileMode"),
        ({"replaceContents": [{"filePath": "a.txt"}]}, "ReplacementTypeRequired"),
        ({"replaceContents": [{"filePath": "a.txt", "replacementType": "KEEP"}]}, "InvalidReplacementType"),
        (
            {"replaceContents": [{"filePath": "a.txt", "replacementType": "USE_NEW_CONTENT"}]},
            "ReplacementContentRequired",
        ),
        (
            {
                "replaceContents": [
                    {"filePath": "a.txt", "replacementType": "KEEP_BASE", "content": encoded("x")}
                ]
            },
            "InvalidReplacementContent",
        ),
        (
            {
                "replaceContents": [
                    {
                        "filePath": "a.txt",
                        "replacementType": "USE_NEW_CONTENT",
                        "content": encoded(b"x" * (6 * 1024 * 1024 + 1)),
                    }
                ]
            },
            "FileContentSizeLimitExceeded",
        ),
        (
            {
                "replaceContents": [
                    {
                        "filePath": name,
                        "replacementType": "USE_NEW_CONTENT",
                        "content": encoded(b"x" * (4 * 1024 * 1024)),
                    }
                    for name in ("a.txt", "b.txt")
                ]
            },
            "FolderContentSizeLimitExceeded",
        ),
    ],
)
def test_entries_that_resolve_nothing_are_refused(
    clash: Sides, resolution: dict[str, Any], error: str
) -> None:
    asked = {**AUTO, "conflictResolution": resolution}
    for operation in ("MergeBranchesBySquash", "MergeBranchesByThreeWay"):
        refused(clash, error, operation, **asked)
    refused(clash, error, "CreateUnreferencedMergeCommit", mergeOption="SQUASH_MERGE", **asked)


def test_entries_are_for_automerge_alone(clash: Sides) -> None:
    resolution = {"deleteFiles": [{"filePath": "a.txt"}]}
    for strategy in ({}, {"conflictResolutionStrategy": "ACCEPT_SOURCE"}):
        asked = {**strategy, "conflictResolution": resolution}
        refused(clash, "InvalidConflictResolution", "MergeBranchesBySquash", **asked)


# --- the branch that moves ----------------------------------------------------------------------


def test_the_target_is_the_destination_branch(apart: Sides) -> None:
    apart.commit("refs/tags/v1", BASE)
    merge = "MergeBranchesBySquash"
    refused(apart, "InvalidTargetBranch", merge, targetBranch="base", **CLEAN)
    refused(apart, "BranchDoesNotExist", merge, targetBranch="nowhere", **CLEAN)
    refused(apart, "BranchNameIsTagName", merge, targetBranch="v1", **CLEAN)
    refused(apart, "InvalidBranchName", merge, targetBranch="a..b", **CLEAN)
    refused(apart, "BranchNameRequired", merge, destinationCommitSpecifier=apart.tip("main"), **CLEAN)
    made = apart.ask(merge, destinationCommitSpecifier=apart.tip("main"), targetBranch="main", **CLEAN)
    assert apart.tip("main") == made["commitId"]


def test_head_is_a_destination_too(ahead: Sides) -> None:
    ahead.desk.ask("UpdateDefaultBranch", repositoryName="demo", defaultBranchName="main")
    ahead.ask("MergeBranchesByFastForward", destinationCommitSpecifier="HEAD")
    assert ahead.tip("main") == ahead.tip("topic")


def test_a_branch_that_is_elsewhere_is_not_moved(apart: Sides) -> None:
    where = {"destinationCommitSpecifier": apart.tip("base"), "targetBranch": "main"}
    for operation in ("FastForward", "Squash", "ThreeWay"):
        refused(apart, "ConcurrentReferenceUpdate", f"MergeBranchesBy{operation}", **where)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"sourceCommitSpecifier": "nowhere"}, "CommitDoesNotExist"),
        ({"destinationCommitSpecifier": "a..b"}, "InvalidCommit"),
        ({"conflictDetailLevel": "WORD_LEVEL"}, "InvalidConflictDetailLevel"),
        ({"conflictResolutionStrategy": "HOPE"}, "InvalidConflictResolutionStrategy"),
    ],
)
def test_what_names_nothing_is_refused_by_every_operation(
    apart: Sides, more: dict[str, str], error: str
) -> None:
    for operation in ("CreateUnreferencedMergeCommit", "BatchDescribeMergeConflicts"):
        refused(apart, error, operation, mergeOption="SQUASH_MERGE", **more)
    of_two = {"InvalidCommit": "InvalidDestinationCommitSpecifier"}.get(error, error)
    refused(apart, of_two, "GetMergeConflicts", mergeOption="SQUASH_MERGE", **more)
    refused(apart, error, "DescribeMergeConflicts", mergeOption="SQUASH_MERGE", filePath="a.txt", **more)
    for operation in (
        "GetMergeOptions",
        "GetMergeCommit",
        "MergeBranchesBySquash",
        "MergeBranchesByThreeWay",
    ):
        refused(apart, error, operation, **more)
    if "Specifier" in next(iter(more)):
        refused(apart, error, "MergeBranchesByFastForward", **more)


def test_authors_and_messages_are_checked(apart: Sides) -> None:
    for more, error in (
        ({"authorName": "x" * 1_025}, "NameLengthExceeded"),
        ({"email": "a b"}, "InvalidEmail"),
        ({"commitMessage": "x" * (256 * 1024 + 1)}, "CommitMessageLengthExceeded"),
    ):
        refused(apart, error, "MergeBranchesBySquash", **more, **CLEAN)
        refused(apart, error, "MergeBranchesByThreeWay", **more, **CLEAN)
        refused(apart, error, "CreateUnreferencedMergeCommit", mergeOption="SQUASH_MERGE", **more, **CLEAN)


def test_a_guard_of_the_destination_stops_a_merge_whatever_names_it(apart: Sides) -> None:
    guard = {
        "Effect": "Deny",
        "Action": "codecommit:MergeBranchesBy*",
        "Resource": "*",
        "Condition": {
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
            "Null": {"codecommit:References": "false"},
        },
    }
    everything = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
    guarded = Sides(apart.desk.of_user("mary", everything, guard))
    apart.desk.ask("UpdateDefaultBranch", repositoryName="demo", defaultBranchName="main")
    for more in (
        {},
        {"destinationCommitSpecifier": "refs/heads/main"},
        {"destinationCommitSpecifier": "HEAD"},
        {"destinationCommitSpecifier": apart.tip("main"), "targetBranch": "main"},
    ):
        refused(guarded, "AccessDenied", "MergeBranchesBySquash", **more, **CLEAN)
    guarded.ask("MergeBranchesBySquash", sourceCommitSpecifier="main", destinationCommitSpecifier="base")


# --- commits that no branch holds ---------------------------------------------------------------


def test_an_unreferenced_merge_commit_moves_nothing_and_is_told(apart: Sides) -> None:
    tips = [apart.tip("main"), apart.tip("topic")]
    made = apart.ask("CreateUnreferencedMergeCommit", mergeOption="THREE_WAY_MERGE", **CLEAN)
    assert [apart.tip("main"), apart.tip("topic")] == tips
    commit = apart.desk.ask("GetCommit", repositoryName="demo", commitId=made["commitId"])["commit"]
    assert (commit["parents"], commit["treeId"]) == (tips, made["treeId"])
    assert apart.desk.ask("ListBranches", repositoryName="demo")["branches"] == ["base", "main", "topic"]
    assert events(apart)[-1] == {
        "callerUserArn": "arn:aws:iam::111122223333:root",
        "event": "unreferencedMergeCommitCreated",
        "repositoryName": "demo",
        "repositoryId": apart.desk.open("demo").row.repository_id,
        "commitId": made["commitId"],
        "baseCommitId": apart.tip("base"),
        "sourceCommitId": tips[1],
        "destinationCommitId": tips[0],
        "mergeOption": "THREE_WAY_MERGE",
        "conflictDetailsLevel": "LINE_LEVEL",
        "conflictResolutionStrategy": "NONE",
    }
    assert sum(event["event"] == "referenceCreated" for event in events(apart)) == 3
    found = apart.ask("GetMergeCommit")
    assert (found["mergedCommitId"], found["baseCommitId"]) == (made["commitId"], apart.tip("base"))


def test_the_same_merge_again_is_the_same_commit(apart: Sides) -> None:
    asked = {"mergeOption": "SQUASH_MERGE", **CLEAN}
    first = apart.ask("CreateUnreferencedMergeCommit", **asked)
    second = apart.ask("CreateUnreferencedMergeCommit", **asked)
    assert first["treeId"] == second["treeId"]


def test_a_merge_commit_is_found_by_how_it_was_made(apart: Sides) -> None:
    assert "mergedCommitId" not in apart.ask("GetMergeCommit")
    made = apart.ask("CreateUnreferencedMergeCommit", mergeOption="SQUASH_MERGE", **CLEAN)["commitId"]
    assert apart.ask("GetMergeCommit", **CLEAN)["mergedCommitId"] == made
    assert "mergedCommitId" not in apart.ask("GetMergeCommit", conflictDetailLevel="FILE_LEVEL")
    assert "mergedCommitId" not in apart.ask("GetMergeCommit", conflictResolutionStrategy="AUTOMERGE")
    assert "mergedCommitId" not in apart.ask("GetMergeCommit", sourceCommitSpecifier="base")


def test_a_fast_forward_makes_no_commit_of_its_own(ahead: Sides) -> None:
    refused(ahead, "InvalidMergeOption", "CreateUnreferencedMergeCommit", mergeOption="FAST_FORWARD_MERGE")
    refused(ahead, "InvalidMergeOption", "CreateUnreferencedMergeCommit", mergeOption="REBASE")
    refused(ahead, "MergeOptionRequired", "CreateUnreferencedMergeCommit")


def test_an_unreferenced_merge_with_conflicts_is_refused(clash: Sides) -> None:
    refused(clash, "ManualMergeRequired", "CreateUnreferencedMergeCommit", mergeOption="SQUASH_MERGE")


# --- limits -------------------------------------------------------------------------------------


def asks_of_each(sides: Sides, error: str, *, fast_forward: bool) -> None:
    merge = {"mergeOption": "THREE_WAY_MERGE"}
    refused(sides, error, "GetMergeOptions")
    for operation in ("GetMergeConflicts", "BatchDescribeMergeConflicts", "CreateUnreferencedMergeCommit"):
        refused(sides, error, operation, **merge)
    refused(sides, error, "DescribeMergeConflicts", filePath="a.txt", **merge)
    for operation in ("MergeBranchesBySquash", "MergeBranchesByThreeWay"):
        refused(sides, error, operation)
    if fast_forward:
        refused(sides, error, "MergeBranchesByFastForward")


def test_commits_too_far_apart_are_not_compared(apart: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TIPS_DIVERGENCE", 1)
    asks_of_each(apart, "TipsDivergenceExceeded", fast_forward=True)


def test_too_many_changes_are_not_compared(apart: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIMITS", limits.LIMITS._replace(items=0))
    asks_of_each(apart, "MaximumItemsToCompareExceeded", fast_forward=False)


@pytest.mark.parametrize(
    "less", [{"files": 0}, {"file_bytes": 10}, {"bytes": 30}, {"file_lines": 9}, {"lines": 29}]
)
def test_files_too_large_or_too_many_are_not_loaded(
    apart: Sides, monkeypatch: pytest.MonkeyPatch, less: dict[str, int]
) -> None:
    monkeypatch.setattr(limits, "LIMITS", limits.LIMITS._replace(**less))  # type: ignore[arg-type] # ints all
    asks_of_each(apart, "MaximumFileContentToLoadExceeded", fast_forward=False)


def test_a_merge_leaves_alone_what_neither_side_changed(desk: Desk) -> None:
    link = ObjectId("1" * 40)
    base: Files = {"sub": (0o160000, link.encode()), "link": (0o120000, b"a"), "a": "1\n", "b": "1\n"}
    sides = Sides.of(desk, base, {**base, "a": "2\n"}, {**base, "b": "2\n"})
    assert sides.merged() == {
        "sub": (0o160000, link.encode()),
        "link": (0o120000, b"a"),
        "a": text("2\n"),
        "b": text("2\n"),
    }
