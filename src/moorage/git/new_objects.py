"""Objects built in process on top of a repository's: nobody sees them until they are published.

No child is started: an API call that writes one file costs a few milliseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pygit2

from moorage.core.names import ObjectId
from moorage.git.packs import Received, describe
from moorage.git.quarantine_folders import make_bare, quarantine_folder

if TYPE_CHECKING:
    from datetime import tzinfo

_OBJECT_NAME_DIGITS: Final = 40


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
    """A context manager: a bare repository of its own, on top of the one at `base`.

    `folder` holds the quarantines (same file system as the cache, so that packs move by a link).
    `repository` reads what is in both and writes here alone; what `base` has is not written again.
    """

    def __init__(self, folder: Path, base: Path) -> None:
        self._parent = folder
        self._base = base
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(quarantine_folder(self._parent))
        self._path = self._folder / "repository"
        make_bare(self._path)
        self.repository = pygit2.Repository(str(self._path), pygit2.enums.RepositoryOpenFlag.BARE)
        self.repository.odb.add_disk_alternate(str(self._base / "objects"))
        self._stack.callback(self.repository.free)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def blob(self, content: bytes) -> ObjectId:
        """Write a file's content."""
        return ObjectId(str(self.repository.create_blob(content)))

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
        return ObjectId(str(self.repository.odb.write(pygit2.enums.ObjectType.COMMIT, content)))

    def packed(self) -> Received | None:
        """Pack what was written, and nothing else; None where everything was there before."""
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


def _zone(at: datetime) -> str:
    zone: tzinfo | None = at.tzinfo
    if zone is None:
        raise ValueError("a commit's time needs a zone")
    return at.strftime("%z")[:5]
