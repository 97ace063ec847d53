"""The history of one file: its versions, each with the versions that came of it, through renames.

A version is a commit that changed the file, with the path it had there. Versions are told newest
first, one of another's before it. A page ends with a frontier, from which the next one goes on: the
versions whose newer ones were all told. So no page walks through those before it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import pygit2

from moorage.core.names import ObjectId
from moorage.git import objects, trees
from moorage.git.file_revisions import Revision, latest, revisions
from moorage.git.renames import RenameLimits, find_renames
from moorage.git.tree_differences import Difference, differences
from moorage.git.trees import Item

if TYPE_CHECKING:
    from moorage.git.environment import Place
    from moorage.git.objects import CommitInfo

# Versions at once that wait for older ones; beyond, a token would not hold them.
MOST_PENDING: Final = 5_000

# A commit that changes or deletes more files is not searched for renames beyond these.
_MOST_CHANGED: Final = 100_000
_MOST_DELETED: Final = 20_000
# All that one page looks at for renames. Folders can be nested so that there is no end of changed files.
MOST_LOOKED_AT: Final = 200_000
_RENAMES: Final = RenameLimits(pairs=1_000, bytes=16 << 20, comparisons=2_000_000)

_Pending = dict[ObjectId, list[ObjectId]]


class TooDivergent(Exception):
    """So many lines of history run beside one another, or so many files differ, that none can be followed."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a commit made of the file, and the commits of the versions that came of it."""

    commit: CommitInfo
    blob: ObjectId
    path: bytes
    children: tuple[ObjectId, ...]


@dataclass(slots=True)
class Frontier:
    """Where a history goes on: by path, versions still to be told, with those that came of them."""

    by_path: dict[bytes, _Pending] = field(default_factory=dict)
    begun: bytes | None = None  # the path whose versions are being told

    def add(self, path: bytes, commit: ObjectId, children: list[ObjectId]) -> None:
        pending = self.by_path.setdefault(path, {})
        told = pending.setdefault(commit, [])
        told += [child for child in children if child not in told]
        if sum(map(len, self.by_path.values())) > MOST_PENDING:
            raise TooDivergent

    def dumps(self) -> str:
        """Return it as text."""
        by_path = {_text(path): pending for path, pending in self.by_path.items() if pending}
        return json.dumps([None if self.begun is None else _text(self.begun), by_path])

    @staticmethod
    def loads(text: str) -> Frontier:
        """Read what `dumps` wrote."""
        begun, by_path = json.loads(text)
        return Frontier(
            {
                _raw(path): {
                    ObjectId(commit): [ObjectId(child) for child in children]
                    for commit, children in pending.items()
                }
                for path, pending in by_path.items()
            },
            None if begun is None else _raw(begun),
        )

    @property
    def commits(self) -> Iterator[ObjectId]:
        """The commits that the next page goes on from."""
        return (commit for pending in self.by_path.values() for commit in pending)


def page(
    place: Place, path: bytes, start: ObjectId | Frontier, limit: int
) -> tuple[list[Version], str | None]:
    """Return up to `limit` versions from a commit, or from a frontier; and the frontier after them, if any.

    Raises:
        TooDivergent: more than `MOST_PENDING` versions wait at once, or more than `MOST_LOOKED_AT`
            files would have to be looked at.
        ChildFailed: the walk took too long.
    """
    history = _History(place, start if isinstance(start, Frontier) else Frontier())
    with closing(history.versions(path, None if isinstance(start, Frontier) else start)) as told:
        return _page(history.frontier, told, limit)


def _page(frontier: Frontier, told: Iterator[Version], limit: int) -> tuple[list[Version], str | None]:
    versions: list[Version] = []
    next_page: str | None = None
    for version in told:
        if len(versions) == limit:
            return versions, next_page
        versions.append(version)
        if len(versions) == limit:
            next_page = frontier.dumps()
    return versions, None


