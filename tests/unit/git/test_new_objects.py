"""Objects built in process: packed as git reads them, whichever way they were written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pygit2
import pytest

from identities_at_hand import NOW
from moorage.git.new_objects import NewObjects, Signature
from moorage.git.packs import Received, describe

MARY = Signature("Mary", "mary@example.com", NOW)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    made = pygit2.init_repository(str(tmp_path / "base"), bare=True)
    made.create_blob(b"there\n" * 20_000)
    made.free()
    return tmp_path / "base"


def git(base: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": str(base), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(base), *arguments], env=environment, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def adopted(base: Path, received: Received) -> None:
    """Move a pack in place as `publish` does, and have git check it."""
    for part in (received.pack, received.index):
        part.rename(base / "objects" / "pack" / part.name)
    git(base, "verify-pack", "-v", str(base / "objects" / "pack" / received.index.name))
    git(base, "fsck", "--strict", "--no-dangling")


def written(new: NewObjects, content: bytes) -> str:
    """Write a commit of one file."""
    blob = new.blob(content)
    tree = new.tree(b"100644 a\0" + bytes.fromhex(blob))
    return new.commit(tree, [], author=MARY, committer=MARY, message="One\n")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 2_047, 2_048, 300_000])
def test_a_pack_is_as_git_reads_it(tmp_path: Path, base: Path, size: int) -> None:
    with NewObjects(tmp_path / "new", base) as new:
        commit = written(new, os.urandom(size))
        received = new.packed()
        assert received is not None
        assert received.object_count == 3
        # What is told of a pack is what its files say.
        assert received == describe(received.pack.parent, received.largest_object_bytes)
        assert received.largest_object_bytes >= size
        adopted(base, received)
    assert len(git(base, "cat-file", "blob", f"{commit}:a")) == size


def test_what_is_held_is_there_for_libgit2_too(tmp_path: Path, base: Path) -> None:
    with NewObjects(tmp_path / "new", base) as new:
        first = written(new, b"one\n")
        assert new.repository[first].peel(pygit2.Tree)["a"]
        second = written(new, b"two\n")
        received = new.packed()
        assert received is not None
        assert received.object_count == 6
        adopted(base, received)
    assert git(base, "cat-file", "blob", f"{second}:a") == b"two\n"


def test_what_the_repository_has_is_not_written_again_and_nothing_is_left(tmp_path: Path, base: Path) -> None:
    with NewObjects(tmp_path / "new", base) as new:
        assert new.packed() is None
        new.blob(b"there\n" * 20_000)
        assert new.packed() is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["lock"]
