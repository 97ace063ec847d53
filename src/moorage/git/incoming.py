"""History read across a repository and a pack that came for it and is not published yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from moorage.git.handles import open_alone
from moorage.git.packs import Received
from moorage.git.quarantine_folders import quarantine_folder


@contextmanager
def reading_with(repository: Path, received: Received | None, scratch: Path) -> Iterator[pygit2.Repository]:
    """Yield a repository that also shows what was received for it; nothing is written to it.

    `scratch` is where quarantines are, on the file system that the pack is on.
    """
    opened = open_alone(repository)
    try:
        if received is None:
            yield opened
            return
        with quarantine_folder(scratch) as folder:
            # libgit2 takes whole folders of packs only.
            packs = folder / "objects" / "pack"
            packs.mkdir(parents=True)
            for file in (received.pack, received.index):
                os.link(file, packs / f"pack-{received.checksum}{file.suffix}")
            opened.odb.add_disk_alternate(str(folder / "objects"))
            yield opened
    finally:
        opened.free()
