"""Trees with some paths changed: only the folders on the way to them are written anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pygit2

from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.trees import FOLDER, Item, Line

_FOLDER_MODES: Final = (b"40000", b"040000")

# Takes the content of a new tree; returns its id.
Store = Callable[[bytes], ObjectId]


def write_tree(
    repository: pygit2.Repository,
    tree: ObjectId | None,
    edits: Mapping[bytes, Item | None],
    store: Store | None = None,
    *,
    keeps_modes: bool = False,
) -> ObjectId:
    """Write a tree with items put at paths, or (None) taken away; return its id.

    `repository` is read, and written to where there is no `store` for what is new. A folder left
    without anything goes too. A file in the way of an edit's folder is replaced by it, whatever the
    edits say of it. Old histories have modes that Git no longer writes: in a folder that is written
    anew they become those of today, as in Git's merges, unless it `keeps_modes`.
    """
    keep = store or _writer(repository)

    def read(folder: ObjectId | None) -> list[Line]:
        lines = trees.lines(repository, folder)
        return lines if keeps_modes else [(trees.written_today(mode), name, oid) for mode, name, oid in lines]

    # The folders that are open, outermost first: they may be nested deeper than Python's calls.
    way = [_Folder(b"", read(tree), _nested(edits))]
    while True:
        here = way[-1]
        name, edit = next(here.left, (b"", _NO_EDIT))
        if edit is _NO_EDIT:
            way.pop()
            if not way:
                return keep(here.content())
            way[-1].settle(here.name, keep(here.content()) if here.lines else None)
            continue
        if edit.touched:
            here.put(name, edit.item)
        if edit.below:
            way.append(_Folder(name, read(here.folder(name)), edit.below))


class _Edit:
    """What happens at one name of a folder: an item is put there, then edits are made below it."""

    __slots__ = ("below", "item", "touched")

    def __init__(self) -> None:
        self.item: Item | None = None
        self.touched = False
        self.below: dict[bytes, _Edit] = {}


_NO_EDIT: Final = _Edit()


def _nested(edits: Mapping[bytes, Item | None]) -> dict[bytes, _Edit]:
    root = _Edit()
    for path, item in edits.items():
        edit = root
        for name in path.split(b"/"):
            edit = edit.below.setdefault(name, _Edit())
        edit.item, edit.touched = item, True
    return root.below


class _Folder:
    """A folder that is being changed: what is in it so far, and which edits are left."""

    __slots__ = ("left", "lines", "name")

    def __init__(self, name: bytes, lines: list[Line], edits: Mapping[bytes, _Edit]) -> None:
        self.name = name
        self.lines = {line[1]: line for line in lines}
        self.left: Iterator[tuple[bytes, _Edit]] = iter(edits.items())

    def folder(self, name: bytes) -> ObjectId | None:
        line = self.lines.get(name)
        item = trees.named(line)[1] if line is not None else None
        return item.object_id if item is not None and item.is_tree else None

    def put(self, name: bytes, item: Item | None) -> None:
        if item is None:
            self.lines.pop(name, None)
        else:
            self.lines[name] = trees.line(name, item)

    def settle(self, name: bytes, folder: ObjectId | None) -> None:
        """Take what became of a folder in here. Nothing became of it: a file in its place stays."""
        if folder is not None:
            self.put(name, Item(FOLDER, folder))
        elif self.folder(name) is not None:
            del self.lines[name]

    def content(self) -> bytes:
        return b"".join([b"%b %b\0%b" % line for line in sorted(self.lines.values(), key=_place)])


def _writer(repository: pygit2.Repository) -> Store:
    return lambda content: ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, content)))


def _place(line: Line) -> bytes:
    """Return what Git sorts by: a folder's name counts as if it ended with a slash."""
    mode, name, _ = line
    return name + b"/" if mode in _FOLDER_MODES else name
