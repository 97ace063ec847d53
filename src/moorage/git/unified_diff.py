"""Reading what `git diff` prints: hunks, and lines with their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

_HEADER: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

Kind = Literal["CONTEXT", "ADD", "DELETE"]
_KINDS: Final[dict[bytes, Kind]] = {b" ": "CONTEXT", b"+": "ADD", b"-": "DELETE"}


class Change(NamedTuple):
    """A line: its number on either side (from 1; None where it is not there), and its bytes, no newline."""

    kind: Kind
    before: int | None
    after: int | None
    content: bytes


class Hunk(NamedTuple):
    """Lines that follow one another. With a count of 0, a start is the line before, as Git has it."""

    before_start: int
    before_count: int
    after_start: int
    after_count: int
    changes: list[Change]


class _Reader:
    """Where the reading is: the numbers of the next line, and how many the hunk still has."""

    def __init__(self) -> None:
        self.before = self.after = 1
        self.before_left = self.after_left = 0

    def enter(self, header: re.Match[bytes]) -> None:
        before, before_count, after, after_count = header.groups(default=b"1")
        self.before_left, self.after_left = int(before_count), int(after_count)
        self.before = int(before) + (self.before_left == 0)
        self.after = int(after) + (self.after_left == 0)

    def is_inside(self) -> bool:
        return bool(self.before_left or self.after_left)

    def line(self, line: bytes) -> Change | None:
        """Take a line; None for the remark that a file does not end with a newline."""
        kind = _KINDS.get(line[:1])
        if kind is None:
            return None
        before = self.before if kind != "ADD" else None
        after = self.after if kind != "DELETE" else None
        if before is not None:
            self.before, self.before_left = self.before + 1, self.before_left - 1
        if after is not None:
            self.after, self.after_left = self.after + 1, self.after_left - 1
        return Change(kind, before, after, line[1:].removesuffix(b"\n"))


def hunks(lines: Iterable[bytes], longest: int) -> Iterator[Hunk]:
    """Yield the hunks of one file's unified diff. One of more than `longest` lines comes in parts."""
    reader = _Reader()
    changes: list[Change] = []
    start = reader.before, reader.after
    for line in lines:
        if not reader.is_inside():
            if header := _HEADER.match(line):
                reader.enter(header)
                start = reader.before, reader.after
            continue
        change = reader.line(line)
        if change is not None:
            changes.append(change)
        if changes and (not reader.is_inside() or len(changes) == longest):
            yield _hunk(start, changes)
            start, changes = (reader.before, reader.after), []


def hunks_of_new(content: bytes, longest: int) -> Iterator[Hunk]:
    """Yield the hunks of a file that was not there before: all its lines are added."""
    changes: list[Change] = []
    at = number = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        number += 1
        changes.append(Change("ADD", None, number, content[at:end]))
        at = end + 1
        if len(changes) == longest:
            yield _hunk((1, number - longest + 1), changes)
            changes = []
    if changes:
        yield _hunk((1, number - len(changes) + 1), changes)


def _hunk(start: tuple[int, int], changes: list[Change]) -> Hunk:
    before = sum(change.before is not None for change in changes)
    after = sum(change.after is not None for change in changes)
    return Hunk(start[0] - (before == 0), before, start[1] - (after == 0), after, changes)
