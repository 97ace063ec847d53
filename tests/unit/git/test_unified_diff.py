"""Hunks of two blobs, against what `git diff` prints, and applied as a patch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pygit2
import pytest

from moorage.core.names import ObjectId
from moorage.git import objects, unified_diff
from moorage.git.environment import Place
from moorage.git.unified_diff import Hunk
from moorage.repos import blob_differences
from moorage.repos.blob_differences import Options
from unit.git.handmade import Repository

_LETTERS = {"CONTEXT": b" ", "ADD": b"+", "DELETE": b"-"}


def _compared(
    repository: Repository, before: ObjectId | None, after: ObjectId, options: Options
) -> list[Hunk]:
    reader = objects.open_bare(repository.path)
    compared = blob_differences.compare(Place(repository.path), reader, before, after, options)
    assert not compared.is_binary
    return list(compared.hunks)


def _printed(hunks: Sequence[Hunk]) -> list[bytes]:
    """Return hunks as a unified diff has them, without remarks on the end of a file."""
    lines = []
    for hunk in hunks:
        numbers = (hunk.before_start, hunk.before_count, hunk.after_start, hunk.after_count)
        lines.append(b"@@ -%d,%d +%d,%d @@" % numbers)
        lines += [_LETTERS[change.kind] + change.content for change in hunk.changes]
    return lines


def _by_git(repository: Repository, before: ObjectId, after: ObjectId, *options: str) -> list[bytes]:
    output = repository.git("diff", "--text", *options, before, after)
    lines = []
    for line in output.split(b"\n")[:-1]:
        if line.startswith(b"@@"):
            before_range, after_range = line.split(b" ")[1:3]
            full = [each if b"," in each else each + b",1" for each in (before_range, after_range)]
            lines.append(b"@@ %b %b @@" % (full[0], full[1]))
        elif lines and not line.startswith(b"\\"):
            lines.append(line)
    return lines


def _random_file(dice: random.Random) -> list[bytes]:
    words = [
        b"",
        b"a",
        b"  a",
        b"a b",
        b"a  b",
        b"@@ -1 +1 @@",
        b"--- x",
        b"+",
        b"\\ No newline",
        b"\xff",
        b"c\r",
    ]
    return [dice.choice(words) for _ in range(dice.randint(0, 40))]


def _content(dice: random.Random, lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + (b"\n" if lines and dice.random() < 0.8 else b"")


def _changed(dice: random.Random, lines: list[bytes]) -> list[bytes]:
    changed = list(lines)
    for _ in range(dice.randint(1, 5)):
        at = dice.randint(0, len(changed))
        changed[at : at + dice.randint(0, 2)] = _random_file(dice)[: dice.randint(0, 3)]
    return [line + b" " if dice.random() < 0.05 else line for line in changed]


def test_hunks_are_those_that_git_diff_prints(repository: Repository) -> None:
    dice = random.Random(8)
    for number in range(60):
        lines = _random_file(dice)
        before = repository.blob(_content(dice, lines))
        after = repository.blob(_content(dice, _changed(dice, lines)))
        context, blank = number % 21, number % 2 == 1
        flags = [f"-U{context}", *(["-w"] if blank else [])]
        found = _compared(repository, before, after, Options(context, blank))
        assert _printed(found) == (_by_git(repository, before, after, *flags) if before != after else [])


def test_hunks_lead_from_one_file_to_the_other(tmp_path: Path) -> None:
    dice = random.Random(9)
    made = pygit2.init_repository(str(tmp_path), bare=True)
    for _ in range(40):
        lines = _random_file(dice)
        old, new = _content(dice, lines), _content(dice, _changed(dice, lines))
        before, after = (ObjectId(str(made.create_blob(each))) for each in (old, new))
        compared = blob_differences.compare(Place(tmp_path), made, before, after, Options(3, False))
        assert _applied(_lines(old), list(compared.hunks)) == _lines(new)


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _applied(lines: list[bytes], hunks: Sequence[Hunk]) -> list[bytes]:
    """Apply hunks by the numbers of their lines, checking what they say was there."""
    result: list[bytes] = []
    at = 0
    for hunk in hunks:
        for change in hunk.changes:
            if change.before is not None:
                result += lines[at : change.before - 1]
                at = change.before
                assert lines[change.before - 1] == change.content
            elif not any(each.before for each in hunk.changes):
                result += lines[at : hunk.before_start]
                at = max(at, hunk.before_start)
            if change.after is not None:
                result.append(change.content)
                assert change.after == len(result)
    return result + lines[at:]


def test_without_a_blob_before_every_line_is_new(repository: Repository) -> None:
    after = repository.blob(b"one\n\ntwo")
    (hunk,) = _compared(repository, None, after, Options(3, False))
    assert _printed([hunk]) == [b"@@ -0,0 +1,3 @@", b"+one", b"+", b"+two"]
    assert _compared(repository, None, repository.blob(b""), Options(3, False)) == []


@pytest.mark.parametrize("longest", [1, 2, 3, 10])
def test_a_long_hunk_comes_in_parts_that_follow_one_another(longest: int) -> None:
    diff = [
        b"@@ -1,4 +1,3 @@\n",
        b" a\n",
        b"-b\n",
        b"-c\n",
        b"+d\n",
        b" e",
        b"\\ No newline at end of file\n",
    ]
    (whole,) = unified_diff.hunks(diff, 100)
    parts = list(unified_diff.hunks(diff, longest))
    assert [change for part in parts for change in part.changes] == whole.changes
    assert all(len(part.changes) <= longest for part in parts)
    assert sum(part.before_count for part in parts) == 4
    assert sum(part.after_count for part in parts) == 3
    for part in parts:
        numbers = [change.after for change in part.changes if change.after]
        assert part.after_start == (numbers[0] if numbers else part.after_start)


def test_a_new_file_of_many_lines_comes_in_parts() -> None:
    parts = list(unified_diff.hunks_of_new(b"x\n" * 5, 2))
    assert [(part.after_start, part.after_count) for part in parts] == [(1, 2), (3, 2), (5, 1)]
    assert {(part.before_start, part.before_count) for part in parts} == {(0, 0)}


def test_a_page_ends_where_its_lines_get_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_differences, "LINES_A_PAGE", 4)
    parts = list(unified_diff.hunks_of_new(b"x\n" * 9, 3))
    assert [len(blob_differences.page(parts, limit).hunks) for limit in (1, 3)] == [2, 2]
    assert blob_differences.page(parts[2:], 3) == (parts[2:], 1)
