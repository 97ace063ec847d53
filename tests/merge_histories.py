"""Histories to be merged, generated from a seed: contents, modes, renames, links, folders, criss-cross."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from moorage.core.names import ObjectId
from moorage.git.tree_writing import write_tree
from moorage.git.trees import EXECUTABLE, NORMAL, SYMLINK, Item

_FOLDERS = (b"", b"a/", b"a/deep/", b"b/")
_NAMES = (b"one", b"two", b"three.txt", b"a", b"b")

# Files by path; a file is its mode and content.
Files = dict[bytes, tuple[int, bytes]]


@dataclass
class History:
    """Commits in a bare repository, made in process."""

    folder: Path
    repository: pygit2.Repository = field(init=False)
    clock: int = 1_000

    def __post_init__(self) -> None:
        self.repository = pygit2.init_repository(str(self.folder), bare=True)

    def commit(self, files: Files, *parents: ObjectId) -> ObjectId:
        items: dict[bytes, Item | None] = {
            path: Item(mode, ObjectId(str(self.repository.create_blob(content))))
            for path, (mode, content) in files.items()
        }
        return self.commit_tree(write_tree(self.repository, None, items), *parents)

    def commit_tree(self, tree: ObjectId, *parents: ObjectId) -> ObjectId:
        self.clock += 10
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{who} A U Thor <a@example.com> {self.clock} +0000" for who in ("author", "committer")]
        content = "\n".join([*lines, "", "generated\n"]).encode()
        return ObjectId(str(self.repository.odb.write(pygit2.enums.ObjectType.COMMIT, content)))


@dataclass(frozen=True)
class Pair:
    """Two commits to be merged, and the seed they came from."""

    seed: int
    ours: ObjectId
    theirs: ObjectId


def pairs(history: History, count: int, first_seed: int = 0) -> Iterator[Pair]:
    for seed in range(first_seed, first_seed + count):
        yield Pair(seed, *_one(history, random.Random(seed)))


def _one(history: History, chance: random.Random) -> tuple[ObjectId, ObjectId]:
    start = _start(chance)
    base = history.commit(start)
    ours, theirs = _edited(chance, start), _edited(chance, start)
    if chance.random() < 0.05:  # nothing in common
        return history.commit(ours), history.commit(theirs)
    tips = history.commit(ours, base), history.commit(theirs, base)
    if chance.random() < 0.3:  # each merges the other, in its own way
        one, two = dict(chance.choice((ours, theirs))), dict(chance.choice((ours, theirs)))
        one, two = _edited(chance, one), _edited(chance, two)
        return history.commit(one, *tips), history.commit(two, *reversed(tips))
    return tips


def _start(chance: random.Random) -> Files:
    files: Files = {}
    for _ in range(chance.randint(1, 6)):
        _put(files, _path(chance), (chance.choice((NORMAL, NORMAL, EXECUTABLE)), _content(chance)))
    return files


def _edited(chance: random.Random, start: Files) -> Files:
    files = dict(start)
    for _ in range(chance.randint(1, 4)):
        _edit(chance, files)
    return files


def _edit(chance: random.Random, files: Files) -> None:
    path = chance.choice(sorted(files)) if files else None
    kind = chance.choice(
        ("text", "text", "text", "mode", "rename", "delete", "add", "link", "binary", "folder")
    )
    if path is None or kind == "add":
        _put(files, _path(chance), (NORMAL, _content(chance)))
        return
    mode, content = files[path]
    if kind == "text":
        files[path] = (mode, _changed(chance, content))
    elif kind == "mode":
        files[path] = (NORMAL if mode != NORMAL else EXECUTABLE, content)
    elif kind == "rename":
        del files[path]
        if chance.random() < 0.4:
            content = _changed(chance, content)
        _put(files, _path(chance), (mode, content))
    elif kind == "delete":
        del files[path]
    elif kind == "link":
        files[path] = (SYMLINK, b"target-%d" % chance.randint(1, 2))
    elif kind == "binary":
        files[path] = (mode, b"\0" + content)
    else:
        _put(files, path + b"/inside", (NORMAL, _content(chance)))


def _put(files: Files, path: bytes, file: tuple[int, bytes]) -> None:
    """Put a file; whatever would be its folder, or in a folder of its name, goes."""
    for other in list(files):
        if other.startswith(path + b"/") or path.startswith(other + b"/"):
            del files[other]
    files[path] = file


def _path(chance: random.Random) -> bytes:
    return chance.choice(_FOLDERS) + chance.choice(_NAMES)


def _content(chance: random.Random) -> bytes:
    word = chance.choice((b"alpha", b"beta", b"gamma"))
    return b"".join(b"%b %d\n" % (word, line) for line in range(chance.randint(0, 12)))


def _changed(chance: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    for _ in range(chance.randint(1, 2)):
        at = chance.randint(0, len(lines))
        kind = chance.random()
        if kind < 0.4:
            lines.insert(at, chance.choice((b"new", b"other", b"")))
        elif kind < 0.7:
            del lines[at : at + chance.randint(1, 2)]
        elif at < len(lines):
            lines[at] = lines[at] + b"!"
    return b"\n".join(lines)
