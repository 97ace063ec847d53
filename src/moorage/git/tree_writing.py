"""Trees with some paths changed: only the folders on the way to them are written anew."""

from __future__ import annotations

from collections.abc import Mapping

import pygit2

from moorage.core.names import ObjectId
from moorage.git.tree_changes import DIRECTORY, Item, TreeReader


def write_tree(
    repository: pygit2.Repository, tree: ObjectId | None, edits: Mapping[bytes, Item | None]
) -> ObjectId:
    """Write a tree with items put at paths, or (None) taken away; return its id.

    A folder left without anything goes too. A file in the way of an edit's folder is replaced by it,
    whatever the edits say of it.
    """
    nested: dict[bytes, _Node] = {}
    for path in sorted(edits):
        _place(nested, path.split(b"/"), edits[path])
    written = _written(repository, TreeReader(repository), tree, nested)
    return written or _store(repository, {})


class _Node:
    """What happens at one name of a folder: an item is put there, then edits are made below it."""

    __slots__ = ("below", "item", "touched")

    def __init__(self) -> None:
        self.item: Item | None = None
        self.touched = False
        self.below: dict[bytes, _Node] = {}


def _place(nested: dict[bytes, _Node], parts: list[bytes], item: Item | None) -> None:
    node = nested.setdefault(parts[0], _Node())
    for part in parts[1:]:
        node = node.below.setdefault(part, _Node())
    node.item, node.touched = item, True


def _written(
    repository: pygit2.Repository, reader: TreeReader, tree: ObjectId | None, nested: dict[bytes, _Node]
) -> ObjectId | None:
    """Write a folder; None where nothing would be in it. As deep as a path, whose depth fsck bounds."""
    items = reader.items(tree)
    for name, node in nested.items():
        item = node.item if node.touched else items.get(name)
        if node.below:
            below = item.object_id if item is not None and item.is_tree else None
            folder = _written(repository, reader, below, node.below)
            if folder is not None:
                item = Item(DIRECTORY, folder)
            elif item is not None and item.is_tree:
                item = None
        if item is None:
            items.pop(name, None)
        else:
            items[name] = item
    return _store(repository, items) if items else None


def _store(repository: pygit2.Repository, items: Mapping[bytes, Item]) -> ObjectId:
    lines = [
        b"%o %b\0%b" % (item.mode, name, bytes.fromhex(item.object_id))
        for name, item in sorted(items.items(), key=_place_of)
    ]
    return ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, b"".join(lines))))


def _place_of(named: tuple[bytes, Item]) -> bytes:
    """Return what Git sorts by: a folder's name counts as if it ended with a slash."""
    name, item = named
    return name + b"/" if item.is_tree else name
