"""CreateCommit: many changes of files in one commit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.git.trees import folders_of
from moorage.repos import authorship
from moorage.repos.branch_commits import CommitAsked, commit_on_branch
from moorage.repos.file_edits import KEEPER, Edits, Put
from moorage.services.codecommit import authors, file_modes, files, names, paths
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_codecommit.type_defs import CreateCommitInputTypeDef

    from moorage.git.trees import Item
    from moorage.services.call import Call

# Source: "Quotas in AWS CodeCommit", and the texts of the errors for too large files and folders.
COMMIT_FILES_LIMIT: Final = 100
COMMIT_BYTES_LIMIT: Final = 7 << 20
FOLDER_BYTES_LIMIT: Final = 6 << 20


def _edits(request: Request) -> Edits:
    """Return the changes that a request asks for.

    Raises:
        Fault: the error that the model has for each way in which they can be wrong.
    """
    _require_entries(request)
    edits = Edits(
        puts=[_put(entry) for entry in request.get("putFiles", ())],
        deletes=[paths.file_path(entry["filePath"]) for entry in request.get("deleteFiles", ())],
        modes={
            paths.file_path(entry["filePath"]): file_modes.GIT_MODES[entry["fileMode"]]
            for entry in request.get("setFileModes", ())
        },
        keep_empty_folders=request.get("keepEmptyFolders", False),
    )
    _require_each_once(edits, len(request.get("setFileModes", ())))
    _require_files_or_folders(edits.puts)
    _require_sizes(edits.puts)
    return edits


@codecommit.operation(
    "CreateCommit",
    resource=named_repository(files.parent, _edits, authors.checked_author, branch="branchName"),
)
def create_commit(call: Call, request: CreateCommitInputTypeDef) -> dict[str, Any]:
    """Commit; an author without a name is called by the caller's user or session name."""
    asked = CommitAsked(
        names.branch(request["branchName"]),
        files.parent(request),
        _edits(request),
        authors.author(call, request, default=authorship.short_name(call.caller)),
        request.get("commitMessage", ""),
        "codecommit:CreateCommit",
    )
    made = commit_on_branch(call.publisher, opened(call, request), call.caller, asked)
    return {
        "commitId": made.commit,
        "treeId": made.edited.tree,
        "filesAdded": _listed(made.edited.added),
        "filesUpdated": _listed(made.edited.updated),
        "filesDeleted": _listed(made.edited.deleted),
    }


def _listed(items: Mapping[str, Item]) -> list[dict[str, str]]:
    return [
        {
            "absolutePath": path,
            "blobId": item.object_id,
            "fileMode": file_modes.name_of(item.mode),
        }
        for path, item in sorted(items.items())
    ]


def _put(entry: Mapping[str, Any]) -> Put:
    path = paths.new_file_path(entry["filePath"])
    mode = file_modes.git_mode(entry)
    source = entry.get("sourceFile")
    if source is None and "fileContent" not in entry:
        raise Fault(
            "SourceFileOrContentRequiredException", f"{names.shown(path)} needs content or a source file"
        )
    if source is None:
        return Put(path, content=entry["fileContent"], mode=mode)
    if "fileContent" in entry:
        raise Fault(
            "FileContentAndSourceFileSpecifiedException",
            f"{names.shown(path)} has both content and a source file; give one of them",
        )
    origin = paths.file_path(source["filePath"])
    if origin.rpartition("/")[2] == KEEPER:
        raise Fault("RestrictedSourceFileException", f"{KEEPER} files are not copied or moved")
    return Put(path, source=origin, moves=source.get("isMove", False), mode=mode)


def _require_entries(request: Request) -> None:
    count = sum(len(request.get(member, ())) for member in ("putFiles", "deleteFiles", "setFileModes"))
    if count == 0:
        raise Fault(
            "FileEntryRequiredException", "A commit needs a file to put, to delete or to set the mode of"
        )
    if count > COMMIT_FILES_LIMIT:
        raise Fault(
            "MaximumFileEntriesExceededException",
            f"{count} files were named; a commit takes {COMMIT_FILES_LIMIT}, git takes more",
        )


def _require_each_once(edits: Edits, modes_asked: int) -> None:
    """A path is put, deleted, moved away or given a mode: one of them, and once."""
    changed = Counter([*(put.path for put in edits.puts), *edits.gone, *edits.modes])
    path, times = changed.most_common(1)[0]
    if times > 1 or len(edits.modes) < modes_asked:
        twice = f"{names.shown(path)} is" if times > 1 else "A path of setFileModes is"
        raise Fault(
            "SamePathRequestException",
            f"{twice} to be changed more than once: put, deleted, moved away or given a mode",
        )


def _require_files_or_folders(puts: Sequence[Put]) -> None:
    put = {each.path for each in puts}
    for path in put:
        folder = next((folder for folder in folders_of(path) if folder in put), None)
        if folder is not None:
            raise Fault(
                "PutFileEntryConflictException",
                f"{names.shown(folder)} is to be a file, and the folder of {names.shown(path)}",
            )


def _require_sizes(puts: Sequence[Put]) -> None:
    by_folder: Counter[str] = Counter()
    for put in puts:
        by_folder[put.path.rpartition("/")[0]] += len(put.content)
    folder, size = max(by_folder.items(), key=lambda item: item[1], default=("", 0))
    if size > FOLDER_BYTES_LIMIT:
        raise Fault(
            "FolderContentSizeLimitExceededException",
            f"The files of {names.shown(folder) or 'the root folder'} have {size:,} bytes together; a commit"
            f" takes {FOLDER_BYTES_LIMIT:,} for a folder, git takes more",
        )
    total = by_folder.total()
    if total > COMMIT_BYTES_LIMIT:
        raise Fault(
            "FileContentSizeLimitExceededException",
            f"The files have {total:,} bytes together; a commit takes {COMMIT_BYTES_LIMIT:,}, git takes more",
        )
