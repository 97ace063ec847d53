"""GetDifferences, GetBlobDifferences and ListFileCommitHistory, as the API answers them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID
from repositories_at_hand import Desk

NO_OBJECT = "f" * 40


class Project:
    """A repository with three commits: files, then a folder renamed, then one file more."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.tip: str | None = None
        desk.repository("demo")
        text = b"".join(b"line %d\n" % number for number in range(40))
        self.first = self.commit(
            put={"src/a.txt": text, "src/b.txt": b"b\n", "bin": b"\0\1", "README": b"hello\n"}
        )
        changed = text.replace(b"line 3\n", b"line three\n").replace(b"line 30\n", b"line  30\n")
        self.second = self.commit(
            put={"lib/a.txt": changed, "lib/b.txt": b"b\n"}, delete=["src/a.txt", "src/b.txt"]
        )
        self.third = self.commit(put={"lib/c.txt": b"c\n"})
        self.before, self.after = self.blob(self.first, "src/a.txt"), self.blob(self.second, "lib/a.txt")

    def commit(self, *, put: dict[str, bytes] | None = None, delete: list[str] | None = None) -> str:
        files = [
            {"filePath": path, "fileContent": base64.b64encode(text).decode()}
            for path, text in (put or {}).items()
        ]
        more = {"deleteFiles": [{"filePath": path} for path in delete]} if delete else {}
        parent = {"parentCommitId": self.tip} if self.tip else {}
        made = self.desk.ask(
            "CreateCommit", repositoryName="demo", branchName="main", putFiles=files, **more, **parent
        )
        commit = self.tip = str(made["commitId"])
        return commit

    def blob(self, commit: str, path: str) -> str:
        found = self.ask("GetFile", commitSpecifier=commit, filePath=path)
        return str(found["blobId"])

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.desk.ask(operation, **{"repositoryName": "demo"} | request)
        return answer

    def differences(self, **request: Any) -> list[tuple[str, str | None, str | None]]:
        answer = self.ask("GetDifferences", **{"afterCommitSpecifier": "main"} | request)
        return [
            (each["changeType"], _path(each, "beforeBlob"), _path(each, "afterBlob"))
            for each in answer["differences"]
        ]


