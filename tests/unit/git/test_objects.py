from __future__ import annotations

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from moorage.core.names import ObjectId
from moorage.git.objects import Identity, object_type, parse_commit, read_commit
from unit.git.handmade import Repository

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
COMMIT = ObjectId("1" * 40)


def test_a_commit_is_read_whole(repository: Repository) -> None:
    parent = repository.commit("one\n")
    child = repository.commit("two\n", parents=[parent])
    info = read_commit(repository.path, child)
    assert info is not None
    assert info.parents == (parent,)
    assert info.message == "A commit.\n"
    assert info.author == Identity("Ada", "ada@example.org", "1700000000 +0000")
    assert info.committer == info.author
    assert info.additional_data == ""
    assert object_type(repository.path, info.tree_id) == "tree"


def test_other_objects_and_missing_ones_are_no_commits(repository: Repository) -> None:
    commit = repository.commit()
    blob = repository.blob(b"x")
    tag = repository.tag(commit, "v1")
    assert [object_type(repository.path, each) for each in (commit, blob, tag)] == ["commit", "blob", "tag"]
    for name in (blob, tag, COMMIT, ObjectId("abc"), ObjectId("refs/heads/main")):
        assert read_commit(repository.path, name) is None
    assert object_type(repository.path, COMMIT) is None
    assert object_type(repository.path, ObjectId("HEAD")) is None


def test_a_merge_with_signature_and_encoding_keeps_its_other_headers() -> None:
    text = (
        f"tree {TREE}\nparent {'2' * 40}\nparent {'3' * 40}\n"
        "author Zoë <zoe@example.org> 1484167798 -0800\n"
        "committer Bo <bo@example.org> 1484167799 +0530\n"
        "encoding ISO-8859-1\ngpgsig -----BEGIN\n line\n -----END\n\nCafé\n\nMore.\n"
    )
    info = parse_commit(COMMIT, text.encode("latin-1"))
    assert info.parents == ("2" * 40, "3" * 40)
    assert info.author == Identity("Zoë", "zoe@example.org", "1484167798 -0800")
    assert info.committer.date == "1484167799 +0530"
    assert info.message == "Café\n\nMore.\n"
    assert info.additional_data == "encoding ISO-8859-1\ngpgsig -----BEGIN\n line\n -----END"


@pytest.mark.parametrize("encoding", [b"nonsense", b"rot13", b"idna", b"unicode_escape", b"\xff", b""])
def test_an_encoding_that_is_none_is_read_as_utf_8(encoding: bytes) -> None:
    content = b"tree %b\nencoding %b\n\nna\xc3\xafve \\d \xff" % (TREE.encode(), encoding)
    assert (
        parse_commit(COMMIT, content).message
        == "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve \\d \N{REPLACEMENT CHARACTER}"
    )


def test_what_is_malformed_comes_out_empty() -> None:
    info = parse_commit(COMMIT, b"tree x\nauthor\ncommitter Ada\n\nHi")
    assert info.author == Identity("", "", "")
    assert info.committer == Identity("", "", "Ada")
    assert parse_commit(COMMIT, b"").message == ""


def test_the_machines_configuration_is_not_read() -> None:
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        assert pygit2.settings.search_path[level] == ""
