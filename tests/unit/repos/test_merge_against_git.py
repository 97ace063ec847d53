"""Merges compared with stock git's: `git merge-tree --write-tree` over generated histories.

`MOORAGE_MERGES=20000` compares more of them.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from merge_histories import Files, History, Pair, pairs
from moorage.core.names import ObjectId
from moorage.git.merge_bases import divergence, is_ancestor, merge_bases
from moorage.git.trees import NORMAL
from moorage.repos.merge import MergeOutcome, compare
from moorage.repos.merge_rules import DetailLevel, MergeOption, MergeRules, Strategy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

COUNT = int(os.environ.get("MOORAGE_MERGES", "3000"))

# Of the merges compared, those in which one finds a conflict and the other does not. All of them are
# of the kinds that docs/mechanisms/merges.md lists.
MAY_DIFFER = 0.015

BY_LINES = MergeRules(MergeOption.THREE_WAY, DetailLevel.LINE)


@dataclass(frozen=True)
class Gits:
    """What git made of a merge: the tree, or the paths in conflict (as git calls them)."""

    clean: bool
    tree: ObjectId
    conflicts: frozenset[bytes]


def git_merges(history: History, asked: Sequence[Pair], *options: str, renames: str = "false") -> list[Gits]:
    """Merge all pairs with one child."""
    command = [
        "git",
        "-c",
        f"merge.directoryRenames={renames}",
        "merge-tree",
        "--write-tree",
        "-z",
        "--stdin",
    ]
    given = "".join(f"{pair.ours} {pair.theirs}\n" for pair in asked).encode()
    done = subprocess.run(
        [*command, "--allow-unrelated-histories", "--name-only", *options],
        cwd=history.folder,
        env={"PATH": os.environ["PATH"], "HOME": str(history.folder), "GIT_CONFIG_NOSYSTEM": "1"},
        input=given,
        check=True,
        capture_output=True,
    )
    return _read(done.stdout.split(b"\0"), len(asked))


def _read(tokens: list[bytes], count: int) -> list[Gits]:
    """Read status, tree, paths in conflict and messages of each merge. A clean one has neither."""
    found: list[Gits] = []
    at = 0
    for _ in range(count):
        clean, tree = tokens[at] == b"1", ObjectId(tokens[at + 1].decode())
        at += 2
        end = at if clean else tokens.index(b"", at)
        found.append(Gits(clean, tree, frozenset(tokens[at:end])))
        at = end if clean else end + 1
        while tokens[at]:  # a message: how many paths, the paths, its kind, its text
            at += 3 + int(tokens[at])
        at += 1
    return found


def ours(history: History, pair: Pair, rules: MergeRules = BY_LINES) -> MergeOutcome:
    return compare(history.repository, pair.ours, pair.theirs, rules).outcome


def test_what_both_merge_comes_to_the_same_tree_and_conflicts_are_conflicts(tmp_path: Path) -> None:
    history = History(tmp_path / "repository")
    asked = list(pairs(history, COUNT))
    found: Counter[str] = Counter()
    for pair, git in zip(asked, git_merges(history, asked), strict=True):
        outcome = ours(history, pair)
        if git.clean and outcome.mergeable:
            same = outcome.write(history.repository) == git.tree
            found["clean" if same else "other tree"] += 1
        else:
            found["conflict" if git.clean == outcome.mergeable else "differ"] += 1
    assert found["other tree"] <= COUNT // 5_000, found
    assert found["clean"] > COUNT * 0.2
    assert found["conflict"] > COUNT * 0.3
    assert found["differ"] <= COUNT * MAY_DIFFER, found


def test_levels_and_strategies_agree_with_each_other(tmp_path: Path) -> None:
    history = History(tmp_path / "repository")
    for pair in pairs(history, COUNT // 5, first_seed=1_000_000):
        by_lines = ours(history, pair)
        by_files = ours(history, pair, MergeRules(MergeOption.SQUASH))
        assert set(by_lines.conflicts) <= set(by_files.conflicts)
        if by_files.mergeable:
            assert by_files.write(history.repository) == by_lines.write(history.repository)
        automerged = ours(history, pair, MergeRules(MergeOption.SQUASH, strategy=Strategy.AUTOMERGE))
        assert automerged.conflicts == by_lines.conflicts
        for strategy in (Strategy.ACCEPT_SOURCE, Strategy.ACCEPT_DESTINATION):
            for level in DetailLevel:
                accepted = ours(history, pair, MergeRules(MergeOption.SQUASH, level, strategy))
                assert accepted.mergeable
                accepted.write(history.repository)
    fsck(history)


def fsck(history: History) -> None:
    subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"], cwd=history.folder, check=True, capture_output=True
    )


def test_merge_bases_are_those_that_git_finds(tmp_path: Path) -> None:
    history = History(tmp_path / "repository")
    several = 0
    for pair in pairs(history, 150):
        done = subprocess.run(
            ["git", "merge-base", "--all", pair.ours, pair.theirs],
            cwd=history.folder,
            check=False,
            capture_output=True,
            text=True,
        )
        expected = done.stdout.split()
        found = merge_bases(history.repository, pair.ours, pair.theirs)
        assert sorted(found) == sorted(expected)
        several += len(found) > 1
        apart = subprocess.run(
            ["git", "rev-list", "--count", f"{pair.ours}...{pair.theirs}"],
            cwd=history.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        assert divergence(history.repository, pair.ours, pair.theirs) == int(apart.stdout)
        for base in found:
            assert is_ancestor(history.repository, base, pair.ours)
            assert not is_ancestor(history.repository, pair.ours, base) or base == pair.ours
    assert several > 10


def test_a_folder_that_was_renamed_does_not_take_new_files_with_it(tmp_path: Path) -> None:
    """Git does take them, or (by default) calls them a conflict: a difference that the docs list."""
    history = History(tmp_path / "repository")
    text = b"".join(b"%d\n" % number for number in range(20))
    start: Files = {b"old/a": (NORMAL, text), b"old/b": (NORMAL, text + b"b\n")}
    base = history.commit(start)
    moved = history.commit({path.replace(b"old", b"new"): file for path, file in start.items()}, base)
    added = history.commit({**start, b"old/c": (NORMAL, b"c\n")}, base)
    pair = Pair(0, moved, added)
    (taken,) = git_merges(history, [pair], renames="true")
    (conflict,) = git_merges(history, [pair], renames="conflict")
    (left,) = git_merges(history, [pair], renames="false")
    outcome = ours(history, pair)
    assert (taken.clean, conflict.clean, left.clean, outcome.mergeable) == (True, False, True, True)
    assert outcome.write(history.repository) == left.tree != taken.tree


def test_moved_blocks_of_repeating_lines_may_meet_in_one_merge_and_not_in_the_other(tmp_path: Path) -> None:
    """Git compares texts with its histogram algorithm, moorage with Myers': here they differ, seldom."""
    history = History(tmp_path / "repository")
    asked = [_blocks_moved(history, seed) for seed in range(600)]
    found: Counter[str] = Counter()
    for pair, git in zip(asked, git_merges(history, asked), strict=True):
        outcome = ours(history, pair)
        if git.clean != outcome.mergeable:
            found["one in conflict"] += 1
        elif git.clean:
            found["same" if outcome.write(history.repository) == git.tree else "another order"] += 1
    assert 0 < found["one in conflict"] <= 30
    assert found["another order"] <= 3
    assert found["same"] > 150


def _blocks_moved(history: History, seed: int) -> Pair:
    chance = random.Random(seed)
    words = [b"{\n", b"}\n", b"x\n", b"\n", *(b"y %d\n" % number for number in range(6))]
    lines = [chance.choice(words) for _ in range(40)]
    base = history.commit({b"f": (NORMAL, b"".join(lines))})
    tips = []
    for _ in range(2):
        changed = list(lines)
        for _ in range(chance.randint(1, 4)):
            start = chance.randint(0, 35)
            end = start + chance.randint(0, 6)
            if chance.random() < 0.4:
                block = changed[start:end]
                del changed[start:end]
                to = chance.randint(0, len(changed))
                changed[to:to] = block
            else:
                changed[start:end] = [chance.choice(words) for _ in range(chance.randint(0, 5))]
        tips.append(history.commit({b"f": (NORMAL, b"".join(changed))}, base))
    return Pair(seed, *tips)
