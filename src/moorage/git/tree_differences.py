"""Which files differ between two trees, in the order and with the modes of `git diff-tree -r`.

Folders that are the same on both sides are never read, and nothing is kept but the way to where the
walk is: a page of a difference of millions of files costs what is on the page. A walk can start after
any path, and then reads only the folders on the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pygit2

from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.trees import Item, Line


class Difference(NamedTuple):
    """One file that differs. None: it is not there on that side."""

    path: bytes
    before: Item | None
    after: Item | None

    @property
    def change(self) -> Literal["A", "M", "D"]:
        if self.before is None:
            return "A"
        return "D" if self.after is None else "M"


class _Pair(NamedTuple):
    before: Item | None
    after: Item | None


@dataclass(slots=True)
class _Folder:
    """A pair of folders on the way of the walk, and what is still to be done in it."""

    path: bytes
    key: tuple[ObjectId | None, ObjectId | None]
    left: Iterator[tuple[bytes, _Pair]]
    whole: bool  # it is walked from its first entry
    found: bool = field(default=False)


def differences(
    repository: pygit2.Repository,
    before: Item | None,
    after: Item | None,
    *,
    start_after: bytes | None = None,
    additions: bool = True,
) -> Iterator[Difference]:
    """Yield what differs between two items, ordered by path, after the path `start_after` if given.

    Without `additions`, what is in the later item alone is neither told nor, where it is a folder, read.

    The items are trees, or single files, whose path is then empty. None is like an empty tree.
    """
    if before == after:
        return
    if any(item is not None and not item.is_tree for item in (before, after)) and start_after is None:
        yield Difference(b"", _leaf(before), _leaf(after))
    walk = _Walk(repository, start_after or b"", additions=additions)
    yield from walk.below(_tree_id(before), _tree_id(after))


class _Walk:
    def __init__(self, repository: pygit2.Repository, start_after: bytes, *, additions: bool) -> None:
        self._repository = repository
        self._additions = additions
        self._start_after = start_after
        # Empty folders, in themselves harmless, can be nested so that no walk would come to an end.
        self._barren: set[tuple[ObjectId | None, ObjectId | None]] = set()

    def below(self, before: ObjectId | None, after: ObjectId | None) -> Iterator[Difference]:
        # By hand, for folders may be nested deeper than Python's calls.
        way = [self._folder(b"", before, after)]
        while way:
            here = way[-1]
            name, pair = next(here.left, (None, None))
            if name is None or pair is None:
                way.pop()
                if here.found and way:
                    way[-1].found = True
                elif here.whole and not here.found:
                    self._barren.add(here.key)
                continue
            path = here.path + name
            if name.endswith(b"/"):
                key = _tree_id(pair.before), _tree_id(pair.after)
                if key not in self._barren:
                    way.append(self._folder(path, *key))
            else:
                here.found = True
                yield Difference(path, pair.before, pair.after)

    def _folder(self, path: bytes, before: ObjectId | None, after: ObjectId | None) -> _Folder:
        pairs = sorted(self._pairs(before, after).items())
        start = self._start_after
        if not start.startswith(path):
            return _Folder(path, (before, after), iter(pairs), whole=True)
        rest = start[len(path) :]
        left = [
            (name, pair)
            for name, pair in pairs
            if name > rest or (name.endswith(b"/") and rest.startswith(name))
        ]
        return _Folder(path, (before, after), iter(left), whole=not rest)

    def _pairs(self, before: ObjectId | None, after: ObjectId | None) -> dict[bytes, _Pair]:
        """Return what differs directly in two folders, by name; names of folders end with a slash."""
        old, new = self._lines(before), self._lines(after)
        olds = dict(_named(line) for line in old if line not in new)
        news = dict(_named(line) for line in new if line not in old)
        found = {}
        for name in olds.keys() | news.keys() if self._additions else olds.keys():
            pair = _Pair(olds.get(name), news.get(name))
            if pair.before != pair.after:  # a mode may be written in two ways
                found[name] = pair
        return found

    def _lines(self, tree: ObjectId | None) -> dict[Line, None]:
        return dict.fromkeys(trees.lines(self._repository, tree))


def _named(line: Line) -> tuple[bytes, Item]:
    name, item = trees.named(line)
    return name + b"/" if item.is_tree else name, item


def _leaf(found: Item | None) -> Item | None:
    return None if found is None or found.is_tree else found


def _tree_id(found: Item | None) -> ObjectId | None:
    return found.object_id if found is not None and found.is_tree else None
