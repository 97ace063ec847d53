"""Trees of a repository: what is at a path, and what is in a folder. Whatever reads a tree reads it here.

Names are bytes, as Git has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import pygit2

from moorage.core.names import ObjectId

NORMAL: Final = 0o100644
EXECUTABLE: Final = 0o100755
SYMLINK: Final = 0o120000
SUBMODULE: Final = 0o160000
FOLDER: Final = 0o040000

REGULAR: Final = 0o100000  # the kind of a file, executable or not
_KIND_BITS: Final = 0o170000

# Mode, name and id of one entry; a tree is nothing but these, one behind the other.
Line = tuple[bytes, bytes, bytes]
_LINE: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)


class Item(NamedTuple):
    """What a tree has at a path: a mode as Git writes it today, and the id of a blob, tree or commit."""

    mode: int
    object_id: ObjectId

    @property
    def kind(self) -> int:
        """The mode without its permissions: REGULAR, SYMLINK, SUBMODULE or FOLDER."""
        return self.mode & _KIND_BITS

    @property
    def is_tree(self) -> bool:
        return self.mode == FOLDER

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, executable or not."""
        return self.kind == REGULAR

    @property
    def is_content(self) -> bool:
        """Whether it is a blob: a file or a symbolic link."""
        return self.kind in {REGULAR, SYMLINK}


def lines(repository: pygit2.Repository, tree: ObjectId | None) -> list[Line]:
    """Return the entries of a tree as they are written there, in Git's order; None is like an empty tree."""
    # Read by hand: libgit2's binding makes an object of each entry, which takes longer than all else.
    return _LINE.findall(repository.odb.read(tree)[1]) if tree is not None else []


def named(line: Line) -> tuple[bytes, Item]:
    """Return the name and the item of an entry."""
    mode, name, object_id = line
    return name, Item(_read_mode(mode), ObjectId(object_id.hex()))


def line(name: bytes, item: Item) -> Line:
    """Return an item as a tree has it."""
    return b"%o" % item.mode, name, bytes.fromhex(item.object_id)


def items(repository: pygit2.Repository, tree: ObjectId | None) -> dict[bytes, Item]:
    """Return what is directly in a tree by name, in Git's order; nothing is in None."""
    return dict(map(named, lines(repository, tree)))


def tree_of(repository: pygit2.Repository, commit: ObjectId) -> ObjectId:
    """Return the tree of a commit, which must be there."""
    return ObjectId(str(_tree(repository, commit).id))


# Trees that were read, for who looks up many paths: libgit2 parses a large one anew each time.
Opened = dict[ObjectId, pygit2.Tree]


def item_at(
    repository: pygit2.Repository, tree: ObjectId | None, path: str | bytes, opened: Opened | None = None
) -> Item | None:
    """Return what is at a path (`docs/a.md`) below a tree; None where nothing is.

    The empty path is the tree itself. A path through a file, or through a submodule, leads nowhere.
    """
    if tree is None:
        return None
    steps = [Item(FOLDER, tree), *items_along(repository, tree, path, opened)]
    return steps[-1] if len(steps) > len(_parts_of(path)) else None


def items_along(
    repository: pygit2.Repository, tree: ObjectId, path: str | bytes, opened: Opened | None = None
) -> Iterator[Item]:
    """Yield what is at each step of a path, `a`, `a/b` and `a/b/c` of `a/b/c`, as far as it leads."""
    folder, opened = tree, {} if opened is None else opened
    for name in _parts_of(path):
        if folder not in opened:
            opened[folder] = _tree(repository, folder)
        found = _looked_up(opened[folder], name)
        if found is None:
            return
        yield found
        if not found.is_tree:
            return
        folder = found.object_id


def folders_of(path: str) -> Iterator[str]:
    """Yield the folders that a path leads through, outermost first: `a` and `a/b` of `a/b/c`."""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _parts_of(path: str | bytes) -> list[bytes]:
    raw = path.encode() if isinstance(path, str) else path
    return raw.split(b"/") if raw else []


def _tree(repository: pygit2.Repository, object_id: ObjectId) -> pygit2.Tree:
    return repository[object_id].peel(pygit2.Tree)


def _looked_up(tree: pygit2.Tree, name: bytes) -> Item | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:  # libgit2's binding looks up text alone
        return next((_item(each) for each in tree if each.raw_name == name), None)
    try:
        return _item(tree[text])
    except KeyError:
        return None


def _item(found: pygit2.Object) -> Item:
    return Item(_today(int(found.filemode)), ObjectId(str(found.id)))


@lru_cache(maxsize=64)
def written_today(mode: bytes) -> bytes:
    """Return a mode as Git writes it today."""
    return b"%o" % _read_mode(mode)


@lru_cache(maxsize=64)
def _read_mode(mode: bytes) -> int:
    return _today(int(mode, 8))


def _today(mode: int) -> int:
    """Return a mode as Git writes it today and takes any other: old histories have 100664."""
    kind = mode & _KIND_BITS
    if kind == REGULAR:
        return EXECUTABLE if mode & 0o100 else NORMAL
    return kind if kind in {FOLDER, SYMLINK} else SUBMODULE
