"""Trees with paths changed, compared with what git writes; and what is told of two sides' changes."""

from __future__ import annotations

import random
from pathlib import Path

import pygit2
import pytest

from merge_histories import History
from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.renames import RenameLimits, find_renames
from moorage.git.tree_changes import Three, changes
from moorage.git.tree_writing import write_tree
from moorage.git.trees import EXECUTABLE, FOLDER, NORMAL, Item

FEW = RenameLimits(pairs=100, bytes=100_000, comparisons=100_000)


@pytest.fixture
def repository(tmp_path: Path) -> pygit2.Repository:
    return History(tmp_path / "repository").repository


def blob(repository: pygit2.Repository, content: bytes, mode: int = NORMAL) -> Item:
    return Item(mode, ObjectId(str(repository.create_blob(content))))


def test_trees_are_written_as_git_writes_them(repository: pygit2.Repository) -> None:
    chance = random.Random(7)
    file = blob(repository, b"x\n")
    paths = [f"{chance.choice('abc')}{end}" for end in ("", ".b", "-b", "/b", "/b/c", "0", "/0")]
    for _ in range(50):
        chosen = chance.sample(paths, chance.randint(1, 5))
        whole = [path for path in chosen if not any(other.startswith(path + "/") for other in chosen)]
        index = pygit2.Index()
        for path in whole:
            index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=file.object_id), pygit2.enums.FileMode.BLOB))
        expected = ObjectId(str(index.write_tree(repository)))
        assert write_tree(repository, None, {path.encode(): file for path in whole}) == expected
        assert write_tree(repository, expected, {}) == expected


def test_a_folder_goes_with_its_last_file_and_the_rest_stays(repository: pygit2.Repository) -> None:
    file = blob(repository, b"x\n")
    before = write_tree(repository, None, {b"a/b/c": file, b"a/d": file, b"e": file})
    after = write_tree(repository, before, {b"a/b/c": None, b"nowhere/at/all": None})
    assert after == write_tree(repository, None, {b"a/d": file, b"e": file})
    nothing = write_tree(repository, after, {b"a/d": None, b"e": None})
    assert nothing == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_old_modes_count_as_those_of_today(repository: pygit2.Repository) -> None:
    file = blob(repository, b"x\n")
    raw = bytes.fromhex(file.object_id)
    content = b"100664 a\0" + raw + b"100775 b\0" + raw
    tree = ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, content)))
    items = trees.items(repository, tree)
    assert {name: item.mode for name, item in items.items()} == {b"a": NORMAL, b"b": EXECUTABLE}
    more = {b"c": file}
    today = b"100644 a\0" + raw + b"100755 b\0" + raw + b"100644 c\0" + raw
    assert repository.odb.read(write_tree(repository, tree, more))[1] == today
    kept = write_tree(repository, tree, more, keeps_modes=True)
    assert repository.odb.read(kept)[1] == content + b"100644 c\0" + raw


def test_folders_that_one_side_changed_are_told_as_one_and_limited(repository: pygit2.Repository) -> None:
    file, other = blob(repository, b"x\n"), blob(repository, b"y\n")
    base = write_tree(repository, None, {b"a/b": file, b"c": file})
    ours = write_tree(repository, base, {b"a/b": other})
    theirs = write_tree(repository, base, {b"c": other})
    found = changes(repository, base, ours, theirs, limit=2)
    assert sorted(found.by_path) == [b"a", b"c"]
    whole = changes(repository, base, ours, theirs, limit=3, whole=True)
    assert whole.by_path == {b"a/b": Three(file, other, file), b"c": Three(file, file, other)}
    with pytest.raises(Fault, match="MaximumItemsToCompareExceededException"):
        changes(repository, base, ours, theirs, limit=1)


def test_names_that_are_no_text_are_merged_as_they_are(repository: pygit2.Repository) -> None:
    file = blob(repository, b"x\n")
    tree = write_tree(repository, None, {b"\xff\xfe/\xe9": file})
    assert trees.item_at(repository, tree, b"\xff\xfe/\xe9") == file


def lines(*numbers: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in numbers)


def test_files_are_matched_by_content_then_by_name_then_by_likeness(repository: pygit2.Repository) -> None:
    text = lines(*range(20))
    deleted = {
        b"same": blob(repository, text),
        b"old/name.txt": blob(repository, lines(*range(100, 120))),
        b"like": blob(repository, lines(*range(200, 220))),
        b"unlike": blob(repository, lines(*range(300, 320))),
    }
    added = {
        b"new/same": blob(repository, text),
        b"new/name.txt": blob(repository, lines(*range(103, 120))),
        b"alike": blob(repository, lines(*range(208, 220))),
        b"other": blob(repository, b"nothing of it\n"),
    }
    found = find_renames(repository, deleted, added, set(deleted), FEW)
    assert found == {b"same": b"new/same", b"old/name.txt": b"new/name.txt", b"like": b"alike"}
    assert find_renames(repository, deleted, added, set(), FEW) == {b"same": b"new/same"}
    for less in (FEW._replace(pairs=1), FEW._replace(bytes=10), FEW._replace(comparisons=1)):
        assert find_renames(repository, deleted, added, set(deleted), less) == {b"same": b"new/same"}


def nested(repository: pygit2.Repository, item: Item, depth: int) -> ObjectId:
    for _ in range(depth):
        mode = b"40000" if item.is_tree else b"100644"
        content = mode + b" n\0" + bytes.fromhex(item.object_id)
        tree = ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, content)))
        item = Item(FOLDER, tree)
    return item.object_id


def test_folders_deeper_than_pythons_calls_are_written_and_walked(repository: pygit2.Repository) -> None:
    one, two = blob(repository, b"1\n"), blob(repository, b"2\n")
    before, after = (nested(repository, item, 3_000) for item in (one, two))
    path = b"/".join([b"n"] * 3_000)
    assert write_tree(repository, before, {path: two}) == after
    assert trees.item_at(repository, after, path) == two


def test_folders_deeper_than_anything_real_are_not_looked_into(repository: pygit2.Repository) -> None:
    one, two, three = (blob(repository, content) for content in (b"1\n", b"2\n", b"3\n"))
    for depth, refused in ((400, False), (3_000, True)):
        three_trees = [nested(repository, item, depth) for item in (one, two, three)]
        if refused:
            with pytest.raises(Fault, match="folders deep"):
                changes(repository, *three_trees, limit=10_000)
        else:
            ((path, found),) = changes(repository, *three_trees, limit=10_000).by_path.items()
            assert found == Three(one, two, three)
            assert write_tree(repository, three_trees[0], {path: two}) == three_trees[1]


def test_a_folder_larger_than_anything_real_is_not_read(repository: pygit2.Repository) -> None:
    entry = bytes.fromhex(blob(repository, b"x\n").object_id)
    content = b"".join(b"100644 %0200d\0%b" % (number, entry) for number in range(40_000))
    tree = ObjectId(str(repository.odb.write(pygit2.enums.ObjectType.TREE, content)))
    with pytest.raises(Fault, match="MaximumItemsToCompareExceededException"):
        changes(repository, None, tree, tree, limit=10)