class _History:
    def __init__(self, place: Place, frontier: Frontier) -> None:
        self.frontier = frontier
        self._place = place
        self._looked_at = 0
        self._repository = objects.open_bare(place.repository)

    def versions(self, path: bytes, start: ObjectId | None) -> Generator[Version]:
        """Yield versions; the frontier is then what is left below the last one yielded."""
        if start is not None:
            self.frontier.by_path[path] = {}
            yield from self._along(path, [start])
        while self.frontier.by_path:
            path = self._next_path()
            yield from self._along(path, list(self.frontier.by_path[path]))

    def _next_path(self) -> bytes:
        """Return the path to go on with: the one begun, else the one of the newest version.

        Versions at other paths may come of those at this one, and never the other way round where
        clocks are right.
        """
        by_path = self.frontier.by_path
        if self.frontier.begun in by_path:
            return self.frontier.begun
        if len(by_path) == 1:
            return next(iter(by_path))
        return max(by_path, key=lambda path: max(map(self._time, by_path[path])))

    def _time(self, commit: ObjectId) -> int:
        return self._commit(commit).commit_time

    def _along(self, path: bytes, tips: list[ObjectId]) -> Iterator[Version]:
        """Yield the versions at one path, and put on the frontier what came to it by renames."""
        self.frontier.begun = path
        pending = self.frontier.by_path[path]
        with revisions(self._place, tips, path) as walk:
            for revision in walk:
                children = pending.pop(revision.commit, [])
                blob = self._blob(revision.commit, path)
                if blob is None:  # it deletes the file, and is no version of it
                    self._pass_on(path, revision.parents, children)
                    continue
                self._pass_on(path, self._parents(revision, path), [revision.commit])
                yield Version(self._told(revision.commit), blob, path, tuple(children))
        del self.frontier.by_path[path]
        self.frontier.begun = None

    def _pass_on(self, path: bytes, parents: tuple[ObjectId, ...], children: list[ObjectId]) -> None:
        for parent in parents:
            self.frontier.add(path, parent, children)

    def _parents(self, revision: Revision, path: bytes) -> tuple[ObjectId, ...]:
        """Return the versions at the same path that a commit came of; follow renames of the others."""
        renamed = False
        for parent in map(_object_id, self._commit(revision.commit).parent_ids):
            if self._blob(parent, path) is None and (origin := self._origin(revision.commit, parent, path)):
                renamed = True
                self._follow(origin, parent, revision.commit)
        if not renamed:
            return revision.parents
        # What had the path before, and was deleted, is another file.
        return tuple(parent for parent in revision.parents if self._blob(parent, path) is not None)

    def _follow(self, origin: bytes, parent: ObjectId, child: ObjectId) -> None:
        version = latest(self._place, parent, origin)
        if version is not None:
            self.frontier.add(origin, version, [child])

    def _origin(self, commit: ObjectId, parent: ObjectId, path: bytes) -> bytes | None:
        """Return the path that a file was renamed from in a commit, seen from one parent."""
        added = trees.item_at(self._repository, self._tree(commit), path)
        if added is None:
            return None
        trees_of = (Item(trees.FOLDER, self._tree(each)) for each in (parent, commit))
        changed = differences(self._repository, *trees_of, additions=False)
        different = islice(self._counted(changed), _MOST_CHANGED)
        gone = (each for each in different if each.after is None)
        deleted = {
            each.path: each.before
            for each in islice(gone, _MOST_DELETED)
            if each.before is not None and each.before.mode != trees.SUBMODULE
        }
        if not deleted:
            return None
        found = find_renames(self._repository, deleted, {path: added}, set(deleted), _RENAMES)
        return next(iter(found), None)

    def _counted(self, found: Iterator[Difference]) -> Iterator[Difference]:
        for each in found:
            self._looked_at += 1
            if self._looked_at > MOST_LOOKED_AT:
                raise TooDivergent
            yield each

    def _blob(self, commit: ObjectId, path: bytes) -> ObjectId | None:
        """Return the file, or symbolic link, that a commit has at a path."""
        found = trees.item_at(self._repository, self._tree(commit), path)
        return found.object_id if found is not None and found.is_content else None

    def _tree(self, commit: ObjectId) -> ObjectId:
        return _object_id(self._commit(commit).tree_id)

    def _commit(self, commit: ObjectId) -> pygit2.Commit:
        return self._repository[commit].peel(pygit2.Commit)

    def _told(self, commit: ObjectId) -> CommitInfo:
        _, content = self._repository.odb.read(commit)
        return objects.parse_commit(commit, content)


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape")


def _raw(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _object_id(oid: object) -> ObjectId:
    return ObjectId(str(oid))
