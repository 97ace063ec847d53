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

    from moorage.git.trees import Item
    from moorage.services.call import Call

# What each kind of item is listed as, and what its id is called.
_LISTS: Final = {
    trees.FOLDER: ("subFolders", "treeId"),
    trees.REGULAR: ("files", "blobId"),
    trees.SYMLINK: ("symbolicLinks", "blobId"),
    trees.SUBMODULE: ("subModules", "commitId"),
}


def _folder_path(request: Request) -> object:
    return paths.folder_path(request["folderPath"])


@codecommit.operation("GetFolder", resource=named_repository(specifiers.asked, _folder_path))
def get_folder(call: Call, request: GetFolderInputTypeDef) -> dict[str, Any]:
    """List a folder. Of names that are not UTF-8 the odd bytes are shown as U+FFFD."""
    repository, path = opened(call, request), paths.folder_path(request["folderPath"])
    with repository.reading() as folder:
        reader = objects.open_bare(folder)
        commit = specifiers.required(repository, specifiers.asked(request), reader=reader)
        found = trees.item_at(reader, trees.tree_of(reader, commit), path)
        if found is None or not found.is_tree:
            raise Fault("FolderDoesNotExistException", f"There is no folder {names.shown(path)} in {commit}")
        lists: dict[str, Any] = {name: [] for name, _ in _LISTS.values()}
        for name, item in trees.items(reader, found.object_id).items():
            lists[_LISTS[item.kind][0]].append(_shown(path, name, item))
    return {"commitId": commit, "folderPath": path, "treeId": found.object_id, **lists}


def _shown(folder: str, raw_name: bytes, item: Item) -> dict[str, str]:
    name = raw_name.decode(errors="replace")
    shown = {
        _LISTS[item.kind][1]: str(item.object_id),
        "absolutePath": f"{folder}/{name}" if folder else name,
        "relativePath": name,
    }
    if item.is_content:
        shown["fileMode"] = file_modes.name_of(item.mode)
    return shown
