"""Trees of a repository: what is at a path, what is in a folder, and trees with some paths changed.

Names are bytes, as Git has them. What is not changed is copied as it is, whatever its name and mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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

# Mode, name and id of one entry; a tree is nothing but these, one behind the other.
_LINE: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_FOLDER_MODES: Final = (b"40000", b"040000")


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


# Trees that were read, for who looks up many paths: libgit2 parses a large one anew each time.
Opened = dict[ObjectId, pygit2.Tree]


def entry_at(
    repository: pygit2.Repository, tree_id: ObjectId, path: str | bytes, opened: Opened | None = None
) -> Entry | None:
    """Return what is at a path (`docs/a.md`) below a tree; None where nothing is.

    The empty path is the tree itself. A path through a file, or through a submodule, leads nowhere.
    """
    parts = parts_of(path)
    found = Entry(FOLDER, tree_id, "folder")
    for depth, found in enumerate(entries_along(repository, tree_id, path, opened), 1):
        if depth == len(parts):
            return found
    return None if parts else found


def entries_along(
    repository: pygit2.Repository, tree_id: ObjectId, path: str | bytes, opened: Opened | None = None
) -> Iterator[Entry]:
    """Yield what is at each step of a path, `a`, `a/b` and `a/b/c` of `a/b/c`, as far as it leads."""
    folder, opened = tree_id, {} if opened is None else opened
    for name in parts_of(path):
        if folder not in opened:
            opened[folder] = _tree(repository, folder)
        found = _named(opened[folder], name)
        if found is None:
            return
        yield found
        if found.kind != "folder":
            return
        folder = found.object_id


def entries(repository: pygit2.Repository, tree_id: ObjectId) -> Iterator[Entry]:
    """Yield what is directly in a tree, in Git's order."""
    # Read from its lines: libgit2's binding makes an object of each entry, which takes longer than all else.
    _, content = repository.odb.read(tree_id)
    for mode, name, object_id in _LINE.findall(content):
        today = _today(int(mode, 8))
        yield Entry(today, ObjectId(object_id.hex()), _KINDS.get(today, "file"), name)


def changed(
    repository: pygit2.Repository,
    tree_id: ObjectId | None,
    changes: Mapping[str, Entry | None],
    store: Callable[[bytes], ObjectId],
) -> ObjectId:
    """Make a tree with entries put at paths, or (None) taken away; return its id.

    `repository` is read; `store` writes the content of each tree that is new.

    A folder left without anything goes too. A file in the way of a folder is replaced by it, and a
    folder by a file put at its path: whoever does not want that looks before, and at the names.
    """
    by_folder: dict[str, dict[str, Entry | None]] = {"": {}}
    for path, entry in changes.items():
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, {})[name] = entry
        for above in folders_of(folder + "/"):
            by_folder.setdefault(above, {})
    standing = _standing(repository, tree_id, sorted(by_folder, key=_depth))
    for folder in sorted(by_folder, key=_depth, reverse=True):
        content = _content(repository, standing[folder], by_folder[folder])
        if not folder:
            return store(content)
        parent, _, name = folder.rpartition("/")
        if content:
            by_folder[parent][name] = Entry(FOLDER, store(content), "folder")
        else:
            by_folder[parent].setdefault(name, None)
    raise AssertionError("the root comes last")


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


def _content(
    repository: pygit2.Repository, tree_id: ObjectId | None, changes: Mapping[str, Entry | None]
) -> bytes:
    """Return what one folder holds after changes; nothing where nothing would be in it."""
    named = {name.encode(): entry for name, entry in changes.items()}
    _, raw = repository.odb.read(tree_id) if tree_id is not None else (None, b"")
    lines = [line for line in _LINE.findall(raw) if line[1] not in named]
    lines += [
        (b"%o" % entry.mode, name, bytes.fromhex(entry.object_id))
        for name, entry in named.items()
        if entry is not None
    ]
    return b"".join([b"%b %b\0%b" % line for line in sorted(lines, key=_place)])


def _place(line: tuple[bytes, bytes, bytes]) -> bytes:
    """Return what Git sorts by: a folder's name counts as if it ended with a slash."""
    mode, name, _ = line
    return name + b"/" if mode in _FOLDER_MODES else name


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
