"""Names that git fsck refuses are refused before a tree is written, and no others."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
from pathlib import Path

import pygit2

from moorage.git.path_names import is_read_by_git, is_refused

STEMS = (
    ".git",
    ".GIT",
    "git~1",
    "GIT~1",
    "git~2",
    ".gitmodules",
    ".gitattributes",
    "gi7eba~1",
    "gitmod~1",
    "a",
)
ENDS = ("", " ", ".", ". .", ":", "::$DATA", "\\", "\\x", "x", "\u200c", "\ufeff", "\u00e9", "\n")
STARTS = ("", "\u200d", "a\\", "\\", " ", ".", "\u206f")


def names() -> list[str]:
    """Return every combination of an odd start, a stem and an end, and some with a character put within."""
    chance = random.Random(1)
    made = ["".join(parts) for parts in itertools.product(STARTS, STEMS, ENDS)]
    for name in list(made):
        at = chance.randrange(len(name) + 1)
        made.append(name[:at] + chance.choice(("\u202a", "\u200f", ".", "~", "\\", "G")) + name[at:])
    return [name for name in dict.fromkeys(made) if "/" not in name]


def told_by_git(folder: Path, given: list[str]) -> dict[str, str]:
    """Return what `git fsck` says of a tree with each name, by name; nothing for what it takes."""
    repository = pygit2.init_repository(str(folder), bare=True)
    # A link: of the names that git reads, fsck refuses it.
    blob = repository.create_blob(b"x")
    trees = {
        str(
            repository.odb.write(pygit2.enums.ObjectType.TREE, b"120000 %b\0%b" % (name.encode(), blob.raw))
        ): name
        for name in given
    }
    repository.free()
    done = subprocess.run(
        ["git", "-C", str(folder), "fsck", "--strict", "--no-dangling"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
        capture_output=True,
        check=False,
        text=True,
    )
    found: dict[str, str] = {}
    for line in done.stderr.splitlines():
        if line.startswith("error in tree "):
            tree, _, told = line.removeprefix("error in tree ").partition(": ")
            found[trees[tree]] = f"{found.get(trees[tree], '')} {told}"
    return found


def test_names_are_refused_as_git_refuses_them(tmp_path: Path) -> None:
    given = names()
    told = told_by_git(tmp_path, given)
    refused = {name for name in given if "hasDotgit" in told.get(name, "") or "hasDot" in told.get(name, "")}
    assert {name for name in given if is_refused(name)} == refused
    assert len(refused) > 100
    # Whatever else git finds, it finds in names that are shown to it.
    assert [name for name in told if not is_refused(name) and not is_read_by_git(name)] == []
