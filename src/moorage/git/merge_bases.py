"""Where two histories met last: the best common ancestors of two commits.

A common ancestor is best when no other common ancestor has it in its own history. Two branches that
merged each other (criss-cross) have several; the first is told, all of them count in a merge.

pygit2 finds one of them only. The others are found at the edge of what one side has alone: on the
way from a tip to a best common ancestor, nothing before it can be common.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import pygit2

from moorage.core.names import ObjectId

_NEWEST_FIRST: Final = pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME


def merge_base(repository: pygit2.Repository, a: ObjectId, b: ObjectId) -> ObjectId | None:
    """Return a best common ancestor of two commits; None where their histories have none."""
    # The stubs do not know of None.
    found = cast("pygit2.Oid | None", repository.merge_base(pygit2.Oid(hex=a), pygit2.Oid(hex=b)))
    return None if found is None else ObjectId(str(found))


def merge_bases(repository: pygit2.Repository, a: ObjectId, b: ObjectId) -> tuple[ObjectId, ...]:
    """Return all best common ancestors of two commits, the one that `merge_base` tells first.

    The cost grows with the commits that `a` has and `b` has not.
    """
    first = merge_base(repository, a, b)
    if first is None or first in (a, b):
        return () if first is None else (first,)
    candidates = _edge(repository, a, b) - {first}
    found = [first]
    while candidates:
        # Of what none of the found has in its history, the newest is in no other candidate's either.
        beyond = _walk(repository, candidates, found)
        best = next((commit for commit in beyond if commit in candidates), None)
        if best is None:
            break
        found.append(best)
        candidates.remove(best)
    return tuple(found)


def is_ancestor(repository: pygit2.Repository, older: ObjectId, newer: ObjectId) -> bool:
    """Tell whether `newer` has `older` in its history; a commit has itself."""
    return older == newer or merge_base(repository, older, newer) == older


def divergence(repository: pygit2.Repository, a: ObjectId, b: ObjectId) -> int:
    """Return how many commits only one of the two has in its history."""
    return sum(repository.ahead_behind(pygit2.Oid(hex=a), pygit2.Oid(hex=b)))


def _edge(repository: pygit2.Repository, a: ObjectId, b: ObjectId) -> set[ObjectId]:
    """Return the parents of what `a` has alone which `b` has too: every best common ancestor is one."""
    own: set[str] = set()
    parents: set[str] = set()
    walker = repository.walk(pygit2.Oid(hex=a), pygit2.enums.SortMode.NONE)
    walker.hide(pygit2.Oid(hex=b))
    for commit in walker:
        own.add(str(commit.id))
        parents.update(map(str, commit.parent_ids))
    return {ObjectId(parent) for parent in parents - own}


def _walk(repository: pygit2.Repository, tips: set[ObjectId], hidden: list[ObjectId]) -> Iterator[ObjectId]:
    """Yield what `tips` have in their histories and `hidden` have not, descendants before ancestors."""
    walker = repository.walk(None, _NEWEST_FIRST)
    for tip in tips:
        walker.push(pygit2.Oid(hex=tip))
    for commit in hidden:
        walker.hide(pygit2.Oid(hex=commit))
    return (ObjectId(str(commit.id)) for commit in walker)
