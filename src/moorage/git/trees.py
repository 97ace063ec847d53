"""Trees of a repository: what is at a path, what is in a folder. Names are bytes, as Git has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import pygit2

from moorage.core.names import ObjectId

Kind = Literal["file", "symlink", "submodule", "folder"]

NORMAL: Final = 0o100644
EXECUTABLE: Final = 0o100755
SYMLINK: Final = 0o120000
SUBMODULE: Final = 0o160000
FOLDER: Final = 0o040000

_KIND_BITS: Final = 0o170000
_KINDS: Final[dict[int, Kind]] = {FOLDER: "folder", SYMLINK: "symlink", SUBMODULE: "submodule"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree has under one name. `mode` is as Git writes it today, whatever the tree has."""

    mode: int
    object_id: ObjectId
    kind: Kind
    name: bytes = b""

    @property
    def is_content(self) -> bool:
        """Whether it is a blob: a file or a symbolic link."""
        return self.kind in {"file", "symlink"}


def tree_of(repository: pygit2.Repository, commit_id: ObjectId) -> ObjectId:
    """Return the tree of a commit, which must be there."""
    return ObjectId(str(_tree(repository, commit_id).id))


def entry_at(repository: pygit2.Repository, tree_id: ObjectId, path: str | bytes) -> Entry | None:
    """Return what is at a path (`docs/a.md`) below a tree; None where nothing is.

    The empty path is the tree itself. A path through a file, or through a submodule, leads nowhere.
    """
    found = Entry(FOLDER, tree_id, "folder")
    for name in parts_of(path):
        if found.kind != "folder":
            return None
        inside = _named(_tree(repository, found.object_id), name)
        if inside is None:
            return None
        found = inside
    return found


def entries(repository: pygit2.Repository, tree_id: ObjectId) -> Iterator[Entry]:
    """Yield what is directly in a tree, in Git's order."""
    for item in _tree(repository, tree_id):
        yield _entry(item)


def parts_of(path: str | bytes) -> list[bytes]:
    """Return the names on a path; none for the root."""
    raw = path.encode() if isinstance(path, str) else path
    return raw.split(b"/") if raw else []


def _tree(repository: pygit2.Repository, object_id: ObjectId) -> pygit2.Tree:
    return repository[object_id].peel(pygit2.Tree)


def _named(tree: pygit2.Tree, name: bytes) -> Entry | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:  # libgit2's binding looks up text alone
        return next((_entry(item) for item in tree if _raw_name(item) == name), None)
    try:
        return _entry(tree[text])
    except KeyError:
        return None


def _entry(item: pygit2.Object) -> Entry:
    mode = _today(int(item.filemode))
    kind = _KINDS.get(mode, "file")
    return Entry(mode, ObjectId(str(item.id)), kind, _raw_name(item))


def _raw_name(item: pygit2.Object) -> bytes:
    return item.raw_name or b""


def _today(mode: int) -> int:
    """Return a mode as Git writes it today: old histories have 100664."""
    if mode & _KIND_BITS in _KINDS:
        return mode & _KIND_BITS
    return EXECUTABLE if mode & 0o100 else NORMAL
