"""Objects built in process on top of a repository's: nobody sees them until they are published.

No child is started: an API call that writes one file costs a few milliseconds. What is written by
`blob`, `tree` and `commit` is held in memory until it is packed. Only who asks for `repository`, as
merges do, gets a folder of loose objects, which a disk takes its time to remove.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pygit2

from moorage.core.names import ObjectId
from moorage.git.handles import open_alone
from moorage.git.objects import open_bare
from moorage.git.pack_writing import Kind, write_pack
from moorage.git.packs import Received, describe
from moorage.git.quarantine_folders import make_bare, quarantine_folder

if TYPE_CHECKING:
    from datetime import tzinfo

_OBJECT_NAME_DIGITS: Final = 40
_WORTH_A_LOOK: Final = 64 * 1024
_TYPES: Final = {
    "commit": pygit2.enums.ObjectType.COMMIT,
    "tree": pygit2.enums.ObjectType.TREE,
    "blob": pygit2.enums.ObjectType.BLOB,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who writes a commit, and when. Neither name nor e-mail may hold `<`, `>` or a control character."""

    name: str
    email: str
    at: datetime  # with its time zone

    def line(self) -> bytes:
        """Return it as a commit's header has it: `Name <email> 1484167798 -0800`."""
        return f"{self.name} <{self.email}> {int(self.at.timestamp())} {_zone(self.at)}".encode()


class NewObjects:
    """A context manager: new objects on top of the repository at `base`.

    `folder` holds the quarantines (same file system as the cache, so that packs move by a link).
    `base` reads what was there before; `repository` reads both, and writes as libgit2 does.
    """

    def __init__(self, folder: Path, base: Path) -> None:
        self._parent = folder
        self._base = base
        self._stack = contextlib.ExitStack()
        self._held: dict[ObjectId, tuple[Kind, bytes]] = {}
        self._scratch: pygit2.Repository | None = None

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(quarantine_folder(self._parent))
        self._path = self._folder / "repository"
        self.base = open_bare(self._base)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _opened(self, path: Path) -> pygit2.Repository:
        opened = open_alone(path)
        self._stack.callback(opened.free)
        return opened

    @property
    def repository(self) -> pygit2.Repository:
        """A bare repository of its own that reads what is new and what `base` has, and writes here alone."""
        if self._scratch is None:
            make_bare(self._path)
            self._scratch = self._opened(self._path)
            self._scratch.odb.add_disk_alternate(str(self._base / "objects"))
            for kind, content in self._held.values():
                self._scratch.odb.write(_TYPES[kind], content)
        return self._scratch

    def blob(self, content: bytes) -> ObjectId:
        """Write a file's content."""
        return self._write("blob", content, ObjectId(str(pygit2.hash(content))))

    def tree(self, content: bytes) -> ObjectId:
        """Write a folder, as Git has it: sorted lines of mode, name and id."""
        return self._write("tree", content, _name("tree", content))

    def _write(self, kind: Kind, content: bytes, name: ObjectId) -> ObjectId:
        if self._scratch is not None:
            return ObjectId(str(self._scratch.odb.write(_TYPES[kind], content)))
        # To look for what is not there costs more than a small object that is there twice.
        if len(content) < _WORTH_A_LOOK or name not in self.base.odb:
            self._held[name] = (kind, content)
        return name

    def commit(
        self,
        tree: ObjectId,
        parents: Sequence[ObjectId],
        *,
        author: Signature,
        committer: Signature,
        message: str,
    ) -> ObjectId:
        """Write a commit, with the message as it is."""
        lines = [b"tree " + tree.encode()]
        lines += [b"parent " + parent.encode() for parent in parents]
        lines += [b"author " + author.line(), b"committer " + committer.line()]
        content = b"\n".join(lines) + b"\n\n" + message.encode()
        return self._write("commit", content, _name("commit", content))

    def packed(self) -> Received | None:
        """Pack what was written, and nothing else; None where everything was there before."""
        if self._scratch is None:
            return write_pack(self._folder, self._held) if self._held else None
        builder = pygit2.PackBuilder(self.repository)
        largest = 0
        for name in self._written():
            builder.add(name)
            largest = max(largest, self.repository.odb.read_header(name)[1])
        if not len(builder):
            return None
        packs = self._folder / "packed"
        packs.mkdir()
        builder.write(str(packs))
        return describe(packs, largest)

    def _written(self) -> list[pygit2.Oid]:
        folders = (self._path / "objects").glob("??")
        names = [folder.name + file.name for folder in folders for file in folder.iterdir()]
        return [pygit2.Oid(hex=name) for name in sorted(names) if len(name) == _OBJECT_NAME_DIGITS]


def _name(kind: Kind, content: bytes) -> ObjectId:
    whole = b"%b %d\0%b" % (kind.encode(), len(content), content)
    return ObjectId(hashlib.sha1(whole, usedforsecurity=False).hexdigest())


def _zone(at: datetime) -> str:
    zone: tzinfo | None = at.tzinfo
    if zone is None:
        raise ValueError("a commit's time needs a zone")
    return at.strftime("%z")[:5]
