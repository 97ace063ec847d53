"""Trees of a repository: what is at a path, what is in a folder, and trees with some paths changed.

Names are bytes, as Git has them. What is not changed is copied as it is, whatever its name and mode:
libgit2 does both, which costs a fraction of a millisecond for a folder of a thousand files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pygit2

from moorage.core.faults import Fault
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
    parts = parts_of(path)
    found = Entry(FOLDER, tree_id, "folder")
    for depth, found in enumerate(entries_along(repository, tree_id, path), 1):
        if depth == len(parts):
            return found
    return None if parts else found


def entries_along(repository: pygit2.Repository, tree_id: ObjectId, path: str | bytes) -> Iterator[Entry]:
    """Yield what is at each step of a path, `a`, `a/b` and `a/b/c` of `a/b/c`, as far as it leads."""
    folder = tree_id
    for name in parts_of(path):
        found = _named(_tree(repository, folder), name)
        if found is None:
            return
        yield found
        if found.kind != "folder":
            return
        folder = found.object_id


def entries(repository: pygit2.Repository, tree_id: ObjectId) -> Iterator[Entry]:
    """Yield what is directly in a tree, in Git's order."""
    for item in _tree(repository, tree_id):
        yield _entry(item)


def changed(
    repository: pygit2.Repository, tree_id: ObjectId | None, changes: Mapping[str, Entry | None]
) -> ObjectId:
    """Write a tree with entries put at paths, or (None) taken away; return its id.

    A folder left without anything goes too. A file in the way of a folder is replaced by it, and a
    folder by a file put at its path: whoever does not want that looks before.

    Raises:
        Fault: InvalidPathException for a name that libgit2 takes for Git's own folder.
    """
    by_folder: dict[str, dict[str, Entry | None]] = {"": {}}
    for path, entry in changes.items():
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, {})[name] = entry
        for above in folders_of(folder + "/"):
            by_folder.setdefault(above, {})
    standing = _standing(repository, tree_id, sorted(by_folder, key=_depth))
    for folder in sorted(by_folder, key=_depth, reverse=True):
        written = _write(repository, standing[folder], by_folder[folder])
        if not folder:
            break
        parent, _, name = folder.rpartition("/")
        if written is not None:
            by_folder[parent][name] = Entry(FOLDER, written, "folder")
        else:
            by_folder[parent].setdefault(name, None)
    return written or ObjectId(str(repository.TreeBuilder().write()))


def folders_of(path: str) -> Iterator[str]:
    """Yield the folders that a path leads through, outermost first: `a` and `a/b` of `a/b/c`."""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _standing(
    repository: pygit2.Repository, tree_id: ObjectId | None, folders: list[str]
) -> dict[str, ObjectId | None]:
    """Return the trees of folders, given outermost first; None where there is no such folder."""
    found: dict[str, ObjectId | None] = {}
    for folder in folders:
        parent, _, name = folder.rpartition("/")
        above = found[parent] if folder else tree_id
        entry = entry_at(repository, above, name) if above is not None else None
        found[folder] = entry.object_id if entry is not None and entry.kind == "folder" else None
    return found


def _write(
    repository: pygit2.Repository, tree_id: ObjectId | None, changes: Mapping[str, Entry | None]
) -> ObjectId | None:
    """Write one folder; None where nothing would be in it."""
    builder = repository.TreeBuilder(_tree(repository, tree_id)) if tree_id else repository.TreeBuilder()
    for name, entry in changes.items():
        if entry is None:
            if builder.get(name) is not None:
                builder.remove(name)
            continue
        try:
            builder.insert(name, pygit2.Oid(hex=entry.object_id), entry.mode)
        except (pygit2.GitError, ValueError) as error:
            raise Fault(
                "InvalidPathException", f"Git refuses a file or folder of that name: {error}"
            ) from error
    return ObjectId(str(builder.write())) if len(builder) else None


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
