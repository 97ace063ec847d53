"""The files that differ between two commits, or between a folder of one and a folder of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.git import trees
from moorage.git.tree_differences import Difference, differences

if TYPE_CHECKING:
    import pygit2

    from moorage.core.names import ObjectId
    from moorage.git.trees import Item


@dataclass(frozen=True, slots=True)
class Side:
    """A commit, and the file or folder in it that is compared; the empty path is all of it.

    Without a commit there is nothing on this side, and everything on the other is new.
    """

    commit: ObjectId | None
    path: str

    def item(self, repository: pygit2.Repository) -> Item | None:
        """Return what is at the path."""
        if self.commit is None:
            return None
        return trees.item_at(repository, trees.tree_of(repository, self.commit), self.path)

    def full(self, path: bytes) -> bytes:
        """Return the path of a difference as this side's commit has it."""
        return b"/".join(part for part in (self.path.encode(), path) if part)


class NothingThere(Exception):
    """Neither side has anything at its path."""


def between(
    repository: pygit2.Repository, before: Side, after: Side, *, start_after: bytes | None = None
) -> Iterator[Difference]:
    """Yield what differs, in the order of paths; paths are relative to the sides' paths.

    Raises:
        NothingThere: a path was asked for that neither commit has.
    """
    old, new = before.item(repository), after.item(repository)
    if old is None and new is None:
        raise NothingThere
    return differences(repository, old, new, start_after=start_after)
