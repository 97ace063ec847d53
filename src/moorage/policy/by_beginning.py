"""The statements about one action, found by how a resource's name begins.

Of a large policy most statements are about other resources than the one asked for, and most of those
differ in the first letters of the last part of their ARNs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moorage.policy.statement import Statement

# For fewer, looking at each costs less than finding some.
_WORTHWHILE = 4


class ByBeginning:
    """Some statements of a document, in its order."""

    __slots__ = ("_by_beginning", "_lengths", "_others", "all")

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.all: tuple[Statement, ...] = tuple(statements)
        others: list[Statement] = []
        beginnings: dict[str, list[Statement]] = {}
        for statement in self.all:
            found = () if len(self.all) < _WORTHWHILE else _beginnings(statement)
            if not found:
                others.append(statement)
            for beginning in found:
                beginnings.setdefault(beginning, []).append(statement)
        self._others = tuple(others)
        self._by_beginning = {beginning: tuple(found) for beginning, found in beginnings.items()}
        self._lengths = tuple(sorted({len(beginning) for beginning in beginnings}))

    def candidates(self, last_part: str | None) -> Sequence[Statement]:
        """Return, in order, at least those that can cover a resource whose ARN ends so.

        None stands for a resource that is no ARN.
        """
        if last_part is None:
            return self.all
        found = self._others
        for length in self._lengths:
            more = self._by_beginning.get(last_part[:length])
            if more is not None:
                found = (*found, *more) if found else more
        if len(found) < 2 or found is self._others:
            return found
        # One that names several beginnings may be there twice.
        return sorted(dict.fromkeys(found), key=_index)


def _index(statement: Statement) -> int:
    return statement.index


def _beginnings(statement: Statement) -> Sequence[str]:
    """Return how the resources of a statement begin; none where that tells nothing."""
    if statement.resources is None or statement.not_resource:
        return ()
    return statement.resources.beginnings
