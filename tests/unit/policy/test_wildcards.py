"""Wildcards match what IAM says, and never slowly."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.policy.wildcards import Glob, elements_of

LONGER = st.text(alphabet="ab*?", max_size=12)


def matches(pattern: str, text: str) -> bool:
    return Glob(elements_of(pattern)).matches(text)


def table_says(pattern: str, text: str) -> bool:
    """Fill the table of which prefixes match: the textbook way."""
    row = [True] + [False] * len(text)
    for sign in pattern:
        after = [row[0] and sign == "*"]
        for at, character in enumerate(text, start=1):
            after.append(
                (after[at - 1] or row[at]) if sign == "*" else row[at - 1] and sign in ("?", character)
            )
        row = after
    return row[-1]


def test_every_short_pattern_agrees_with_the_textbook_on_every_short_text() -> None:
    texts = ["".join(each) for length in range(6) for each in product("ab", repeat=length)]
    for pattern in (each for length in range(6) for each in product("ab*?", repeat=length)):
        glob = Glob(elements_of("".join(pattern)))
        for text in texts:
            assert glob.matches(text) is table_says("".join(pattern), text), (pattern, text)


@settings(deadline=None)
@given(LONGER, st.text(alphabet="ab", max_size=20))
def test_a_glob_agrees_with_the_textbook(pattern: str, text: str) -> None:
    assert matches(pattern, text) is table_says(pattern, text)


@settings(deadline=None)
@given(st.text())
def test_text_without_wildcards_matches_itself_alone(text: str) -> None:
    assert Glob([text] if text else []).matches(text)
    assert not Glob([text] if text else []).matches(f"{text}x")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("?", "", False),
        ("", "", True),
        ("", "a", False),
        ("**", "abc", True),
        ("a*b", "ab", True),
        ("ab*ba", "aba", False),
        ("*?*?*", "a", False),
        ("a?c*e?g", "abcdefg", True),
        ("[ab]", "a", False),
        ("\\*", "\\x", True),
        ("é?", "éé", True),
    ],
)
def test_a_pattern_covers_the_whole_text(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 1024, "a" * 2047 + "b"),
        ("*" + "a" * 1024 + "b", "a" * 2048),
        ("*?a" * 682 + "c", "a" * 2048),
        ("*" + "a?" * 1023 + "*b", "a" * 2048),
        ("*" + "?a" * 1023 + "b*", "a" * 2048),
        ("?*" * 1024 + "b", "a" * 2048),
    ],
)
def test_a_hostile_pattern_costs_nothing_to_speak_of(pattern: str, text: str) -> None:
    before = time.perf_counter()
    assert not matches(pattern, text)
    assert (
        time.perf_counter() - before < 1.0
    )  # seconds; it takes a few milliseconds, a backtracking matcher hours
