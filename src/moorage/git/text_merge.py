"""Merging two versions of a text by lines.

Where lines differ is told by libgit2's xdiff, as for every diff. Which changes meet, and so conflict,
is decided here, as `git merge-file` does: changes that overlap or touch are one conflict, unless both
sides made the same of those lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

import pygit2

# Git takes content for binary that has a zero byte this early.
_LOOKED_AT_BYTES: Final = 8_000
_MARKER_SIZE: Final = 7


class Change(Enum):
    """Who changed the lines of a hunk; BOTH made the same of them."""

    OURS = "ours"
    THEIRS = "theirs"
    BOTH = "both"
    CONFLICT = "conflict"


class Lines(NamedTuple):
    """Lines of one version: from `start` (counted from 0) to `end`, which is not one of them."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that a side changed, in all three versions."""

    change: Change
    base: Lines
    ours: Lines
    theirs: Lines


class _Edit(NamedTuple):
    """Lines of the base, and what one side made of them."""

    base: Lines
    side: Lines


@dataclass(frozen=True, slots=True)
class TextMerge:
    """Three versions as lines, and the hunks in which they differ, in order."""

    base: list[bytes]
    ours: list[bytes]
    theirs: list[bytes]
    hunks: list[Hunk]

    @property
    def conflicts(self) -> int:
        return sum(hunk.change is Change.CONFLICT for hunk in self.hunks)

    def content(self, *, conflicts_to: Change = Change.OURS) -> bytes:
        """Return the merged text; lines in conflict are those of one side."""
        return b"".join(self._pieces(conflicts_to, markers=False))

    def marked(self) -> bytes:
        """Return the merged text with conflicts in it, between markers."""
        return b"".join(self._pieces(Change.OURS, markers=True))

    def _pieces(self, conflicts_to: Change, *, markers: bool) -> Iterator[bytes]:
        at = 0
        for hunk in self.hunks:
            yield from self.base[at : hunk.base.start]
            at = hunk.base.end
            change = conflicts_to if hunk.change is Change.CONFLICT else hunk.change
            if markers and hunk.change is Change.CONFLICT:
                yield from _marked(_cut(self.ours, hunk.ours), _cut(self.theirs, hunk.theirs))
            elif change is Change.THEIRS:
                yield from _cut(self.theirs, hunk.theirs)
            else:
                yield from _cut(self.ours, hunk.ours)
        yield from self.base[at:]


def is_binary(content: bytes) -> bool:
    """Tell whether Git takes the content for binary."""
    return b"\0" in content[:_LOOKED_AT_BYTES]


def merge_text(base: bytes, ours: bytes, theirs: bytes) -> TextMerge:
    """Compare and merge. Memory: some hundred bytes for each line that differs."""
    lines = [lines_of(content) for content in (base, ours, theirs)]
    edits = [(edit, Change.OURS) for edit in _edits(base, ours)]
    edits += [(edit, Change.THEIRS) for edit in _edits(base, theirs)]
    edits.sort(key=lambda each: each[0].base)
    hunks = [_hunk(group, lines) for group in _groups(edits)]
    return TextMerge(lines[0], lines[1], lines[2], list(_shifted(hunks)))


def lines_of(content: bytes) -> list[bytes]:
    """Split at line feeds alone, which stay with their lines."""
    *whole, rest = content.split(b"\n")
    lines = [line + b"\n" for line in whole]
    return [*lines, rest] if rest else lines


def _edits(base: bytes, side: bytes) -> list[_Edit]:
    patch = pygit2.Patch.create_from(base, side, context_lines=0, flag=pygit2.enums.DiffOption.FORCE_TEXT)
    return [
        _Edit(_range(hunk.old_start, hunk.old_lines), _range(hunk.new_start, hunk.new_lines))
        for hunk in patch.hunks
    ]


def _range(start: int, count: int) -> Lines:
    """Read a hunk's header: it counts lines from 1, and names the line before where there is none."""
    first = start - 1 if count else start
    return Lines(first, first + count)


_Group = list[tuple[_Edit, Change]]


def _groups(edits: _Group) -> Iterator[_Group]:
    """Split edits, in order, where one begins behind the end of all before it."""
    group: _Group = []
    end = -1
    for edit, change in edits:
        if group and edit.base.start > end:
            yield group
            group = []
        group.append((edit, change))
        end = max(end, edit.base.end) if len(group) > 1 else edit.base.end
    if group:
        yield group


def _hunk(group: _Group, lines: list[list[bytes]]) -> Hunk:
    """Make a hunk of a group. The range of a side that changed nothing is made right by `_shifted`."""
    base = Lines(min(edit.base.start for edit, _ in group), max(edit.base.end for edit, _ in group))
    sides = [
        _extended([edit for edit, change in group if change is side], base)
        for side in (Change.OURS, Change.THEIRS)
    ]
    if sides[0] is None or sides[1] is None:
        return Hunk(
            Change.THEIRS if sides[0] is None else Change.OURS, base, sides[0] or base, sides[1] or base
        )
    same = _cut(lines[1], sides[0]) == _cut(lines[2], sides[1])
    return Hunk(Change.BOTH if same else Change.CONFLICT, base, sides[0], sides[1])


def _extended(edits: list[_Edit], base: Lines) -> Lines | None:
    """Return a side's lines for a range of the base that is wider than what the side changed."""
    if not edits:
        return None
    first, last = edits[0], edits[-1]
    return Lines(
        first.side.start - (first.base.start - base.start), last.side.end + (base.end - last.base.end)
    )


def _shifted(hunks: list[Hunk]) -> Iterator[Hunk]:
    """Give the side that a hunk did not change the lines that it has there."""
    ours = theirs = 0  # how much longer the side has become so far
    for hunk in hunks:
        here = hunk
        if hunk.change is Change.OURS:
            here = Hunk(hunk.change, hunk.base, hunk.ours, _moved(hunk.base, theirs))
        elif hunk.change is Change.THEIRS:
            here = Hunk(hunk.change, hunk.base, _moved(hunk.base, ours), hunk.theirs)
        ours, theirs = here.ours.end - here.base.end, here.theirs.end - here.base.end
        yield here


def _moved(lines: Lines, by: int) -> Lines:
    return Lines(lines.start + by, lines.end + by)


def _cut(lines: list[bytes], of: Lines) -> list[bytes]:
    return lines[of.start : of.end]


def _marked(ours: list[bytes], theirs: list[bytes]) -> Iterator[bytes]:
    yield b"<" * _MARKER_SIZE + b" ours\n"
    yield from _ended(ours)
    yield b"=" * _MARKER_SIZE + b"\n"
    yield from _ended(theirs)
    yield b">" * _MARKER_SIZE + b" theirs\n"


def _ended(lines: list[bytes]) -> list[bytes]:
    if lines and not lines[-1].endswith(b"\n"):
        return [*lines[:-1], lines[-1] + b"\n"]
    return lines
