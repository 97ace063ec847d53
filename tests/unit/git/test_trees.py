"""What is at a path of a tree, whatever bytes its names are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from moorage.core.names import ObjectId
from moorage.git import trees
from moorage.git.path_names import is_read_by_git, is_refused

ODD = b"\xff\xfe"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[pygit2.Repository]:
    made = pygit2.init_repository(str(tmp_path), bare=True)
    yield made
    made.free()


@pytest.fixture
def tree(repository: pygit2.Repository) -> ObjectId:
    blob = repository.create_blob(b"x")
    below = _tree(repository, [(b"100755", b"run", blob), (b"100644", ODD, blob)])
    lines = [(b"100664", b"a", blob), (b"40000", b"docs", below), (b"120000", b"link", blob)]
    lines += [(b"160000", b"module", blob), (b"100644", "ü".encode(), blob), (b"40000", ODD, below)]
    return ObjectId(str(_tree(repository, lines)))


def _tree(repository: pygit2.Repository, lines: list[tuple[bytes, bytes, pygit2.Oid]]) -> pygit2.Oid:
    content = b"".join(b"%b %b\0%b" % (mode, name, blob.raw) for mode, name, blob in lines)
    return repository.odb.write(pygit2.enums.ObjectType.TREE, content)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("", 0o040000),
        ("a", 0o100644),
        ("docs", 0o040000),
        ("docs/run", 0o100755),
        ("link", 0o120000),
        ("module", 0o160000),
        ("ü", 0o100644),
        (b"docs/" + ODD, 0o100644),
        (ODD + b"/run", 0o100755),
    ],
)
def test_what_is_at_a_path_is_found(
    repository: pygit2.Repository, tree: ObjectId, path: str | bytes, mode: int
) -> None:
    found = trees.item_at(repository, tree, path)
    assert found is not None
    assert found.mode == mode
    folder, _, name = (path.encode() if isinstance(path, str) else path).rpartition(b"/")
    above = trees.item_at(repository, tree, folder)
    assert above is not None
    assert not name or trees.items(repository, above.object_id)[name] == found


@pytest.mark.parametrize("path", ["none", "a/b", "module/b", "docs/none", "link/a", "\ufffd\ufffd", b"\xfe"])
def test_a_path_that_leads_nowhere_leads_nowhere(
    repository: pygit2.Repository, tree: ObjectId, path: str | bytes
) -> None:
    assert trees.item_at(repository, tree, path) is None


def test_a_folder_is_listed_in_order_with_names_as_they_are(
    repository: pygit2.Repository, tree: ObjectId
) -> None:
    assert list(trees.items(repository, tree)) == [b"a", b"docs", b"link", b"module", "ü".encode(), ODD]


@pytest.mark.parametrize(
    "name",
    [
        ".git",
        ".GIT",
        ".g\u200cit",
        "\ufeff.git",
        ".git ",
        ".git. .",
        ".git::$INDEX_ALLOCATION",
        "GIT~1",
        "a\\.git",
        ".git\\config",
        "..",
        ".",
        "",
    ],
)
def test_a_name_of_gits_own_folder_is_refused(name: str) -> None:
    assert is_refused(name)


@pytest.mark.parametrize("name", [".gitignore", ".github", "git", "a.git", "git~2", ".git-x", "..."])
def test_names_that_only_look_like_it_are_taken(name: str) -> None:
    assert not is_refused(name)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (".gitmodules", True),
        (".GitAttributes", True),
        (".git\u200cmodules ", True),
        ("GITMOD~1", True),
        ("a\\.gitmodules", True),
        (".gitignore", False),
        ("a~b", False),
    ],
)
def test_names_that_git_reads_are_known(name: str, read: bool) -> None:
    assert is_read_by_git(name) is read
