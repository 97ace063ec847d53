"""Where the statements of a policy stand in its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from json import JSONDecoder

_DECODER = JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Span:
    """A statement's place: offsets into the text, the end one past its closing brace."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """A character's place as people count: line and column, both from 1."""

    line: int
    column: int


# A simulation asks for each statement of a policy, of many policies in turn.
@lru_cache(maxsize=64)
def statement_spans(text: str) -> tuple[Span, ...]:
    """Return where each statement stands, in order. The text is a policy that `parse` accepted."""
    at = _after(text, 0, "{")
    while True:
        name, at = _DECODER.raw_decode(text, at)
        start = _after(text, at, ":")
        if name == "Statement":
            return _elements(text, start)
        _, at = _DECODER.raw_decode(text, start)
        at = _after(text, at, ",")


def place_of(text: str, offset: int) -> Place:
    """Return the line and column of the character at an offset."""
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _elements(text: str, start: int) -> tuple[Span, ...]:
    if text[start] != "[":
        return (Span(start, _DECODER.raw_decode(text, start)[1]),)
    spans: list[Span] = []
    at = _after(text, start, "[")
    while True:
        end = _DECODER.raw_decode(text, at)[1]
        spans.append(Span(at, end))
        end = _skip(text, end)
        if text[end] == "]":
            return tuple(spans)
        at = _after(text, end, ",")


def _after(text: str, at: int, sign: str) -> int:
    """Return where the next value begins behind a sign that must stand here."""
    at = _skip(text, at)
    if text[at] != sign:
        raise ValueError(f"no {sign} at {at}: parse accepted another text")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
