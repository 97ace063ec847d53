"""What two sides did to a tree: every path that either changed, found without reading equal folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.trees import Item

# What a push may hold and no merge looks at: folders this large, this deep, or with names this long.
_MOST_TREE_BYTES: Final = 8 << 20
_MOST_FOLDERS_DEEP: Final = 500
_MOST_PATH_BYTES: Final = 64 << 20  # of all paths that differ


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


def changes(
    repository: pygit2.Repository,
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
        items = [_items(repository, tree) for tree in folder.trees]
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
            below = tuple(item.object_id if item is not None and item.is_tree else None for item in three)
            leaves = Three(*(item if item is not None and not item.is_tree else None for item in three))
            if any(below):
                waiting.append(_Folder(path + b"/", (below[0], below[1], below[2])))
            if any(leaves):
                found.by_path[path] = leaves
            if any(below) and any(leaves):
                found.mixed.append(path)
    return found


def _as_one(three: Three) -> bool:
    """Whether one side's folder, or whatever it has instead of one, can be taken as it is."""
    has_tree = any(item is not None and item.is_tree for item in three)
    return has_tree and three.base in (three.ours, three.theirs)


def _names(*sides: Mapping[bytes, Item]) -> list[bytes]:
    return sorted({name for side in sides for name in side})


def _items(repository: pygit2.Repository, tree: ObjectId | None) -> dict[bytes, Item]:
    if tree is not None and repository.odb.read_header(tree)[1] > _MOST_TREE_BYTES:
        raise _beyond(f"A folder takes more than {_MOST_TREE_BYTES >> 20} MB")
    return trees.items(repository, tree)


def _beyond(what: str) -> Fault:
    return Fault(
        "MaximumItemsToCompareExceededException",
        f"{what}; merge with a Git client and push the result",
    )
