"""Matching text against `*` and `?` in time that grows with the text, never exponentially.

A pattern is cut at its stars. The first and last piece are anchored, each piece between is looked
for after the one before it; the leftmost place is always the best one, so nothing is ever tried
again. Pieces without `?` are found by `str.find`; those with `?` by the Shift-And automaton, whose
state is one integer with a bit for each character of the piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from itertools import pairwise

_WILDCARDS = re.compile(r"([*?])")


class Wild(Enum):
    """What stands for more than itself in a pattern."""

    ANY = "*"  # any run of characters, also an empty one
    ONE = "?"  # exactly one character


class _Piece:
    """The part of a pattern between two stars: literal runs with gaps of one character each."""

    __slots__ = ("_automaton", "_literal", "_runs", "length")

    def __init__(self, elements: list[str | Wild]) -> None:
        self._runs: list[tuple[int, str]] = []
        self.length = 0
        for element in elements:
            if isinstance(element, str):
                self._runs.append((self.length, element))
                self.length += len(element)
            else:
                self.length += 1
        holes = any(element is Wild.ONE for element in elements)
        self._literal = None if holes else "".join(run for _, run in self._runs)
        self._automaton: tuple[dict[str, int], int] | None = None

    def stands_at(self, text: str, start: int) -> bool:
        if self._literal is not None:
            return text.startswith(self._literal, start)
        fits = 0 <= start <= len(text) - self.length
        return fits and all(text.startswith(run, start + offset) for offset, run in self._runs)

    def end_of_first(self, text: str, start: int, end: int) -> int:
        """Return where the leftmost occurrence within text[start:end] ends, or -1."""
        if self._literal is not None:
            found = text.find(self._literal, start, end)
            return found if found < 0 else found + self.length
        return self._search(text, start, end)

    def _search(self, text: str, start: int, end: int) -> int:
        bits, wild = self._automaton or self._build()
        state, last = 0, 1 << (self.length - 1)
        for at in range(start, end):
            state = ((state << 1) | 1) & bits.get(text[at], wild)
            if state & last:
                return at + 1
        return -1

    def _build(self) -> tuple[dict[str, int], int]:
        wild = (1 << self.length) - 1
        for offset, run in self._runs:
            wild &= ~(((1 << len(run)) - 1) << offset)
        bits: dict[str, int] = {}
        for offset, run in self._runs:
            for index, character in enumerate(run):
                bits[character] = bits.get(character, wild) | 1 << (offset + index)
        self._automaton = bits, wild
        return self._automaton


class Glob:
    """A compiled pattern. Literal text in `elements` is taken as it is, whatever it holds."""

    __slots__ = ("_exact", "_first", "_last", "_middle", "_minimum")

    def __init__(self, elements: Iterable[str | Wild]) -> None:
        pieces = _cut(elements)
        self._minimum = sum(piece.length for piece in pieces)
        self._exact = len(pieces) == 1
        self._first, self._last = pieces[0], pieces[-1]
        self._middle = [piece for piece in pieces[1:-1] if piece.length]

    def matches(self, text: str) -> bool:
        """Tell whether the whole of `text` fits the pattern."""
        if self._exact:
            return len(text) == self._minimum and self._first.stands_at(text, 0)
        if len(text) < self._minimum or not self._first.stands_at(text, 0):
            return False
        start, end = self._first.length, len(text) - self._last.length
        if not self._last.stands_at(text, end):
            return False
        for piece in self._middle:
            start = piece.end_of_first(text, start, end)
            if start < 0:
                return False
        return True


def _cut(elements: Iterable[str | Wild]) -> list[_Piece]:
    pattern = list(elements)
    stars = [-1, *(at for at, element in enumerate(pattern) if element is Wild.ANY), len(pattern)]
    return [_Piece(pattern[before + 1 : after]) for before, after in pairwise(stars)]


def elements_of(text: str) -> list[str | Wild]:
    """Read a pattern that has wildcards but no variables, as an action's name is."""
    cut = _WILDCARDS.split(text)
    return [Wild(piece) if piece in ("*", "?") else piece for piece in cut if piece]
