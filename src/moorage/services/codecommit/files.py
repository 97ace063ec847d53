"""Single files: read at any commit, put and deleted on a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.git import objects, trees
from moorage.repos.branch_commits import CommitAsked, Committed, commit_on_branch
from moorage.repos.file_edits import Edits, Put
from moorage.services.codecommit import authors, file_modes, names, paths, specifiers
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    import pygit2
    from types_boto3_codecommit.type_defs import (
        DeleteFileInputTypeDef,
        GetBlobInputTypeDef,
        GetFileInputTypeDef,
        PutFileInputTypeDef,
    )

    from moorage.core.names import ObjectId
    from moorage.services.call import Call

# Source: "Quotas in AWS CodeCommit", individual files through the API.
FILE_BYTES_LIMIT: Final = 6 << 20


def _file_path(request: Request) -> object:
    return paths.file_path(request["filePath"])


def _new_file_path(request: Request) -> object:
    return paths.new_file_path(request["filePath"])


def _blob_id(request: Request) -> object:
    return names.blob(request["blobId"])


def parent(request: Request) -> ObjectId | None:
    """Return `parentCommitId`, or raise InvalidParentCommitIdException."""
    return names.parent(request["parentCommitId"]) if "parentCommitId" in request else None


# --- reading --------------------------------------------------------------------------------


@codecommit.operation("GetFile", resource=named_repository(specifiers.asked, _file_path))
def get_file(call: Call, request: GetFileInputTypeDef) -> dict[str, Any]:
    repository, path = opened(call, request), paths.file_path(request["filePath"])
    with repository.reading() as folder:
        reader = objects.open_bare(folder)
        commit = specifiers.required(repository, specifiers.asked(request), reader=reader)
        found = trees.item_at(reader, trees.tree_of(reader, commit), path)
        if found is None or not found.is_content:
            raise Fault("FileDoesNotExistException", f"There is no file {names.shown(path)} in {commit}")
        content = _content(reader, found.object_id)
    return {
        "commitId": commit,
        "blobId": found.object_id,
        "filePath": path,
        "fileMode": file_modes.name_of(found.mode),
        "fileSize": len(content),
        "fileContent": content,
    }


@codecommit.operation("GetBlob", resource=named_repository(_blob_id))
def get_blob(call: Call, request: GetBlobInputTypeDef) -> dict[str, Any]:
    repository, blob = opened(call, request), names.blob(request["blobId"])
    with repository.reading() as folder:
        if objects.object_type(folder, blob) != "blob":
            raise Fault("BlobIdDoesNotExistException", f"Blob {blob} does not exist")
        return {"content": _content(objects.open_bare(folder), blob)}


def _content(repository: pygit2.Repository, blob: ObjectId) -> bytes:
    """Return a blob's content; refuse one over the API's limit before anything of it is read."""
    _, size = repository.odb.read_header(blob)
    if size > FILE_BYTES_LIMIT:
        raise Fault(
            "FileTooLargeException",
            f"The file has {size:,} bytes; the API gives at most {FILE_BYTES_LIMIT:,}, git gives all of it",
        )
    _, content = repository.odb.read(blob)
    return bytes(content)


# --- writing --------------------------------------------------------------------------------


def _some_content(request: Request) -> None:
    if not request["fileContent"]:
        raise Fault("FileContentRequiredException", "The content of a file is required; it cannot be empty")


@codecommit.operation(
    "PutFile",
    resource=named_repository(
        parent, _some_content, _new_file_path, authors.checked_author, branch="branchName"
    ),
)
def put_file(call: Call, request: PutFileInputTypeDef) -> dict[str, Any]:
    path = paths.new_file_path(request["filePath"])
    content: Any = request["fileContent"]  # which the wire has decoded
    edits = Edits(puts=[Put(path, content=content, mode=file_modes.git_mode(request))])
    try:
        made = _committed(call, request, "PutFile", edits)
    except Fault as fault:
        if fault.code != "NoChangeException":
            raise
        raise Fault(
            "SameFileContentException", f"{names.shown(path)} has this content and mode already"
        ) from fault
    put = made.edited.added.get(path) or made.edited.updated[path]
    return {"commitId": made.commit, "blobId": put.object_id, "treeId": made.edited.tree}


@codecommit.operation(
    "DeleteFile", resource=named_repository(parent, _file_path, authors.checked_author, branch="branchName")
)
def delete_file(call: Call, request: DeleteFileInputTypeDef) -> dict[str, Any]:
    path = paths.file_path(request["filePath"])
    edits = Edits(deletes=[path], keep_empty_folders=request.get("keepEmptyFolders", False))
    made = _committed(call, request, "DeleteFile", edits)
    return {
        "commitId": made.commit,
        "blobId": made.edited.deleted[path].object_id,
        "treeId": made.edited.tree,
        "filePath": path,
    }


def _committed(call: Call, request: Request, operation: str, edits: Edits) -> Committed:
    """Commit; an author without a name is called by the caller's ARN."""
    asked = CommitAsked(
        names.branch(request["branchName"]),
        parent(request),
        edits,
        authors.author(call, request, default=call.caller.principal.arn),
        request.get("commitMessage", ""),
        f"codecommit:{operation}",
    )
    return commit_on_branch(call.publisher, opened(call, request), call.caller, asked)
