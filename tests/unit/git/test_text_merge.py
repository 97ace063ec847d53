"""Merging texts by lines, compared with libgit2's merge of single files."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.git.text_merge import Change, Lines, is_binary, lines_of, merge_text

LINE = st.sampled_from([b"a", b"b", b"c", b"a\r", b"", b"longer line"])
ENDS = st.sampled_from([b"", b"\n"])
TEXT = st.builds(lambda lines, end: b"\n".join(lines) + end, st.lists(LINE, max_size=9), ENDS)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> pygit2.Repository:
    folder: Path = tmp_path_factory.mktemp("repository")
    return pygit2.init_repository(str(folder), bare=True)


@given(base=TEXT, ours=TEXT, theirs=TEXT)
def test_what_conflicts_and_what_comes_of_the_rest_is_as_in_libgit2(
    repository: pygit2.Repository, base: bytes, ours: bytes, theirs: bytes
) -> None:
    merged = merge_text(base, ours, theirs)
    first, second, third = (
        pygit2.IndexEntry("f", repository.create_blob(content), pygit2.enums.FileMode.BLOB)
        for content in (base, ours, theirs)
    )
    try:
        expected = repository.merge_file_from_index(first, second, third)
    except RuntimeError:  # pygit2 cannot return an empty file
        assert merged.content() == b""
        return
    assert (merged.conflicts == 0) == expected.automergeable
    if expected.automergeable:
        assert merged.content().decode() == expected.contents


@given(base=TEXT, ours=TEXT, theirs=TEXT)
def test_hunks_tell_each_side_whole(base: bytes, ours: bytes, theirs: bytes) -> None:
    """Outside the hunks all three versions are equal, line for line."""
    merged = merge_text(base, ours, theirs)
    for side, content in (("ours", ours), ("theirs", theirs)):
        lines = lines_of(content)
        rebuilt: list[bytes] = []
        at = 0
        for hunk in merged.hunks:
            part: Lines = getattr(hunk, side)
            rebuilt += merged.base[at : hunk.base.start]
            assert len(rebuilt) == part.start
            rebuilt += lines[part.start : part.end]
            at = hunk.base.end
        rebuilt += merged.base[at:]
        assert b"".join(rebuilt) == content


@given(base=TEXT, side=TEXT)
def test_a_side_alone_is_taken_whole(base: bytes, side: bytes) -> None:
    assert merge_text(base, side, base).content() == side
    assert merge_text(base, base, side).content() == side
    assert merge_text(base, side, side).content() == side


@given(base=TEXT, ours=TEXT, theirs=TEXT)
def test_the_sides_can_be_exchanged(base: bytes, ours: bytes, theirs: bytes) -> None:
    there, back = merge_text(base, ours, theirs), merge_text(base, theirs, ours)
    assert there.conflicts == back.conflicts
    assert there.content(conflicts_to=Change.OURS) == back.content(conflicts_to=Change.THEIRS)


def test_lines_in_conflict_stand_between_markers() -> None:
    merged = merge_text(b"1\n2\n3\n", b"1\nours\n3\n", b"1\ntheirs\n3\n")
    assert merged.marked() == b"1\n<<<<<<< ours\nours\n=======\ntheirs\n>>>>>>> theirs\n3\n"


def test_changes_that_touch_are_one_conflict() -> None:
    merged = merge_text(b"1\n2\n3\n4\n", b"1\nx\n3\n4\n", b"1\n2\ny\n4\n")
    assert [hunk.change for hunk in merged.hunks] == [Change.CONFLICT]


def test_a_zero_byte_early_makes_content_binary() -> None:
    assert is_binary(b"a\0")
    assert not is_binary(b"a" * 8_000 + b"\0")
