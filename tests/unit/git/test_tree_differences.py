"""What differs between two trees, against `git diff-tree` on random histories."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pygit2
import pytest

from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.tree_differences import Difference, differences
from moorage.git.trees import Item
from random_histories import History, generate

COMMITS = 120
PAIRS = 1_500
NOTHING = "0" * 40

Line = tuple[str, str, str, str, bytes]  # modes, ids and the path, as in git's raw format


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return generate(tmp_path_factory.mktemp("history"), seed=5, commits=COMMITS)


@pytest.fixture
def repository(history: History) -> pygit2.Repository:
    return pygit2.Repository(str(history.path))


def _top(repository: pygit2.Repository, commit: str) -> Item:
    return Item(trees.FOLDER, trees.tree_of(repository, ObjectId(commit)))


def _line(found: Difference) -> Line:
    before, after = found.before, found.after
    return (
        f"{before.mode:06o}" if before else "000000",
        f"{after.mode:06o}" if after else "000000",
        before.object_id if before else NOTHING,
        after.object_id if after else NOTHING,
        found.path,
    )


def _by_git(history: History, pairs: list[tuple[str, str]]) -> Iterator[list[Line]]:
    """Yield git's differences of each pair of trees, by one child."""
    given = "".join(f"{before} {after}\n" for before, after in pairs).encode()
    output = history.git(
        "diff-tree", "--stdin", "-r", "--no-renames", "--raw", "-z", "--abbrev=40", given=given
    )
    found: list[Line] | None = None
    fields = iter(output.split(b"\0"))
    for field in fields:
        # A pair's head ends with a newline, and stands before its first difference without a NUL.
        *heads, raw = field.split(b"\n")
        for _ in heads:
            if found is not None:
                yield found
            found = []
        if raw:
            old_mode, new_mode, old, new, _ = raw[1:].decode().split()
            assert found is not None
            found.append((old_mode, new_mode, old, new, next(fields)))
    if found is not None:
        yield found


def test_differences_are_those_of_git_diff_tree(history: History, repository: pygit2.Repository) -> None:
    dice = random.Random(6)
    pairs: list[tuple[Item, Item]] = []
    while len(pairs) < PAIRS:
        one, other = dice.choice(history.commits), dice.choice(history.commits)
        before, after = _top(repository, one), _top(repository, other)
        if before != after:
            pairs.append((before, after))
    told = list(_by_git(history, [(before.object_id, after.object_id) for before, after in pairs]))
    assert len(told) == PAIRS
    for (before, after), by_git in zip(pairs, told, strict=True):
        assert [_line(each) for each in differences(repository, before, after)] == by_git


def test_a_walk_goes_on_after_any_path(history: History, repository: pygit2.Repository) -> None:
    dice = random.Random(7)
    for _ in range(60):
        before, after = (_top(repository, dice.choice(history.commits)) for _ in range(2))
        whole = list(differences(repository, before, after))
        for at, last in enumerate(whole):
            rest = list(differences(repository, before, after, start_after=last.path))
            assert rest == whole[at + 1 :]


def test_without_a_tree_before_everything_is_added(history: History, repository: pygit2.Repository) -> None:
    after = _top(repository, history.commits[-1])
    found = list(differences(repository, None, after))
    listed = history.git("ls-tree", "-r", "-z", "--name-only", after.object_id).split(b"\0")[:-1]
    assert [each.path for each in found] == listed
    assert {each.change for each in found} == {"A"}
    assert {each.change for each in differences(repository, after, None)} == {"D"}


def test_a_file_against_a_folder_is_one_deletion_and_additions(tmp_path: Path) -> None:
    made = pygit2.init_repository(str(tmp_path), bare=True)
    blob = ObjectId(str(made.create_blob(b"x")))
    folder = _tree(made, b"100644 in\0" + bytes.fromhex(blob))
    file, below = Item(trees.NORMAL, blob), Item(trees.FOLDER, folder)
    assert [(each.change, each.path) for each in differences(made, file, below)] == [("D", b""), ("A", b"in")]
    assert [each.path for each in differences(made, file, below, start_after=b"")] == [b"in"]


def test_modes_of_old_histories_do_not_differ_from_those_of_today(tmp_path: Path) -> None:
    made = pygit2.init_repository(str(tmp_path), bare=True)
    blob = bytes(made.create_blob(b"x").raw)
    old, new = (Item(trees.FOLDER, _tree(made, mode + b" a\0" + blob)) for mode in (b"100664", b"100644"))
    assert old != new
    assert list(differences(made, old, new)) == []


def test_empty_folders_nested_without_end_are_walked_once(tmp_path: Path) -> None:
    made = pygit2.init_repository(str(tmp_path), bare=True)
    tree = _tree(made, b"")
    for _ in range(60):  # two in each, so 2^60 ways to the innermost
        tree = _tree(made, b"".join(b"40000 %c\0%b" % (name, bytes.fromhex(tree)) for name in b"ab"))
    assert list(differences(made, None, Item(trees.FOLDER, tree))) == []


def test_one_page_of_more_files_than_could_ever_be_listed(tmp_path: Path) -> None:
    made = pygit2.init_repository(str(tmp_path), bare=True)
    tree = _tree(made, b"100644 f\0" + bytes(made.create_blob(b"x").raw))
    for _ in range(3_000):  # deeper than Python's calls
        tree = _tree(made, b"".join(b"40000 %c\0%b" % (name, bytes.fromhex(tree)) for name in b"ab"))
    found = differences(made, None, Item(trees.FOLDER, tree))
    assert [each.path[-3:] for each in islice(found, 3)] == [b"a/f", b"b/f", b"a/f"]


def _tree(repository: pygit2.Repository, content: bytes) -> ObjectId:
    return ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, content)))
