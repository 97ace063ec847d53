"""The history of a file, against `git log` on random histories, and on histories made by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from moorage.core.names import ObjectId
from moorage.git.environment import Place
from moorage.repos import file_history
from moorage.repos.file_history import Frontier, TooDivergent, Version
from random_histories import Files, History, fast_import, generate

ALL = 10_000


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> History:
    return generate(tmp_path_factory.mktemp("merged"), seed=11, commits=150)


def _page(
    history: History, path: bytes, start: ObjectId | Frontier, limit: int
) -> tuple[list[Version], str | None]:
    return file_history.page(Place(history.path), path, start, limit)


def _versions(history: History, path: bytes, limit: int = ALL) -> list[Version]:
    """Return the whole history from the last commit, taken in pages."""
    found: list[Version] = []
    start: ObjectId | Frontier = ObjectId(history.commits[-1])
    while True:
        versions, frontier = _page(history, path, start, limit)
        found += versions
        if frontier is None:
            return found
        assert len(versions) == limit
        start = Frontier.loads(frontier)


def _paths(history: History) -> list[bytes]:
    return history.git("ls-tree", "-r", "-z", "--name-only", history.commits[-1]).split(b"\0")[:-1]


def _edges(versions: list[Version]) -> set[tuple[str, str]]:
    return {(version.commit.commit_id, child) for version in versions for child in version.children}


def _text(dice: random.Random) -> bytes:
    return b"".join(b"%x\n" % dice.getrandbits(64) for _ in range(20))


def _edited(dice: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    lines[dice.randrange(len(lines))] = b"%x\n" % dice.getrandbits(64)
    return b"".join(lines)


def test_a_line_of_commits_with_renames_is_told_as_git_log_follow_tells_it(tmp_path: Path) -> None:
    dice, files, commits = random.Random(3), Files(), []
    for number in range(200):
        if number < 12 or dice.random() < 0.1:
            files[b"d%d/new%d" % (dice.randrange(5), number)] = b"100644", _text(dice)
        for _ in range(2):
            path = dice.choice(sorted(files))
            files[path] = b"100644", _edited(dice, files[path][1])
        if dice.random() < 0.4:
            moved = dice.choice(sorted(files))
            files[b"d%d/moved%d" % (dice.randrange(5), number)] = files.pop(moved)
        commits.append(([number - 1] if number else [], dict(files)))
    history = fast_import(tmp_path, commits)
    followed = 0
    for path in _paths(history):
        output = history.git("log", "--follow", "--name-status", "-z", "--format=%x01%H", "main", "--", path)
        told = [entry.replace(b"\n", b"").split(b"\0") for entry in output.split(b"\1")[1:]]
        by_git = [(fields[0].decode(), [each for each in fields if each][-1]) for fields in told]
        assert [(each.commit.commit_id, each.path) for each in _versions(history, path)] == by_git
        followed += len({path for _, path in by_git}) > 1
    assert followed > 10


def test_merges_without_renames_make_the_graph_that_git_makes(tmp_path: Path) -> None:
    dice, states, commits = random.Random(4), list[Files](), []
    start: Files = {b"dir/file%d" % number: (b"100644", _text(dice)) for number in range(3)}
    for number in range(250):
        recent = range(max(0, number - 6), number)
        parents = dice.sample(recent, min(number, dice.choice([1, 2, 2])))
        files = dict(states[parents[0]]) if parents else start
        for other in parents[1:]:
            files |= {path: entry for path, entry in states[other].items() if dice.random() < 0.5}
        if dice.random() < 0.9:
            path = dice.choice(sorted(files))
            files[path] = b"100644", _edited(dice, files[path][1])
        states.append(files)
        commits.append((parents, files))
    history = fast_import(tmp_path, commits)
    edges = 0
    for path in _paths(history):
        output = history.git("rev-list", "--topo-order", "--parents", "main", "--", path).decode()
        walk = [line.split() for line in output.splitlines()]
        versions = _versions(history, path)
        assert [each.commit.commit_id for each in versions] == [commit for commit, *_ in walk]
        assert _edges(versions) == {(parent, child) for child, *parents in walk for parent in parents}
        edges += len(_edges(versions))
    assert edges > 150


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_are_the_whole_history_once_whatever_their_size(merged: History, limit: int) -> None:
    for path in _paths(merged)[:8]:
        whole, paged = _versions(merged, path), _versions(merged, path, limit)
        assert _edges(paged) == _edges(whole)
        assert {each.commit.commit_id for each in paged} == {each.commit.commit_id for each in whole}
        assert len(paged) == len(whole)


def test_every_child_is_told_before_what_it_came_of(merged: History) -> None:
    for path in _paths(merged):
        told: set[ObjectId] = set()
        for version in _versions(merged, path):
            assert set(version.children) <= told
            told.add(version.commit.commit_id)
            entry = merged.git("rev-parse", b"%b:%b" % (version.commit.commit_id.encode(), version.path))
            assert entry.decode().strip() == version.blob


def test_a_file_renamed_on_one_branch_and_changed_on_the_other_has_both_lines(tmp_path: Path) -> None:
    dice = random.Random(5)
    text = _text(dice)
    here, there = _edited(dice, text), text + b"more\n"
    both = here + b"more\n"
    history = fast_import(
        tmp_path,
        [
            ([], {b"old": (b"100644", text), b"x": (b"100644", b"x\n")}),
            ([0], {b"new": (b"100644", here), b"x": (b"100644", b"x\n")}),
            ([0], {b"old": (b"100644", there), b"x": (b"100644", b"x\n")}),
            ([1, 2], {b"new": (b"100644", both), b"x": (b"100644", b"x\n")}),
        ],
    )
    first, renamed, changed, merge = history.commits
    versions = _versions(history, b"new", limit=1)
    assert [(each.commit.commit_id, each.path) for each in versions] == [
        (merge, b"new"),
        (renamed, b"new"),
        (changed, b"old"),
        (first, b"old"),
    ]
    assert _edges(versions) == {(renamed, merge), (changed, merge), (first, renamed), (first, changed)}


def test_a_file_deleted_and_made_anew_has_versions_of_both_lives(tmp_path: Path) -> None:
    one, other = (b"100644", b"one\n"), (b"100644", b"quite another\n")
    keep = {b"keep": (b"100644", b"keep\n")}
    history = fast_import(
        tmp_path,
        [([], {b"f": one, **keep}), ([0], keep), ([1], {b"f": other, **keep})],
    )
    first, _, last = history.commits
    versions = _versions(history, b"f")
    assert [each.commit.commit_id for each in versions] == [last, first]
    assert _edges(versions) == {(first, last)}


def test_a_name_like_a_pattern_is_only_that_name(tmp_path: Path) -> None:
    one = (b"100644", b"one\n")
    history = fast_import(tmp_path, [([], {b"*": one}), ([0], {b"*": one, b"a": one})])
    assert [each.commit.commit_id for each in _versions(history, b"*")] == history.commits[:1]


@pytest.mark.parametrize("path", [b"nowhere", b"folder", b"*", b"--all", b":(top)f"])
def test_what_never_was_a_file_has_no_history(tmp_path: Path, path: bytes) -> None:
    history = fast_import(tmp_path, [([], {b"folder/f": (b"100644", b"one\n")})])
    assert _versions(history, path) == []


def test_lines_of_history_beyond_all_bounds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_history, "MOST_PENDING", 1)
    commits: list[tuple[list[int], Files]] = [([], {b"f": (b"100644", b"0\n")})]
    commits += [([0], {b"f": (b"100644", b"%d\n" % number)}) for number in (1, 2)]
    history = fast_import(tmp_path, [*commits, ([1, 2], {b"f": (b"100644", b"3\n")})])
    with pytest.raises(TooDivergent):
        _versions(history, b"f")
