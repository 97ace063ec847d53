"""Attacks by what a push brings: packs that are broken, enormous, or dangerous to those who clone them."""

from __future__ import annotations

import struct
import zlib

import pytest

from attacker import Attacker
from e2e.attacks.conftest import Victims
from git_attacks import ZERO, Entry, a_commit_with, a_delta_bomb, command, report
from moorage.core.names import ObjectId
from unit.git.handmade import a_commit, a_pack, a_tree, entry_header, id_of, sealed

MEGABYTE = 1 << 20
EMPTY_TREE = id_of("tree", b"")
BLOB = id_of("blob", b"x")
GOOD_TIP, GOOD_PACK = a_commit_with(("100644", b"file", BLOB), objects=(("blob", b"x"),), text="Another.\n")

BROKEN = {
    "none": b"",
    "head alone": b"PACK",
    "no trailer": GOOD_PACK[:-20],
    "cut": GOOD_PACK[: len(GOOD_PACK) // 2],
    "wrong checksum": GOOD_PACK[:-1] + bytes([GOOD_PACK[-1] ^ 1]),
    "flipped bit": GOOD_PACK[:40] + bytes([GOOD_PACK[40] ^ 16]) + GOOD_PACK[41:],
    "more after it": GOOD_PACK + b"more",
    "another pack after it": GOOD_PACK + GOOD_PACK,
    "version 3": sealed(b"PACK" + struct.pack(">II", 3, 2) + GOOD_PACK[12:-20]),
    "version 77": sealed(b"PACK" + struct.pack(">II", 77, 2) + GOOD_PACK[12:-20]),
    "fewer objects than said": sealed(b"PACK" + struct.pack(">II", 2, 9) + GOOD_PACK[12:-20]),
    "four billion objects": sealed(b"PACK" + struct.pack(">II", 2, 0xFFFFFFFF) + GOOD_PACK[12:-20]),
    "more objects than said": sealed(b"PACK" + struct.pack(">II", 2, 1) + GOOD_PACK[12:-20]),
    "object of kind 0": sealed(b"PACK" + struct.pack(">II", 2, 1) + entry_header(0, 1) + zlib.compress(b"x")),
    "object of kind 5": sealed(b"PACK" + struct.pack(">II", 2, 1) + entry_header(5, 1) + zlib.compress(b"x")),
    "wrong size": sealed(b"PACK" + struct.pack(">II", 2, 1) + entry_header(3, 9) + zlib.compress(b"x")),
    "endless size": sealed(b"PACK" + struct.pack(">II", 2, 1) + b"\xbf" + b"\xff" * 30),
    "delta of nothing": sealed(
        b"PACK" + struct.pack(">II", 2, 1) + entry_header(7, 4) + b"\1" * 20 + zlib.compress(b"\1\1\1x")
    ),
    "delta of itself": sealed(
        b"PACK" + struct.pack(">II", 2, 1) + entry_header(6, 4) + b"\0" + zlib.compress(b"\1\1\1x")
    ),
    "a bundle": b"# v2 git bundle\n" + GOOD_TIP.encode() + b" refs/heads/x\n\n" + GOOD_PACK,
}


@pytest.mark.parametrize("pack", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_pack_is_refused(attacker: Attacker, pack: bytes) -> None:
    refuse(attacker, GOOD_TIP, pack)


@pytest.mark.parametrize(
    "pack",
    [
        a_delta_bomb(256, 5),
        a_pack(("commit", b"\0" * (80 * MEGABYTE))),
        a_pack(("tree", b"\0" * (80 * MEGABYTE))),
        a_pack(("tag", b"\0" * (80 * MEGABYTE))),
        a_pack(("commit", a_commit(EMPTY_TREE, message="x" * (21 * MEGABYTE))), ("tree", b"")),
    ],
    ids=["deltas", "commit", "tree", "tag", "message"],
)
def test_a_bomb_is_stopped(attacker: Attacker, pack: bytes) -> None:
    assert len(pack) < MEGABYTE
    refuse(attacker, GOOD_TIP, pack)


DANGEROUS: dict[str, tuple[Entry, ...]] = {
    "git folder": (("40000", b".git", EMPTY_TREE),),
    "git folder in other case": (("40000", b".GiT", EMPTY_TREE),),
    "git folder with an ignorable": (("40000", b".g\xe2\x80\x8cit", EMPTY_TREE),),
    "git folder on NTFS": (("40000", b"git~1", EMPTY_TREE),),
    "git folder with a stream": (("40000", b".git::$INDEX_ALLOCATION", EMPTY_TREE),),
    "parent": (("40000", b"..", EMPTY_TREE),),
    "itself": (("40000", b".", EMPTY_TREE),),
    "no name": (("100644", b"", BLOB),),
    "a path": (("100644", b"a/b", BLOB),),
    "an absolute path": (("100644", b"/etc/passwd", BLOB),),
    "one name twice": (("100644", b"a", BLOB), ("100644", b"a", BLOB)),
    "link and folder of one name": (("120000", b"a", BLOB), ("40000", b"a", EMPTY_TREE)),
    "not sorted": (("100644", b"b", BLOB), ("100644", b"a", BLOB)),
    "linked submodule file": (("120000", b".gitmodules", BLOB),),
    "null object": (("100644", b"a", ZERO),),
    "mode of nothing": (("", b"a", BLOB),),
    "mode of letters": (("10x644", b"a", BLOB),),
    "object that is not there": (("100644", b"a", "1" * 40),),
}


@pytest.mark.parametrize("entries", DANGEROUS.values(), ids=DANGEROUS.keys())
def test_a_tree_that_harms_who_clones_it_is_refused(attacker: Attacker, entries: tuple[Entry, ...]) -> None:
    tip, pack = a_commit_with(*entries, objects=(("blob", b"x"), ("tree", b"")))
    refuse(attacker, tip, pack)


def test_a_tree_cut_in_an_entry_is_refused(attacker: Attacker) -> None:
    tree = a_tree(("100644", b"a", BLOB))[:-3]
    commit = a_commit(id_of("tree", tree))
    refuse(attacker, id_of("commit", commit), a_pack(("blob", b"x"), ("tree", tree), ("commit", commit)))


@pytest.mark.parametrize("url", ["--upload-pack=touch x", "-u./x"])
def test_a_submodule_that_runs_a_program_is_refused(attacker: Attacker, url: str) -> None:
    modules = f'[submodule "x"]\n\tpath = x\n\turl = {url}\n'.encode()
    entry = ("100644", b".gitmodules", id_of("blob", modules))
    tip, pack = a_commit_with(entry, objects=(("blob", modules),))
    refuse(attacker, tip, pack)


COMMITS = {
    "no tree": b"author A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx",
    "tree of nothing": b"tree " + b"1" * 40 + b"\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx",
    "a blob as tree": f"tree {BLOB}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx".encode(),
    "a parent that is not there": a_commit(EMPTY_TREE).replace(
        b"author", b"parent " + b"2" * 40 + b"\nauthor", 1
    ),
    "NUL in the header": a_commit(EMPTY_TREE).replace(b"Ada", b"A\0da", 1),
    "nothing": b"",
    "no author": f"tree {EMPTY_TREE}\n\nx".encode(),
}


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS.keys())
def test_a_broken_commit_is_refused(attacker: Attacker, commit: bytes) -> None:
    pack = a_pack(("tree", b""), ("blob", b"x"), ("commit", commit))
    refuse(attacker, id_of("commit", commit), pack)


@pytest.mark.parametrize("kind", ["blob", "tree", "tag"])
def test_a_branch_points_to_nothing_but_a_commit(attacker: Attacker, victims: Victims, kind: str) -> None:
    content = {
        "blob": b"x",
        "tree": b"",
        "tag": f"object {victims.tip}\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\nx".encode(),
    }[kind]
    refuse(attacker, id_of(kind, content), a_pack((kind, content)))


def test_tags_of_tags_without_end_are_refused_where_their_end_is_missing(attacker: Attacker) -> None:
    tags: list[tuple[str, bytes]] = []
    target, kind = "1" * 40, "commit"
    for number in range(2_000):
        text = f"object {target}\ntype {kind}\ntag t{number}\ntagger A <a@b> 1 +0000\n\nx".encode()
        tags.append(("tag", text))
        target, kind = id_of("tag", text), "tag"
    refuse(attacker, target, a_pack(*tags), name=b"refs/tags/x")


def test_the_objects_of_a_refused_push_cannot_be_fetched(attacker: Attacker) -> None:
    refuse(attacker, GOOD_TIP, GOOD_PACK, name=b"refs/heads/main/below")
    body = f"0032want {GOOD_TIP}\n00000009done\n".encode()
    answer = attacker.git("target", "git-upload-pack", body)
    assert b"PACK" not in answer.body


def test_deletions_bring_no_pack(attacker: Attacker, victims: Victims) -> None:
    lines = command(victims.tip, ZERO, b"refs/heads/main", first=True)
    answer = attacker.push("target", lines, b"0000", GOOD_PACK)
    assert "ng refs/heads/main" in report(answer)


def refuse(attacker: Attacker, tip: str, pack: bytes, name: bytes = b"refs/heads/attack") -> None:
    lines = command(ZERO, tip, name, first=True) + b"0000"
    answer = attacker.push("target", lines, pack)
    assert answer.status == 200
    told = report(answer)
    assert f"ng {name.decode()} " in told, told
    assert "/objects" not in told
    assert "ok " + name.decode() not in told


def test_trees_too_deep_for_git_itself_are_refused(attacker: Attacker) -> None:
    entry: Entry = ("100644", b"f", BLOB)
    trees: list[tuple[str, bytes]] = []
    for _ in range(60_000):
        tree = a_tree((entry[0], entry[1], ObjectId(entry[2])))
        trees.append(("tree", tree))
        entry = ("40000", b"d", id_of("tree", tree))
    commit = a_commit(ObjectId(entry[2]))
    refuse(attacker, id_of("commit", commit), a_pack(("blob", b"x"), *trees, ("commit", commit)))
