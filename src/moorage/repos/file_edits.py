"""Changes of files as the API asks for them, made on a tree: put, copy, move, delete, change the mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.git import trees
from moorage.git.tree_writing import write_tree
from moorage.git.trees import Item, folders_of

if TYPE_CHECKING:
    import pygit2

    from moorage.core.names import ObjectId
    from moorage.git.new_objects import NewObjects

# What keeps a folder without files, which a tree cannot hold.
KEEPER: Final = ".gitkeep"


@dataclass(frozen=True, slots=True)
class Put:
    """A file written: with new content, or with what another path has, which may be moved.

    `mode` is a Git file mode; None keeps the one of the file that is there, or of the source.
    """

    path: str
    content: bytes = b""
    source: str | None = None
    moves: bool = False
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """All changes of one commit. No path is put, deleted, moved away or given a mode twice."""

    puts: Sequence[Put] = ()
    deletes: Sequence[str] = ()
    modes: Mapping[str, int] = field(default_factory=dict)
    keep_empty_folders: bool = False

    @property
    def gone(self) -> tuple[str, ...]:
        """The files that are deleted or moved away."""
        return (*self.deletes, *(put.source for put in self.puts if put.moves and put.source is not None))


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of it: the new tree, and by path what was added, changed and taken away."""

    tree: ObjectId
    added: Mapping[str, Item]
    updated: Mapping[str, Item]
    deleted: Mapping[str, Item]

    @property
    def is_change(self) -> bool:
        return bool(self.added or self.updated or self.deleted)


def apply(new: NewObjects, tree: ObjectId | None, edits: Edits) -> Edited:
    """Make the changes on a tree; None is the tree of no commit.

    Everything is looked up as it was before: a file copied and deleted at once is copied.

    Raises:
        Fault: FileDoesNotExistException; FileNameConflictsWithDirectoryNameException,
            DirectoryNameConflictsWithFileNameException, FilePathConflictsWithSubmodulePathException;
            InvalidPathException.
    """
    before = _Tree(new.base, tree)
    old: dict[str, Item] = {path: before.file(path) for path in edits.gone}
    after: dict[str, Item | None] = dict.fromkeys(old)
    for path, mode in edits.modes.items():
        old[path] = before.file(path)
        after[path] = old[path]._replace(mode=mode)
    for put in edits.puts:
        before.require_room(put.path, frozenset(edits.gone))
        standing = before.at(put.path)
        if standing is not None and standing.is_content:
            old[put.path] = standing
        after[put.path] = _put(new, before, put, standing)
    if edits.keep_empty_folders:
        after |= dict.fromkeys(_emptied(before, after), Item(trees.NORMAL, new.blob(b"")))
    edits_by_path = {path.encode(): item for path, item in after.items()}
    written = {path: item for path, item in after.items() if item is not None}
    return Edited(
        write_tree(new.base, tree, edits_by_path, new.tree, keeps_modes=True),
        added={path: item for path, item in written.items() if path not in old},
        updated={path: item for path, item in written.items() if path in old and old[path] != item},
        deleted={path: item for path, item in old.items() if path not in written},
    )


class _Tree:
    """The tree that is edited, as it is before."""

    def __init__(self, repository: pygit2.Repository, tree: ObjectId | None) -> None:
        self._repository = repository
        self._tree = tree
        self._opened: trees.Opened = {}

    def at(self, path: str) -> Item | None:
        return trees.item_at(self._repository, self._tree, path, self._opened)

    def file(self, path: str) -> Item:
        """Return a file or symbolic link.

        Raises:
            Fault: FileDoesNotExistException, also for a folder or submodule.
        """
        found = self.at(path)
        if found is None or not found.is_content:
            raise Fault("FileDoesNotExistException", f"There is no file {path}")
        return found

    def require_room(self, path: str, gone: frozenset[str]) -> None:
        """Refuse a file where a folder is, or whose folder is a file, unless that goes by the same commit."""
        if self._tree is None:
            return
        along = trees.items_along(self._repository, self._tree, path, self._opened)
        for step, found in zip((*folders_of(path), path), along, strict=False):
            if found.mode == trees.SUBMODULE:
                raise Fault("FilePathConflictsWithSubmodulePathException", f"{step} is a submodule")
            if found.is_content and step != path and step not in gone:
                raise Fault("DirectoryNameConflictsWithFileNameException", f"{step} is a file, not a folder")
            if found.is_tree and step == path and not self.empties(path, gone):
                raise Fault("FileNameConflictsWithDirectoryNameException", f"{path} is a folder")

    def empties(self, path: str, gone: frozenset[str]) -> bool:
        """Tell whether nothing is left of a folder. Looks no further than to the first file that stays."""
        found = self.at(path)
        if found is None or not found.is_tree:
            return False
        raw = frozenset(each.encode() for each in gone)
        waiting = [(path.encode() + b"/", found.object_id)]
        # Folders without files, few in themselves, can be nested so that no walk would come to an end.
        seen: set[ObjectId] = set()
        while waiting:
            folder, tree = waiting.pop()
            if tree in seen:
                continue
            if not any(each.startswith(folder) for each in raw):
                seen.add(tree)
            for name, item in trees.items(self._repository, tree).items():
                below = folder + name
                if item.is_tree:
                    waiting.append((below + b"/", item.object_id))
                elif below not in raw:
                    return False
        return True


def _put(new: NewObjects, before: _Tree, put: Put, standing: Item | None) -> Item:
    if put.source is not None:
        source = before.file(put.source)
        return source if put.mode is None else source._replace(mode=put.mode)
    kept = standing.mode if standing is not None and standing.is_content else trees.NORMAL
    return Item(kept if put.mode is None else put.mode, new.blob(put.content))


def _emptied(before: _Tree, after: Mapping[str, Item | None]) -> Iterator[str]:
    """Yield a keeper's path for each folder that loses its last file, other than a keeper itself."""
    gone = frozenset(path for path, item in after.items() if item is None)
    put = [path for path, item in after.items() if item is not None]
    filled = {folder for path in put for folder in folders_of(path)}
    for folder in {path.rpartition("/")[0] for path in gone if path.rpartition("/")[2] != KEEPER}:
        replaced = any(each in put for each in (*folders_of(folder), folder))
        if folder and folder not in filled and not replaced and before.empties(folder, gone):
            yield f"{folder}/{KEEPER}"
