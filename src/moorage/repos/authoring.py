"""Commits made by the API: built in process on an opened repository, published like a push."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moorage.git.new_objects import NewObjects
from moorage.repos.opened import OpenRepository


@contextmanager
def building(opened: OpenRepository) -> Iterator[NewObjects]:
    """Yield a place for new objects on top of a repository's; it goes with the block's end.

    Publish within the block: `Proposal(…, received=new.packed(), source="api")`.
    """
    with opened.reading() as path, NewObjects(opened.cache.quarantine, path) as new:
        yield new
