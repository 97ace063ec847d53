"""CreateCommit: what it changes, what it answers, and every error that the model lists."""

from __future__ import annotations

from typing import Any

import pytest

from file_edits_at_hand import NAME, WRONG_COMMITS, b64, create, put, told_by_git
from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from repositories_at_hand import Desk

MB = 1 << 20


def new(path: str, content: bytes = b"new\n", **more: Any) -> dict[str, Any]:
    return {"filePath": path, "fileContent": b64(content), **more}


def taken(path: str, source: str, *, move: bool = False, **more: Any) -> dict[str, Any]:
    return {"filePath": path, "sourceFile": {"filePath": source, "isMove": move}, **more}


def named(answer: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return the paths added, updated and deleted, with modes."""
    lists = ("filesAdded", "filesUpdated", "filesDeleted")
    added, updated, gone = ([f"{x['absolutePath']} {x['fileMode']}" for x in answer[name]] for name in lists)
    return added, updated, gone


def test_many_changes_make_one_commit(desk: Desk, tip: ObjectId) -> None:
    made = create(
        desk,
        tip,
        putFiles=[
            new("a.txt"),
            new("empty", b""),
            taken("copy", "run"),
            taken("moved/only.txt", "lone/only.txt", move=True, fileMode="EXECUTABLE"),
        ],
        deleteFiles=[{"filePath": "link"}],
        setFileModes=[{"filePath": "/run", "fileMode": "NORMAL"}],
        keepEmptyFolders=True,
        authorName="Mary",
        email="mary@example.com",
    )
    added = ["copy EXECUTABLE", "empty NORMAL", "lone/.gitkeep NORMAL", "moved/only.txt EXECUTABLE"]
    gone = ["link SYMLINK", "lone/only.txt NORMAL"]
    assert named(made) == (added, ["a.txt NORMAL", "run NORMAL"], gone)
    before, after = told_by_git(desk, [tip, made["commitId"]]).values()
    expected = {path: entry for path, entry in before.items() if path not in {b"link", b"lone/only.txt"}}
    expected |= {
        each["absolutePath"].encode(): (modes(each["fileMode"]), each["blobId"])
        for each in (*made["filesAdded"], *made["filesUpdated"])
    }
    assert after == expected
    commit = desk.ask("GetCommit", repositoryName=NAME, commitId=made["commitId"])["commit"]
    assert (commit["treeId"], commit["parents"]) == (made["treeId"], [tip])
    assert commit["message"] == "Add 4, update 2, delete 2 files\n"
    assert commit["author"]["name"] == "Mary"


def modes(name: str) -> str:
    return {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}[name]


def test_a_nameless_author_is_called_by_the_user_name(desk: Desk, tip: ObjectId) -> None:
    user = desk.of_user("mary", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    made = create(user, tip, putFiles=[new("a.txt")])
    commit = desk.ask("GetCommit", repositoryName=NAME, commitId=made["commitId"])["commit"]
    assert (commit["author"]["name"], commit["author"]["email"]) == ("mary", "")


def test_a_file_takes_the_place_of_a_folder_that_goes_and_the_other_way(desk: Desk, tip: ObjectId) -> None:
    first = create(
        desk, tip, putFiles=[new("lone")], deleteFiles=[{"filePath": "lone/only.txt"}], keepEmptyFolders=True
    )
    assert named(first) == (["lone NORMAL"], [], ["lone/only.txt NORMAL"])
    second = create(desk, first["commitId"], putFiles=[taken("lone/below", "lone", move=True)])
    assert named(second) == (["lone/below NORMAL"], [], ["lone NORMAL"])
    (after,) = told_by_git(desk, [second["commitId"]]).values()
    assert b"lone/below" in after


def test_the_first_commit_makes_the_branch(desk: Desk) -> None:
    desk.repository(NAME)
    made = create(desk, putFiles=[new("a/b"), new("c")])
    assert named(made) == (["a/b NORMAL", "c NORMAL"], [], [])
    assert (
        desk.ask("GetBranch", repositoryName=NAME, branchName="main")["branch"]["commitId"]
        == made["commitId"]
    )


def test_the_very_last_file_leaves_an_empty_tree(desk: Desk) -> None:
    desk.repository(NAME)
    first = put(desk, "a/b/c")
    made = create(desk, first["commitId"], deleteFiles=[{"filePath": "a/b/c"}])
    assert told_by_git(desk, [made["commitId"]]) == {made["commitId"]: {}}
    assert desk.ask("GetFolder", repositoryName=NAME, folderPath="/")["files"] == []


ERRORS: list[tuple[str, dict[str, Any]]] = [
    ("FileEntryRequired", {"putFiles": []}),
    ("FileEntryRequired", {"putFiles": [], "deleteFiles": [], "setFileModes": []}),
    ("MaximumFileEntriesExceeded", {"putFiles": [new(f"f{n}") for n in range(101)]}),
    ("PutFileEntryConflict", {"putFiles": [new("x"), new("x/y")]}),
    ("SourceFileOrContentRequired", {"putFiles": [{"filePath": "x"}]}),
    ("FileContentAndSourceFileSpecified", {"putFiles": [taken("x", "run", fileContent=b64(b"x"))]}),
    ("PathRequired", {"deleteFiles": [{}]}),
    ("PathRequired", {"putFiles": [new("")]}),
    ("PathRequired", {"putFiles": [{"filePath": "x", "sourceFile": {}}]}),
    ("InvalidPath", {"putFiles": [new("../x")]}),
    ("InvalidPath", {"putFiles": [new("x/.Git/y")]}),
    ("InvalidPath", {"putFiles": [taken(".gitmodules", "link", fileMode="SYMLINK")]}),
    ("SamePathRequest", {"putFiles": [new("x"), new("/x")]}),
    ("SamePathRequest", {"deleteFiles": [{"filePath": "run"}]}),
    ("SamePathRequest", {"deleteFiles": [{"filePath": "a.txt"}, {"filePath": "a.txt"}]}),
    ("SamePathRequest", {"putFiles": [taken("x", "run", move=True)], "deleteFiles": [{"filePath": "run"}]}),
    ("SamePathRequest", {"putFiles": [taken("run", "run", move=True)]}),
    ("SamePathRequest", {"setFileModes": [{"filePath": "a.txt", "fileMode": "NORMAL"}] * 2}),
    ("FileDoesNotExist", {"deleteFiles": [{"filePath": "none"}]}),
    ("FileDoesNotExist", {"deleteFiles": [{"filePath": "docs"}]}),
    ("FileDoesNotExist", {"putFiles": [taken("x", "none")]}),
    ("FileDoesNotExist", {"putFiles": [taken("x", "docs", move=True)]}),
    ("FileDoesNotExist", {"setFileModes": [{"filePath": "module", "fileMode": "NORMAL"}]}),
    ("FileContentSizeLimitExceeded", {"putFiles": [new("x", b"x" * (6 * MB + 1))]}),
    ("FileContentSizeLimitExceeded", {"putFiles": [new(f"{n}/x", b"x" * (4 * MB)) for n in range(2)]}),
    ("FolderContentSizeLimitExceeded", {"putFiles": [new(f"x{n}", b"x" * (4 * MB)) for n in range(2)]}),
    ("RestrictedSourceFile", {"putFiles": [taken("x", "docs/.gitkeep")]}),
    ("FileModeRequired", {"setFileModes": [{"filePath": "a.txt"}]}),
    ("InvalidFileMode", {"setFileModes": [{"filePath": "a.txt", "fileMode": "SETUID"}]}),
    ("InvalidFileMode", {"putFiles": [new("x", fileMode="SETUID")]}),
    ("NoChange", {"putFiles": [new("run", b"x\n")]}),
    ("NoChange", {"putFiles": [taken("run", "run")]}),
    ("NoChange", {"setFileModes": [{"filePath": "a.txt", "fileMode": "NORMAL"}]}),
    ("FileNameConflictsWithDirectoryName", {"putFiles": [new("docs")]}),
    (
        "FileNameConflictsWithDirectoryName",
        {"putFiles": [new("docs")], "deleteFiles": [{"filePath": "docs/.gitkeep"}]},
    ),
    ("DirectoryNameConflictsWithFileName", {"putFiles": [new("a.txt/x")]}),
    ("FilePathConflictsWithSubmodulePath", {"putFiles": [taken("module", "run")]}),
    ("FilePathConflictsWithSubmodulePath", {"putFiles": [new("module/x")]}),
    ("NameLengthExceeded", {"authorName": "n" * 1_025}),
    *((error.removesuffix("Exception"), wrong) for wrong, error in WRONG_COMMITS),
]


@pytest.mark.parametrize(("error", "more"), ERRORS)
def test_a_commit_that_cannot_be_made_changes_nothing(
    untouched: tuple[Desk, ObjectId], error: str, more: dict[str, Any]
) -> None:
    desk, tip = untouched
    request: dict[str, Any] = {"repositoryName": NAME, "branchName": "main", "parentCommitId": tip}
    if error in {"SamePathRequest", "BranchNameRequired"} or more.keys() <= {*request, "authorName", "email"}:
        request["putFiles"] = [new("run"), new("y")]
    request |= more
    if error == "CommitMessageLengthExceeded":
        request["putFiles"] = [new("run")]
    with pytest.raises(Fault, match=f"{error}Exception"):
        desk.ask("CreateCommit", **{name: value for name, value in request.items() if value is not None})
    assert desk.open(NAME).snapshot.ref(b"refs/heads/main") == tip


def test_of_two_first_commits_on_two_branches_one_is_made(desk: Desk) -> None:
    desk.repository(NAME)
    stale = desk.open(NAME)
    put(desk, "a")
    call = desk.call

    class Late:
        """Opens the repository as it was before the other's commit."""

        def open(self, *_: object) -> Any:
            return stale

    object.__setattr__(call, "opener", Late())
    with pytest.raises(Fault, match="BranchDoesNotExistException"):
        desk.ask("CreateCommit", repositoryName=NAME, branchName="other", putFiles=[new("b")])
    with pytest.raises(Fault, match="ParentCommitIdRequiredException"):
        desk.ask("CreateCommit", repositoryName=NAME, branchName="main", putFiles=[new("b")])


def test_a_guarded_branch_takes_no_commit(desk: Desk, tip: ObjectId) -> None:
    guard = {"StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]}}
    user = desk.of_user(
        "guarded",
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "codecommit:*", "Resource": "*", "Condition": guard},
    )
    with pytest.raises(Fault, match="AccessDenied"):
        create(user, tip, putFiles=[new("b")])
