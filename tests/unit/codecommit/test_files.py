"""Files and folders: put, deleted and read, with every error that the model lists."""

from __future__ import annotations

from typing import Any

import pygit2
import pytest

from file_edits_at_hand import NAME, NO_COMMIT, ODD, WRONG_COMMITS, b64, create, delete, put, told_by_git
from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from repositories_at_hand import Desk

SEVEN_MB = 7 << 20


def commit_of(desk: Desk, commit_id: str) -> Any:
    return desk.ask("GetCommit", repositoryName=NAME, commitId=commit_id)["commit"]


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "mode"),
    [("a.txt", "NORMAL"), ("/run", "EXECUTABLE"), ("link", "SYMLINK"), ("lone/only.txt", "NORMAL")],
)
def test_a_file_is_read_at_any_commit(untouched: tuple[Desk, ObjectId], path: str, mode: str) -> None:
    desk, tip = untouched
    for specifier in ({}, {"commitSpecifier": "v1"}, {"commitSpecifier": "refs/heads/main"}):
        found = desk.ask("GetFile", repositoryName=NAME, filePath=path, **specifier)
        assert found["filePath"] == path.removeprefix("/")
        assert (found["commitId"], found["fileMode"]) == (tip, mode)
        assert (found["fileSize"], found["fileContent"]) == (2, b"x\n")
        blob = desk.ask("GetBlob", repositoryName=NAME, blobId=found["blobId"].upper())
        assert blob == {"content": b"x\n"}


@pytest.mark.parametrize("path", ["", "/", "docs", "/docs/"])
def test_a_folder_lists_each_kind_by_itself(untouched: tuple[Desk, ObjectId], path: str) -> None:
    desk, tip = untouched
    found = desk.ask("GetFolder", repositoryName=NAME, folderPath=path)
    assert found["commitId"] == tip
    inner = path.strip("/")
    assert found["folderPath"] == inner
    lists = {
        name: [(each["absolutePath"], each["relativePath"], each.get("fileMode")) for each in found[name]]
        for name in ("subFolders", "files", "symbolicLinks", "subModules")
    }
    if inner:
        files = [("docs/.gitkeep", ".gitkeep", "NORMAL"), ("docs/odd\ufffd", "odd\ufffd", "NORMAL")]
        assert lists == {"subFolders": [], "files": files, "symbolicLinks": [], "subModules": []}
        return
    assert lists == {
        "subFolders": [("docs", "docs", None), ("lone", "lone", None)],
        "files": [
            ("a.txt", "a.txt", "NORMAL"),
            ("big", "big", "NORMAL"),
            ("odd\ufffd", "odd\ufffd", "NORMAL"),
            ("run", "run", "EXECUTABLE"),
        ],
        "symbolicLinks": [("link", "link", "SYMLINK")],
        "subModules": [("module", "module", None)],
    }
    assert found["subModules"][0]["commitId"]
    assert found["subFolders"][0]["treeId"]


