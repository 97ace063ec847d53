"""Reading single objects of a bare repository, in process."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pygit2

from moorage.core.names import ObjectId, is_object_id
from moorage.git.handles import handles

# libgit2 reads the configuration of the machine and of the user unless told otherwise.
for _level in (
    pygit2.enums.ConfigLevel.SYSTEM,
    pygit2.enums.ConfigLevel.XDG,
    pygit2.enums.ConfigLevel.GLOBAL,
):
    pygit2.settings.search_path[_level] = ""

# Python has codecs that are no character sets, some of them slow on hostile input.
_CHARACTER_SETS: Final = ("iso8859", "cp", "koi8", "euc", "shift_jis", "gb", "big5", "iso2022", "mac")

_KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


@dataclass(frozen=True)
class Identity:
    """Who wrote or committed, and when: seconds since 1970 and zone, as "1484167798 -0800"."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class CommitInfo:
    """A commit as CodeCommit's GetCommit tells it.

    `additional_data` holds the headers beyond the usual ones (encoding, gpgsig, mergetag …) as
    they stand in the commit. Text that is in no known encoding has its odd bytes replaced.
    """

    commit_id: ObjectId
    tree_id: ObjectId
    parents: tuple[ObjectId, ...]
    message: str
    author: Identity
    committer: Identity
    additional_data: str = ""


def object_type(repository: Path, object_id: ObjectId) -> str | None:
    """Return commit, tree, blob or tag, or None where there is no such object."""
    found = _header(_open(repository), object_id)
    return found[0] if found else None


def read_commit(repository: Path, object_id: ObjectId) -> CommitInfo | None:
    """Return a commit, or None where no commit has that id."""
    opened = _open(repository)
    found = _header(opened, object_id)
    if found is None or found[0] != "commit":
        return None
    _, content = opened.read(object_id)
    return parse_commit(object_id, content)


def peel_to_commit(repository: Path | pygit2.Repository, object_id: ObjectId) -> ObjectId | None:
    """Return the commit that an id comes to when annotated tags are followed, or None where to none."""
    opened = _open(repository) if isinstance(repository, Path) else repository
    if _header(opened, object_id) is None:
        return None
    try:
        return ObjectId(str(opened[object_id].peel(pygit2.Commit).id))
    except (pygit2.GitError, KeyError, ValueError):  # a tree, a blob, or a tag of one
        return None


def open_bare(repository: Path) -> pygit2.Repository:
    """Open a bare repository for reading in process, in this thread alone; nobody may write by it."""
    return _open(repository)


def _open(repository: Path) -> pygit2.Repository:
    return handles.open(repository)


def _header(opened: pygit2.Repository, object_id: ObjectId) -> tuple[str, int] | None:
    """Return type and size without reading the content."""
    if not is_object_id(object_id):
        return None
    try:
        kind, size = opened.odb.read_header(object_id)
    except KeyError:
        return None
    return _KINDS[int(kind)], size


def parse_commit(commit_id: ObjectId, content: bytes) -> CommitInfo:
    """Read a commit's bytes. What is missing or malformed in it comes out empty."""
    head, _, message = content.partition(b"\n\n")
    headers = _headers(head)
    encoding = next((value for name, value in headers if name == b"encoding"), b"utf-8").decode(
        "ascii", "replace"
    )
    firsts = dict(reversed(headers))
    usual = (b"tree", b"parent", b"author", b"committer")
    others = [name + b" " + value.replace(b"\n", b"\n ") for name, value in headers if name not in usual]
    return CommitInfo(
        commit_id=commit_id,
        tree_id=ObjectId(firsts.get(b"tree", b"").decode("ascii", "replace")),
        parents=tuple(
            ObjectId(value.decode("ascii", "replace")) for name, value in headers if name == b"parent"
        ),
        message=_text(message, encoding),
        author=_identity(firsts.get(b"author", b""), encoding),
        committer=_identity(firsts.get(b"committer", b""), encoding),
        additional_data=_text(b"\n".join(others), encoding),
    )


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers in order; a line that starts with a space continues the one before."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and found:
            name, value = found[-1]
            found[-1] = (name, value + b"\n" + line[1:])
        elif line:
            name, _, value = line.partition(b" ")
            found.append((name, value))
    return found


def _identity(raw: bytes, encoding: str) -> Identity:
    before, _, date = raw.rpartition(b"> ")
    name, _, email = before.partition(b"<")
    return Identity(
        _text(name.strip(), encoding), _text(email.strip(), encoding), _text(date.strip(), encoding)
    )


def _text(raw: bytes, encoding: str) -> str:
    """Decode by the encoding a commit names, if it is a plain character set; else by UTF-8."""
    try:
        known = codecs.lookup(encoding).name
        return raw.decode(known if known.startswith(_CHARACTER_SETS) else "utf-8")
    except (UnicodeDecodeError, LookupError, ValueError):
        return raw.decode(errors="replace")
