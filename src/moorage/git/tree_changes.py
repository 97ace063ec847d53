"""What two sides did to a tree: every path that either changed, found without reading equal folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ObjectId

DIRECTORY: Final = 0o040000
NORMAL: Final = 0o100644
EXECUTABLE: Final = 0o100755
SYMLINK: Final = 0o120000
GITLINK: Final = 0o160000

_KIND: Final = 0o170000
_REGULAR: Final = 0o100000
_ID_BYTES: Final = 20

# What a push may hold and no merge looks at: folders this large, this deep, or with names this long.
_MOST_TREE_BYTES: Final = 8 << 20
_MOST_FOLDERS_DEEP: Final = 500
_MOST_PATH_BYTES: Final = 64 << 20  # of all paths that differ


class Item(NamedTuple):
    """What a tree has at a path: a mode as Git writes it today, and an object id."""

    mode: int
    object_id: ObjectId

    @property
    def is_tree(self) -> bool:
        return self.mode == DIRECTORY

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, executable or not."""
        return self.kind == _REGULAR

    @property
    def kind(self) -> int:
        """The mode without its permissions."""
        return self.mode & _KIND


class Three(NamedTuple):
    """One path in the base and on both sides. None: it is not there, or a folder is."""

    base: Item | None
    ours: Item | None
    theirs: Item | None

    @property
    def settled(self) -> Item | None:
        """What both sides together want; only where `disputed` is false."""
        return self.theirs if self.ours == self.base else self.ours

    @property
    def disputed(self) -> bool:
        """Whether both sides changed it, each in another way."""
        return self.base not in (self.ours, self.theirs) and self.ours != self.theirs


@dataclass(slots=True)
class Changes:
    """Paths and what they are; `mixed` are those where a file of one side meets another's folder."""

    by_path: dict[bytes, Three] = field(default_factory=dict)
    mixed: list[bytes] = field(default_factory=list)


class _Folder(NamedTuple):
    path: bytes
    trees: tuple[ObjectId | None, ObjectId | None, ObjectId | None]


class TreeReader:
    """Reads trees of one repository, and keeps none of them."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb = repository.odb

    def items(self, tree: ObjectId | None) -> dict[bytes, Item]:
        """Return what is directly in a tree, by name; nothing is in None.

        Raises:
            Fault: MaximumItemsToCompareExceededException.
        """
        if tree is None:
            return {}
        if self._odb.read_header(tree)[1] > _MOST_TREE_BYTES:
            raise _beyond(f"A folder takes more than {_MOST_TREE_BYTES >> 20} MB")
        _, content = self._odb.read(tree)
        return dict(_parsed(content))

    def at(self, tree: ObjectId | None, path: bytes) -> Item | None:
        """Return what a tree has at a path."""
        *folders, name = path.split(b"/")
        for folder in folders:
            item = self.items(tree).get(folder)
            if item is None or not item.is_tree:
                return None
            tree = item.object_id
        return self.items(tree).get(name)


def changes(
    reader: TreeReader,
    base: ObjectId | None,
    ours: ObjectId | None,
    theirs: ObjectId | None,
    *,
    limit: int,
    whole: bool = False,
) -> Changes:
    """Compare three trees.

    Folders that only one side changed are told as one item, unless `whole` is set: then every file
    in them is told.

    Raises:
        Fault: MaximumItemsToCompareExceededException where more than `limit` entries differ, or where
            they are larger or deeper than any merge looks at.
    """
    found = Changes()
    waiting = [_Folder(b"", (base, ours, theirs))]
    seen = path_bytes = 0
    while waiting:
        folder = waiting.pop()
        if folder.path.count(b"/") > _MOST_FOLDERS_DEEP:
            raise _beyond(f"Files are more than {_MOST_FOLDERS_DEEP} folders deep")
        items = [reader.items(tree) for tree in folder.trees]
        for name in _names(*items):
            three = Three(*(side.get(name) for side in items))
            if three.ours == three.base == three.theirs:
                continue
            seen += 1
            path = folder.path + name
            path_bytes += len(path)
            if seen > limit or path_bytes > _MOST_PATH_BYTES:
                raise _beyond(f"More than {limit:,} files and folders, or their names, differ")
            if not whole and _as_one(three):
                found.by_path[path] = three
                continue
            trees = tuple(item.object_id if item is not None and item.is_tree else None for item in three)
            leaves = Three(*(item if item is not None and not item.is_tree else None for item in three))
            if any(trees):
                waiting.append(_Folder(path + b"/", (trees[0], trees[1], trees[2])))
            if any(leaves):
                found.by_path[path] = leaves
            if any(trees) and any(leaves):
                found.mixed.append(path)
    return found


def _as_one(three: Three) -> bool:
    """Whether one side's folder, or whatever it has instead of one, can be taken as it is."""
    has_tree = any(item is not None and item.is_tree for item in three)
    return has_tree and three.base in (three.ours, three.theirs)


def _names(*sides: Mapping[bytes, Item]) -> list[bytes]:
    return sorted({name for side in sides for name in side})


def _parsed(content: bytes) -> Iterator[tuple[bytes, Item]]:
    at = 0
    while at < len(content):
        space = content.index(b" ", at)
        end = content.index(b"\0", space)
        object_id = content[end + 1 : end + 1 + _ID_BYTES].hex()
        yield content[space + 1 : end], Item(_today(int(content[at:space], 8)), ObjectId(object_id))
        at = end + 1 + _ID_BYTES


def _today(mode: int) -> int:
    """Return a mode as Git writes it today: old histories have 100664 and 040755."""
    kind = mode & _KIND
    if kind == _REGULAR:
        return EXECUTABLE if mode & 0o100 else NORMAL
    return kind


def _beyond(what: str) -> Fault:
    return Fault(
        "MaximumItemsToCompareExceededException",
        f"{what}; merge with a Git client and push the result",
    )