@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("GetFile", {"filePath": "none"}, "FileDoesNotExistException"),
        ("GetFile", {"filePath": "docs"}, "FileDoesNotExistException"),
        ("GetFile", {"filePath": "module"}, "FileDoesNotExistException"),
        ("GetFile", {"filePath": "module/a"}, "FileDoesNotExistException"),
        ("GetFile", {"filePath": "odd\ufffd"}, "FileDoesNotExistException"),
        ("GetFile", {"filePath": "big"}, "FileTooLargeException"),
        ("GetFile", {"filePath": "../a"}, "InvalidPathException"),
        ("GetFile", {"filePath": "a\0"}, "InvalidPathException"),
        ("GetFile", {"filePath": "a/"}, "InvalidPathException"),
        ("GetFile", {"filePath": "//a"}, "InvalidPathException"),
        ("GetFile", {"filePath": "a" * 4097}, "InvalidPathException"),
        ("GetFile", {"filePath": "/"}, "PathRequiredException"),
        ("GetFile", {}, "PathRequiredException"),
        ("GetFile", {"filePath": "a.txt", "commitSpecifier": "a..b"}, "InvalidCommitException"),
        ("GetFile", {"filePath": "a.txt", "commitSpecifier": NO_COMMIT}, "CommitDoesNotExistException"),
        ("GetFolder", {"folderPath": "none"}, "FolderDoesNotExistException"),
        ("GetFolder", {"folderPath": "a.txt"}, "FolderDoesNotExistException"),
        ("GetFolder", {"folderPath": "a//b"}, "InvalidPathException"),
        ("GetFolder", {}, "PathRequiredException"),
        ("GetFolder", {"folderPath": "", "commitSpecifier": "a..b"}, "InvalidCommitException"),
        ("GetFolder", {"folderPath": "", "commitSpecifier": "none"}, "CommitDoesNotExistException"),
        ("GetBlob", {"blobId": NO_COMMIT}, "BlobIdDoesNotExistException"),
        ("GetBlob", {"blobId": "short"}, "InvalidBlobIdException"),
        ("GetBlob", {}, "BlobIdRequiredException"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(
    untouched: tuple[Desk, ObjectId], operation: str, request_: dict[str, str], error: str
) -> None:
    desk, _ = untouched
    with pytest.raises(Fault, match=error):
        desk.ask(operation, repositoryName=NAME, **request_)


def test_a_blob_is_no_commit_and_a_large_one_is_for_git(untouched: tuple[Desk, ObjectId]) -> None:
    desk, tip = untouched
    with pytest.raises(Fault, match="BlobIdDoesNotExistException"):
        desk.ask("GetBlob", repositoryName=NAME, blobId=tip)
    big = next(
        each["blobId"]
        for each in desk.ask("GetFolder", repositoryName=NAME, folderPath="")["files"]
        if each["relativePath"] == "big"
    )
    with pytest.raises(Fault, match="FileTooLargeException"):
        desk.ask("GetBlob", repositoryName=NAME, blobId=big)


# --- PutFile ------------------------------------------------------------------------------------


def test_the_first_file_makes_the_branch_and_the_default_branch(desk: Desk) -> None:
    desk.repository(NAME)
    made = put(desk, "docs/a.md")
    assert desk.open(NAME).row.default_branch == "refs/heads/main"
    commit = commit_of(desk, made["commitId"])
    assert (commit["parents"], commit["treeId"]) == ([], made["treeId"])
    assert commit["author"] == commit["committer"]
    assert (commit["author"]["name"], commit["author"]["email"]) == (desk.caller.principal.arn, "")
    assert commit["message"] == "Add docs/a.md\n"
    with pytest.raises(Fault, match="ParentCommitIdRequiredException"):
        put(desk, "docs/b.md")


def test_a_file_put_again_keeps_its_mode_and_what_is_beside_it(desk: Desk, tip: ObjectId) -> None:
    author = {"name": "Mary", "email": "mary@example.com", "commitMessage": "Run ünicode"}
    made = put(desk, "run", b"changed", tip, **author)
    before, after = told_by_git(desk, [tip, made["commitId"]], check=False).values()
    assert after == {**before, b"run": ("100755", made["blobId"])}
    commit = commit_of(desk, made["commitId"])
    assert (commit["message"], commit["parents"]) == ("Run ünicode", [tip])
    assert (commit["author"]["name"], commit["author"]["email"]) == ("Mary", "mary@example.com")
    linked = put(desk, "run", b"x\n", made["commitId"], fileMode="SYMLINK")
    (last,) = told_by_git(desk, [linked["commitId"]], check=False).values()
    assert last[b"run"] == ("120000", linked["blobId"])
    # Raw modes and names of old stay as they are.
    with desk.open(NAME).reading() as folder:
        _, raw = pygit2.Repository(str(folder)).odb.read(linked["treeId"])
    assert b"100664 a.txt\0" in raw
    assert b"100644 " + ODD + b"\0" in raw


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"filePath": "a.txt", "fileContent": b64(b"x\n")}, "SameFileContentException"),
        ({"filePath": "link", "fileContent": b64(b"x\n"), "fileMode": "SYMLINK"}, "SameFileContentException"),
        ({"fileContent": ""}, "FileContentRequiredException"),
        ({"fileContent": None}, "FileContentRequiredException"),
        ({"fileContent": b64(b"\0" * ((6 << 20) + 1))}, "FileContentSizeLimitExceededException"),
        ({"filePath": "docs"}, "FileNameConflictsWithDirectoryNameException"),
        ({"filePath": "a.txt/b"}, "DirectoryNameConflictsWithFileNameException"),
        ({"filePath": "link/b"}, "DirectoryNameConflictsWithFileNameException"),
        ({"filePath": "module"}, "FilePathConflictsWithSubmodulePathException"),
        ({"filePath": "module/a/b"}, "FilePathConflictsWithSubmodulePathException"),
        ({"filePath": "a/.git/config"}, "InvalidPathException"),
        ({"filePath": ".GIT"}, "InvalidPathException"),
        ({"filePath": "git~1/a"}, "InvalidPathException"),
        ({"filePath": "/".join("a" * 22)}, "InvalidPathException"),
        ({"filePath": ".gitmodules/a"}, "InvalidPathException"),
        ({"filePath": ".gitmodules", "fileMode": "SYMLINK"}, "InvalidPathException"),
        (
            {"filePath": ".gitmodules", "fileContent": b64(b'[submodule "../x"]\nurl = -u./p\npath = x\n')},
            "InvalidPathException",
        ),
        ({"filePath": ""}, "PathRequiredException"),
        ({"filePath": None}, "PathRequiredException"),
        ({"fileMode": "SETUID"}, "InvalidFileModeException"),
        ({"name": "n" * 1025}, "NameLengthExceededException"),
        *WRONG_COMMITS,
    ],
)
def test_a_file_that_cannot_be_put_changes_nothing(
    untouched: tuple[Desk, ObjectId], request_: dict[str, Any], error: str
) -> None:
    desk, tip = untouched
    request: dict[str, Any] = {"repositoryName": NAME, "branchName": "main", "parentCommitId": tip}
    request |= {"filePath": "new", "fileContent": b64(b"new")} | request_
    with pytest.raises(Fault, match=error):
        desk.ask("PutFile", **{name: value for name, value in request.items() if value is not None})
    assert desk.open(NAME).snapshot.ref(b"refs/heads/main") == tip


