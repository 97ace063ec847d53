"""What is in a folder at a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.git import objects, trees
from moorage.services.codecommit import file_modes, names, paths, specifiers
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import GetFolderInputTypeDef

    from moorage.git.trees import Entry, Kind
    from moorage.services.call import Call

_LISTS: Final[dict[Kind, str]] = {
    "folder": "subFolders",
    "file": "files",
    "symlink": "symbolicLinks",
    "submodule": "subModules",
}
_IDS: Final[dict[Kind, str]] = {
    "folder": "treeId",
    "file": "blobId",
    "symlink": "blobId",
    "submodule": "commitId",
}


def _folder_path(request: Request) -> object:
    return paths.folder_path(request["folderPath"])


def _specifier(request: Request) -> object:
    return specifiers.form(request.get("commitSpecifier", specifiers.HEAD))


@codecommit.operation("GetFolder", resource=named_repository(_specifier, _folder_path))
def get_folder(call: Call, request: GetFolderInputTypeDef) -> dict[str, Any]:
    """List a folder. Of names that are not UTF-8 the odd bytes are shown as U+FFFD."""
    repository, path = opened(call, request), paths.folder_path(request["folderPath"])
    with repository.reading() as folder:
        reader = objects.open_bare(folder)
        commit = specifiers.required(
            repository, request.get("commitSpecifier", specifiers.HEAD), reader=reader
        )
        found = trees.entry_at(reader, trees.tree_of(reader, commit), path)
        if found is None or found.kind != "folder":
            raise Fault("FolderDoesNotExistException", f"There is no folder {names.shown(path)} in {commit}")
        lists: dict[str, Any] = {name: [] for name in _LISTS.values()}
        for entry in trees.entries(reader, found.object_id):
            lists[_LISTS[entry.kind]].append(_shown(path, entry))
    return {"commitId": commit, "folderPath": path, "treeId": found.object_id, **lists}


def _shown(folder: str, entry: Entry) -> dict[str, str]:
    name = entry.name.decode(errors="replace")
    shown = {
        _IDS[entry.kind]: str(entry.object_id),
        "absolutePath": f"{folder}/{name}" if folder else name,
        "relativePath": name,
    }
    if entry.is_content:
        shown["fileMode"] = file_modes.name_of(entry.mode)
    return shown
