"""What is told of conflicts: files, kinds, lines, pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from merges_at_hand import EXECUTABLE, NORMAL, SUBMODULE, SYMLINK, TEN, Files, Sides, encoded, line, text
from moorage.core.faults import Fault
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow

SQUASH = {"mergeOption": "SQUASH_MERGE"}
LINES = {**SQUASH, "conflictDetailLevel": "LINE_LEVEL"}


def listed(sides: Sides, **more: Any) -> list[dict[str, Any]]:
    found = sides.ask("GetMergeConflicts", **more)
    assert found["mergeable"] == (not found["conflictMetadataList"])
    listed: list[dict[str, Any]] = found["conflictMetadataList"]
    return listed


def refused(sides: Sides, error: str, operation: str, **more: Any) -> None:
    with pytest.raises(Fault) as caught:
        sides.ask(operation, **more)
    assert caught.value.code == f"{error}Exception"


@pytest.fixture
def readme(desk: Desk) -> Sides:
    ours, theirs = line(0, "top", line(5, "ours")), line(9, "end", line(5, "theirs"))
    return Sides.of(desk, {"readme": TEN}, {"readme": ours}, {"readme": theirs})


def test_a_conflict_by_lines_is_told_with_each_hunk(readme: Sides) -> None:
    found = readme.ask("DescribeMergeConflicts", filePath="readme", **LINES)
    assert found == {
        "conflictMetadata": {
            "filePath": "readme",
            "fileSizes": {"base": 20, "destination": 25, "source": 27},
            "fileModes": {"base": "NORMAL", "destination": "NORMAL", "source": "NORMAL"},
            "objectTypes": {"base": "FILE", "destination": "FILE", "source": "FILE"},
            "numberOfConflicts": 1,
            "isBinaryFile": {"base": False, "destination": False, "source": False},
            "contentConflict": True,
            "fileModeConflict": False,
            "objectTypeConflict": False,
            "mergeOperations": {"destination": "M", "source": "M"},
        },
        "mergeHunks": [
            {
                "isConflict": False,
                "base": {"startLine": 0, "endLine": 1, "hunkContent": encoded("0\n")},
                "destination": {"startLine": 0, "endLine": 1, "hunkContent": encoded("top\n")},
                "source": {"startLine": 0, "endLine": 1, "hunkContent": encoded("0\n")},
            },
            {
                "isConflict": True,
                "base": {"startLine": 5, "endLine": 6, "hunkContent": encoded("5\n")},
                "destination": {"startLine": 5, "endLine": 6, "hunkContent": encoded("ours\n")},
                "source": {"startLine": 5, "endLine": 6, "hunkContent": encoded("theirs\n")},
            },
            {
                "isConflict": False,
                "base": {"startLine": 9, "endLine": 10, "hunkContent": encoded("9\n")},
                "destination": {"startLine": 9, "endLine": 10, "hunkContent": encoded("9\n")},
                "source": {"startLine": 9, "endLine": 10, "hunkContent": encoded("end\n")},
            },
        ],
        "sourceCommitId": readme.tip("topic"),
        "destinationCommitId": readme.tip("main"),
        "baseCommitId": readme.tip("base"),
    }


def test_a_conflict_by_files_is_one_hunk_of_both_files(readme: Sides) -> None:
    found = readme.ask("DescribeMergeConflicts", filePath="readme", **SQUASH)
    assert found["conflictMetadata"]["numberOfConflicts"] == 1
    (hunk,) = found["mergeHunks"]
    assert hunk["isConflict"]
    whole = {"startLine": 0, "endLine": 10, "hunkContent": encoded(line(0, "top", line(5, "ours")))}
    assert hunk["destination"] == whole


def test_a_file_merged_by_lines_is_in_no_conflict(desk: Desk) -> None:
    sides = Sides.of(desk, {"a": TEN}, {"a": line(0, "x")}, {"a": line(9, "y")})
    assert listed(sides, **LINES) == []
    assert listed(sides, conflictResolutionStrategy="AUTOMERGE", **SQUASH) == []
    (found,) = listed(sides, **SQUASH)
    assert (found["filePath"], found["contentConflict"]) == ("a", True)
    told = sides.ask("DescribeMergeConflicts", filePath="a", **LINES)
    assert told["conflictMetadata"]["numberOfConflicts"] == 0
    assert [hunk["isConflict"] for hunk in told["mergeHunks"]] == [False, False]


KINDS: list[tuple[str, Files, Files, Files, dict[str, Any]]] = [
    (
        "deleted here, changed there",
        {"f": "1\n"},
        {"x": "x"},
        {"f": "2\n", "x": "x"},
        {"contentConflict": True, "mergeOperations": {"destination": "D", "source": "M"}},
    ),
    (
        "added on both sides",
        {"x": "x"},
        {"x": "x", "f": "1\n"},
        {"x": "x", "f": "2\n"},
        {"contentConflict": True, "mergeOperations": {"destination": "A", "source": "A"}},
    ),
    (
        "binary",
        {"f": b"\0a"},
        {"f": b"\0b"},
        {"f": b"\0c"},
        {"contentConflict": True, "isBinaryFile": {"base": True, "destination": True, "source": True}},
    ),
    (
        "modes",
        {"x": "x"},
        {"x": "x", "f": (NORMAL, b"1\n")},
        {"x": "x", "f": (EXECUTABLE, b"1\n")},
        {
            "contentConflict": False,
            "fileModeConflict": True,
            "fileModes": {"destination": "NORMAL", "source": "EXECUTABLE"},
        },
    ),
    (
        "a link against a file",
        {"f": "1\n"},
        {"f": (SYMLINK, b"there")},
        {"f": "2\n"},
        {
            "objectTypeConflict": True,
            "objectTypes": {"base": "FILE", "destination": "SYMBOLIC_LINK", "source": "FILE"},
        },
    ),
    (
        "two links",
        {"f": (SYMLINK, b"a")},
        {"f": (SYMLINK, b"b")},
        {"f": (SYMLINK, b"c")},
        {"contentConflict": True, "fileModes": dict.fromkeys(("base", "destination", "source"), "SYMLINK")},
    ),
    (
        "a submodule",
        {"f": (SUBMODULE, b"1" * 40)},
        {"f": (SUBMODULE, b"2" * 40)},
        {"f": (SUBMODULE, b"3" * 40)},
        {"contentConflict": True, "fileSizes": {}, "fileModes": {}},
    ),
    (
        "a file against a folder",
        {"x": "x"},
        {"x": "x", "f": "1\n"},
        {"x": "x", "f/inside": "2\n"},
        {"objectTypeConflict": True, "objectTypes": {"destination": "FILE", "source": "DIRECTORY"}},
    ),
]


@pytest.mark.parametrize("level", ["FILE_LEVEL", "LINE_LEVEL"])
@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [kind[1:] for kind in KINDS],
    ids=[kind[0] for kind in KINDS],
)
def test_each_kind_of_conflict_is_told_as_what_it_is(
    desk: Desk, level: str, base: Files, ours: Files, theirs: Files, expected: dict[str, Any]
) -> None:
    sides = Sides.of(desk, base, ours, theirs)
    (found,) = listed(sides, conflictDetailLevel=level, **SQUASH)
    assert found["filePath"] == "f"
    assert found["numberOfConflicts"] == 1
    assert {name: found[name] for name in expected} == expected
    told = sides.ask("DescribeMergeConflicts", filePath="f", conflictDetailLevel=level, **SQUASH)
    assert told["conflictMetadata"] == found
    for side, files in (("ACCEPT_DESTINATION", ours), ("ACCEPT_SOURCE", theirs)):
        merged = sides.merged("CreateUnreferencedMergeCommit", conflictResolutionStrategy=side, **SQUASH)
        assert {path: file for path, file in merged.items() if path.startswith("f")} == {
            path: file if isinstance(file, tuple) else text(file) if isinstance(file, str) else (NORMAL, file)
            for path, file in files.items()
            if path.startswith("f")
        }


def test_a_folder_makes_way_for_the_file_that_a_caller_keeps(desk: Desk) -> None:
    sides = Sides.of(desk, {"x": "x"}, {"x": "x", "f": "1\n"}, {"x": "x", "f/inside": "2\n"})
    automerge = {"conflictResolutionStrategy": "AUTOMERGE", **SQUASH}
    keep = {"replaceContents": [{"filePath": "f", "replacementType": "KEEP_DESTINATION"}]}
    made = sides.merged("CreateUnreferencedMergeCommit", conflictResolution=keep, **automerge)
    assert made == {"x": text("x"), "f": text("1\n")}
    drop = {"deleteFiles": [{"filePath": "f"}]}
    made = sides.merged("CreateUnreferencedMergeCommit", conflictResolution=drop, **automerge)
    assert made == {"x": text("x"), "f/inside": text("2\n")}


def test_a_change_follows_a_renamed_file_by_lines_and_is_a_conflict_by_files(desk: Desk) -> None:
    sides = Sides.of(desk, {"old": TEN}, {"new": line(0, "x")}, {"old": line(9, "y")})
    (found,) = listed(sides, **SQUASH)
    assert (found["filePath"], found["mergeOperations"]) == ("new", {"destination": "M", "source": "M"})
    assert sides.merged(conflictDetailLevel="LINE_LEVEL") == {"new": text(line(0, "x", line(9, "y")))}


def test_a_file_renamed_two_ways_is_in_conflict_at_both_names(desk: Desk) -> None:
    sides = Sides.of(desk, {"old": TEN}, {"one": TEN}, {"two": TEN})
    assert [each["filePath"] for each in listed(sides, **LINES)] == ["one", "two"]


def test_branches_that_merged_each_other_are_merged_from_both_bases(desk: Desk) -> None:
    sides = Sides.of(desk, {"f": TEN}, {"f": line(0, "ours")}, {"f": line(9, "theirs")})
    main, topic = sides.tip("main"), sides.tip("topic")
    both = line(0, "ours", line(9, "theirs"))
    sides.commit("main", {"f": line(4, "x", both)}, main, topic)
    sides.commit("topic", {"f": line(6, "y", both)}, topic, main)
    assert listed(sides, **LINES) == []
    found = sides.ask("GetMergeConflicts", **LINES)
    assert found["baseCommitId"] in {main, topic}
    merged = sides.merged("MergeBranchesByThreeWay", conflictDetailLevel="LINE_LEVEL")
    assert merged == {"f": text(line(4, "x", line(6, "y", both)))}


def test_a_fast_forward_has_no_conflicts_to_tell(readme: Sides) -> None:
    found = readme.ask("GetMergeConflicts", mergeOption="FAST_FORWARD_MERGE")
    assert (found["mergeable"], found["conflictMetadataList"]) == (False, [])
    found = readme.ask(
        "GetMergeConflicts", mergeOption="FAST_FORWARD_MERGE", destinationCommitSpecifier="base"
    )
    assert (found["mergeable"], found["conflictMetadataList"]) == (True, [])
    for operation, more in (
        ("DescribeMergeConflicts", {"filePath": "readme"}),
        ("BatchDescribeMergeConflicts", {}),
    ):
        refused(readme, "InvalidMergeOption", operation, mergeOption="FAST_FORWARD_MERGE", **more)


@pytest.fixture
def many(desk: Desk) -> Sides:
    """Five files in conflict, one of them in several places."""
    base: Files = {f"f{number}": TEN for number in range(5)}
    sides: list[Files] = []
    for side in ("ours", "theirs"):
        every_second = "".join(f"{number if number % 2 else side}\n" for number in range(10))
        sides.append({**{f"f{number}": f"{side}\n" for number in range(4)}, "f4": every_second})
    return Sides.of(desk, base, *sides)


def test_conflicts_come_in_pages(many: Sides) -> None:
    first = many.ask("GetMergeConflicts", maxConflictFiles=3, **LINES)
    assert [each["filePath"] for each in first["conflictMetadataList"]] == ["f0", "f1", "f2"]
    token = first["nextToken"]
    second = many.ask("GetMergeConflicts", maxConflictFiles=3, nextToken=token, **LINES)
    assert [each["filePath"] for each in second["conflictMetadataList"]] == ["f3", "f4"]
    assert "nextToken" not in second
    refused(many, "InvalidContinuationToken", "GetMergeConflicts", nextToken=token, **SQUASH)
    many.commit("topic", {"f0": "moved\n"}, many.tip("topic"))
    refused(many, "InvalidContinuationToken", "GetMergeConflicts", nextToken=token, **LINES)


def test_hunks_come_in_pages(many: Sides) -> None:
    asked = {"filePath": "f4", "maxMergeHunks": 2, **LINES}
    starts, token = [], None
    for _ in range(3):
        page = many.ask("DescribeMergeConflicts", **asked, **({"nextToken": token} if token else {}))
        assert page["conflictMetadata"]["numberOfConflicts"] == 5
        starts += [hunk["source"]["startLine"] for hunk in page["mergeHunks"]]
        token = page.get("nextToken")
    assert (starts, token) == ([0, 2, 4, 6, 8], None)
    refused(many, "InvalidContinuationToken", "DescribeMergeConflicts", nextToken="x", **asked)


def test_many_files_are_described_at_once(many: Sides) -> None:
    found = many.ask("BatchDescribeMergeConflicts", maxMergeHunks=2, maxConflictFiles=4, **LINES)
    names = [each["conflictMetadata"]["filePath"] for each in found["conflicts"]]
    assert (names, found["errors"]) == (["f0", "f1", "f2", "f3"], [])
    rest = many.ask(
        "BatchDescribeMergeConflicts",
        maxMergeHunks=2,
        maxConflictFiles=4,
        nextToken=found["nextToken"],
        **LINES,
    )
    (last,) = rest["conflicts"]
    assert (last["conflictMetadata"]["filePath"], len(last["mergeHunks"])) == ("f4", 2)
    assert "nextToken" not in rest
    refused(many, "InvalidContinuationToken", "BatchDescribeMergeConflicts", nextToken="x", **LINES)


def test_what_cannot_be_described_is_told_beside_the_rest(many: Sides) -> None:
    asked = ["f1", "nowhere", "a//b", "/", "f1"]
    found = many.ask("BatchDescribeMergeConflicts", filePaths=asked, **LINES)
    assert [each["conflictMetadata"]["filePath"] for each in found["conflicts"]] == ["f1"]
    assert [(each["filePath"], each["exceptionName"]) for each in found["errors"]] == [
        ("nowhere", "FileDoesNotExistException"),
        ("a//b", "InvalidPathException"),
        ("/", "PathRequiredException"),
    ]
    assert all(each["message"] for each in found["errors"])


def test_requests_out_of_form_are_refused(readme: Sides) -> None:
    describe = {"filePath": "readme", **LINES}
    refused(readme, "FileDoesNotExist", "DescribeMergeConflicts", **{**describe, "filePath": "other"})
    refused(readme, "InvalidPath", "DescribeMergeConflicts", **{**describe, "filePath": "a/./b"})
    refused(readme, "PathRequired", "DescribeMergeConflicts", **LINES)
    refused(readme, "InvalidMaxMergeHunks", "DescribeMergeConflicts", **describe, maxMergeHunks=0)
    refused(readme, "InvalidMaxMergeHunks", "BatchDescribeMergeConflicts", **LINES, maxMergeHunks=1_001)
    refused(readme, "InvalidMaxConflictFiles", "BatchDescribeMergeConflicts", **LINES, maxConflictFiles=0)
    refused(readme, "InvalidMaxConflictFiles", "GetMergeConflicts", **LINES, maxConflictFiles=1_001)
    for operation in ("GetMergeConflicts", "BatchDescribeMergeConflicts"):
        refused(readme, "MergeOptionRequired", operation)
        refused(readme, "InvalidMergeOption", operation, mergeOption="MERGE")


def test_contents_come_back_byte_for_byte(desk: Desk) -> None:
    odd = "é\r\nno end".encode("latin-1")
    sides = Sides.of(desk, {"f": "1\n"}, {"f": odd}, {"f": "2\n"})
    (hunk,) = sides.ask("DescribeMergeConflicts", filePath="f", **LINES)["mergeHunks"]
    assert base64.b64decode(hunk["destination"]["hunkContent"]) == odd
    assert (hunk["destination"]["startLine"], hunk["destination"]["endLine"]) == (0, 2)