def test_git_reads_what_it_reads_and_takes_the_harmless(desk: Desk, tip: ObjectId) -> None:
    text = b'[submodule "x"]\n\turl = https://example.com/x\n\tpath = x\n'
    made = put(desk, ".gitmodules", text, tip)
    again = put(desk, ".gitattributes", b"*.md text\n", made["commitId"])
    assert told_by_git(desk, [again["commitId"]], check=False)


def test_a_parent_that_is_the_tip_no_more_is_outdated(desk: Desk, tip: ObjectId) -> None:
    put(desk, "one", b"1", tip)
    with pytest.raises(Fault, match="ParentCommitIdOutdatedException"):
        put(desk, "two", b"2", tip)
    with pytest.raises(Fault, match="ParentCommitIdOutdatedException"):
        create(desk, tip, putFiles=[{"filePath": "two", "fileContent": b64(b"2")}])
    with pytest.raises(Fault, match="ParentCommitIdOutdatedException"):
        delete(desk, "a.txt", tip)


# --- DeleteFile ---------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [False, True])
def test_the_last_file_of_a_folder_takes_it_along_unless_it_is_kept(
    desk: Desk, tip: ObjectId, keep: bool
) -> None:
    made = delete(desk, "/lone/only.txt", tip, keepEmptyFolders=keep)
    assert made["filePath"] == "lone/only.txt"
    before, after = told_by_git(desk, [tip, made["commitId"]], check=False).values()
    assert made["blobId"] == before[b"lone/only.txt"][1]
    assert before.keys() - after.keys() == {b"lone/only.txt"}
    assert after.keys() - before.keys() == ({b"lone/.gitkeep"} if keep else set())
    assert commit_of(desk, made["commitId"])["author"]["name"] == desk.caller.principal.arn


def test_a_keeper_that_is_deleted_is_not_made_again(desk: Desk, tip: ObjectId) -> None:
    first = delete(desk, "lone/only.txt", tip, keepEmptyFolders=True)
    made = delete(desk, "lone/.gitkeep", first["commitId"], keepEmptyFolders=True)
    (after,) = told_by_git(desk, [made["commitId"]], check=False).values()
    assert not any(path.startswith(b"lone/") for path in after)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"filePath": "none"}, "FileDoesNotExistException"),
        ({"filePath": "docs"}, "FileDoesNotExistException"),
        ({"filePath": "module"}, "FileDoesNotExistException"),
        ({"filePath": "../a"}, "InvalidPathException"),
        ({"filePath": None}, "PathRequiredException"),
        ({"name": "n" * 1025}, "NameLengthExceededException"),
        *WRONG_COMMITS,
    ],
)
def test_a_file_that_cannot_be_deleted_stays(
    untouched: tuple[Desk, ObjectId], request_: dict[str, Any], error: str
) -> None:
    desk, tip = untouched
    request: dict[str, Any] = {"repositoryName": NAME, "branchName": "main", "parentCommitId": tip}
    request |= {"filePath": "a.txt"} | request_
    with pytest.raises(Fault, match=error):
        desk.ask("DeleteFile", **{name: value for name, value in request.items() if value is not None})
    assert desk.open(NAME).snapshot.ref(b"refs/heads/main") == tip


def test_nothing_is_deleted_from_a_repository_without_commits(desk: Desk) -> None:
    desk.repository(NAME)
    with pytest.raises(Fault, match="BranchDoesNotExistException"):
        delete(desk, "a", NO_COMMIT)