def _path(difference: dict[str, Any], side: str) -> str | None:
    return difference[side]["path"] if side in difference else None


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One that no test changes."""
    desk = Desk.at(tmp_path_factory.mktemp("project"))
    yield Project(desk)
    desk.close()


def _refused(project: Project, code: str, operation: str, **request: Any) -> None:
    with pytest.raises(Fault) as caught:
        project.ask(operation, **request)
    assert caught.value.code == code
    assert caught.value.message


# --- GetDifferences ---------------------------------------------------------------------------


def test_without_a_commit_before_everything_is_added(project: Project) -> None:
    found = project.differences(afterCommitSpecifier=project.first)
    paths = ["README", "bin", "src/a.txt", "src/b.txt"]
    assert found == [("A", None, path) for path in paths]


def test_blobs_are_told_with_path_and_mode(project: Project) -> None:
    answer = project.ask(
        "GetDifferences", beforeCommitSpecifier=project.second, afterCommitSpecifier=project.third
    )
    blob = project.blob(project.third, "lib/c.txt")
    assert answer == {
        "differences": [
            {"changeType": "A", "afterBlob": {"blobId": blob, "path": "lib/c.txt", "mode": "100644"}}
        ]
    }


def test_a_renamed_folder_is_compared_by_its_two_names(project: Project) -> None:
    found = project.differences(beforeCommitSpecifier=project.first, beforePath="src/", afterPath="/lib")
    assert found == [("M", "src/a.txt", "lib/a.txt"), ("A", None, "lib/c.txt")]


@pytest.mark.parametrize("member", ["beforePath", "afterPath"])
def test_one_path_stands_for_both(project: Project, member: str) -> None:
    found = project.differences(beforeCommitSpecifier=project.first, **{member: "src"})
    assert found == [("D", "src/a.txt", None), ("D", "src/b.txt", None)]


def test_two_files_are_compared_by_their_paths(project: Project) -> None:
    found = project.differences(
        beforeCommitSpecifier=project.first, beforePath="src/a.txt", afterPath="lib/a.txt"
    )
    assert found == [("M", "src/a.txt", "lib/a.txt")]


def test_pages_go_on_at_the_same_commits_when_the_branch_has_moved(desk: Desk) -> None:
    project = Project(desk)
    asked: dict[str, Any] = {
        "beforeCommitSpecifier": project.first,
        "afterCommitSpecifier": "main",
        "MaxResults": 2,
    }
    page = project.ask("GetDifferences", **asked)
    whole = list(page["differences"])
    project.commit(put={"zzz": b"z\n"})
    while "NextToken" in page:
        page = project.ask("GetDifferences", **asked, NextToken=page["NextToken"])
        whole += page["differences"]
    paths = [_path(each, "beforeBlob") or _path(each, "afterBlob") for each in whole]
    assert paths == ["lib/a.txt", "lib/b.txt", "lib/c.txt", "src/a.txt", "src/b.txt"]


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("InvalidCommitException", {"beforeCommitSpecifier": "a..b"}),
        ("InvalidCommitException", {"afterCommitSpecifier": "a b"}),
        ("CommitDoesNotExistException", {"beforeCommitSpecifier": "nowhere"}),
        ("CommitDoesNotExistException", {"afterCommitSpecifier": NO_OBJECT}),
        ("InvalidPathException", {"afterPath": "a//b"}),
        ("InvalidPathException", {"beforePath": "../b"}),
        ("PathDoesNotExistException", {"afterPath": "nowhere"}),
        ("InvalidMaxResultsException", {"MaxResults": 0}),
        ("InvalidMaxResultsException", {"MaxResults": 1_001}),
        ("InvalidContinuationTokenException", {"NextToken": "AAAA"}),
        ("RepositoryDoesNotExistException", {"repositoryName": "nowhere"}),
        ("InvalidRepositoryNameException", {"repositoryName": "a.git"}),
    ],
)
def test_differences_that_cannot_be_told(project: Project, code: str, request_: dict[str, Any]) -> None:
    _refused(project, code, "GetDifferences", **{"afterCommitSpecifier": "main"} | request_)


# --- GetBlobDifferences -----------------------------------------------------------------------


def test_lines_are_told_with_their_numbers(project: Project) -> None:
    answer = project.ask(
        "GetBlobDifferences", beforeBlobId=project.before, afterBlobId=project.after, contextLines=1
    )
    assert [hunk["beforeStartLine"] for hunk in answer["hunks"]] == [3, 30]
    assert answer["hunks"][0] == {
        "beforeStartLine": 3,
        "beforeLineCount": 3,
        "afterStartLine": 3,
        "afterLineCount": 3,
        "changes": [
            {"type": "CONTEXT", "beforeLineNumber": 3, "afterLineNumber": 3, "content": "line 2"},
            {"type": "DELETE", "beforeLineNumber": 4, "content": "line 3"},
            {"type": "ADD", "afterLineNumber": 4, "content": "line three"},
            {"type": "CONTEXT", "beforeLineNumber": 5, "afterLineNumber": 5, "content": "line 4"},
        ],
    }
    assert not answer["isBinary"]
    assert answer["afterBlobSize"] - answer["beforeBlobSize"] == len("three") - len("3") + 1
    assert "NextToken" not in answer


def test_changes_of_blanks_alone_can_be_ignored(project: Project) -> None:
    answer = project.ask(
        "GetBlobDifferences", beforeBlobId=project.before, afterBlobId=project.after, ignoreWhitespace=True
    )
    assert [hunk["beforeStartLine"] for hunk in answer["hunks"]] == [1]


def test_hunks_come_in_pages(project: Project) -> None:
    asked = {"beforeBlobId": project.before, "afterBlobId": project.after, "MaxResults": 1}
    first = project.ask("GetBlobDifferences", **asked)
    second = project.ask("GetBlobDifferences", **asked, NextToken=first["NextToken"])
    assert [page["hunks"][0]["beforeStartLine"] for page in (first, second)] == [1, 28]
    assert "NextToken" not in second


def test_without_a_blob_before_all_lines_are_added(project: Project) -> None:
    answer = project.ask("GetBlobDifferences", afterBlobId=project.blob(project.first, "README"))
    change = {"type": "ADD", "afterLineNumber": 1, "content": "hello"}
    assert [hunk["changes"] for hunk in answer["hunks"]] == [[change]]
    assert (answer["beforeBlobSize"], answer["afterBlobSize"]) == (0, 6)


def test_binary_blobs_and_equal_ones_have_no_hunks(project: Project) -> None:
    binary = project.blob(project.first, "bin")
    for before, after, is_binary in ((binary, project.after, True), (project.after, project.after, False)):
        answer = project.ask("GetBlobDifferences", beforeBlobId=before, afterBlobId=after)
        assert (answer["hunks"], answer["isBinary"]) == ([], is_binary)


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("InvalidBlobIdException", {"afterBlobId": "abc"}),
        ("InvalidBlobIdException", {"beforeBlobId": "abc"}),
        ("BlobIdDoesNotExistException", {"afterBlobId": NO_OBJECT}),
        ("BlobIdDoesNotExistException", {"beforeBlobId": ZERO_ID}),
        ("ValidationException", {"contextLines": 21}),
        ("ValidationException", {"contextLines": -1}),
        ("InvalidMaxResultsException", {"MaxResults": 1_001}),
        ("InvalidContinuationTokenException", {"NextToken": "AAAA"}),
        ("RepositoryDoesNotExistException", {"repositoryName": "nowhere"}),
        ("InvalidRepositoryNameException", {"repositoryName": "a.git"}),
    ],
)
def test_blobs_that_cannot_be_compared(project: Project, code: str, request_: dict[str, Any]) -> None:
    _refused(project, code, "GetBlobDifferences", **{"afterBlobId": project.after} | request_)


def test_a_commit_is_no_blob(project: Project) -> None:
    _refused(project, "BlobIdDoesNotExistException", "GetBlobDifferences", afterBlobId=project.first)


def test_a_large_blob_is_not_compared(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.services.codecommit.differences.FILE_BYTES_LIMIT", 100)
    _refused(project, "FileTooLargeException", "GetBlobDifferences", afterBlobId=project.after)


def test_lines_too_many_for_the_memory_of_a_comparison_are_not_compared(project: Project) -> None:
    before, after = (
        project.blob(project.commit(put={"many": text * 3_000_000}), "many") for text in (b"a\n", b"b\n")
    )
    _refused(project, "FileTooLargeException", "GetBlobDifferences", beforeBlobId=before, afterBlobId=after)


# --- ListFileCommitHistory --------------------------------------------------------------------


def test_versions_are_told_through_a_rename(project: Project) -> None:
    dag = project.ask("ListFileCommitHistory", filePath="lib/a.txt")["revisionDag"]
    assert [(each["commit"]["commitId"], each["path"], each["blobId"]) for each in dag] == [
        (project.second, "lib/a.txt", project.after),
        (project.first, "src/a.txt", project.before),
    ]
    assert [each["revisionChildren"] for each in dag] == [[], [project.second]]
    assert dag[0]["commit"] == project.ask("GetCommit", commitId=project.second)["commit"]


def test_a_history_goes_on_from_its_page_when_the_branch_has_moved(desk: Desk) -> None:
    project = Project(desk)
    asked: dict[str, Any] = {"filePath": "lib/a.txt", "maxResults": 1}
    page = project.ask("ListFileCommitHistory", **asked)
    project.commit(put={"lib/a.txt": b"new\n"})
    rest = project.ask("ListFileCommitHistory", **asked, nextToken=page["nextToken"])
    assert [each["commit"]["commitId"] for each in rest["revisionDag"]] == [project.first]
    assert "nextToken" not in rest


def test_a_history_starts_at_a_commit(project: Project) -> None:
    answer = project.ask("ListFileCommitHistory", filePath="src/b.txt", commitSpecifier=project.first)
    assert [each["commit"]["commitId"] for each in answer["revisionDag"]] == [project.first]


@pytest.mark.parametrize("path", ["nowhere", "lib"])
def test_what_is_no_file_has_no_history(project: Project, path: str) -> None:
    assert project.ask("ListFileCommitHistory", filePath=path) == {"revisionDag": []}


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("InvalidPathException", {"filePath": "a//b"}),
        ("InvalidPathException", {"filePath": "a\0b"}),
        ("InvalidCommitException", {"commitSpecifier": "a..b"}),
        ("CommitDoesNotExistException", {"commitSpecifier": "nowhere"}),
        ("InvalidMaxResultsException", {"maxResults": 0}),
        ("InvalidContinuationTokenException", {"nextToken": "AAAA"}),
        ("RepositoryDoesNotExistException", {"repositoryName": "nowhere"}),
        ("InvalidRepositoryNameException", {"repositoryName": "a.git"}),
    ],
)
def test_histories_that_cannot_be_told(project: Project, code: str, request_: dict[str, Any]) -> None:
    _refused(project, code, "ListFileCommitHistory", **{"filePath": "README"} | request_)


def test_a_history_of_too_many_lines_at_once_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.repos.file_history.MOST_PENDING", 0)
    _refused(project, "TipsDivergenceExceededException", "ListFileCommitHistory", filePath="lib/a.txt")
