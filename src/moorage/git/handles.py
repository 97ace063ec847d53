"""Repositories kept open for reading in process: to open one costs more than most reads.

Each thread has handles of its own, for no two may use one of libgit2's at once. What libgit2 keeps in memory
is bounded here as well, for the whole process.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

import pygit2

# What stays open: so many repositories, and none longer than this after its last use. Files that were
# removed meanwhile keep their room on the disk for as long.
HANDLES: Final = 32
IDLE_SECONDS: Final = 10.0

# Parsed commits and trees that libgit2 keeps, of all handles together.
_CACHED_BYTES: Final = 16 << 20
# Packs are mapped in pieces of this size, and so much of them in all; by default 1 GB, and 8 GB.
_WINDOW_BYTES: Final = 4 << 20
_MAPPED_BYTES: Final = 64 << 20

pygit2.settings.cache_max_size(_CACHED_BYTES)
pygit2.settings.mwindow_size = _WINDOW_BYTES
pygit2.settings.mwindow_mapped_limit = _MAPPED_BYTES

# Which folder has the packs, and which index is over them: with these the packs that were there may go.
_Packs = tuple[int, int, int]


class _Handle:
    __slots__ = ("packs", "repository", "used_at")

    def __init__(self, repository: pygit2.Repository, packs: _Packs) -> None:
        self.repository = repository
        self.packs = packs
        self.used_at = time.monotonic()


class Handles:
    """Any thread may use it, and gets what no other thread uses. Nobody may write by what `open` returns."""

    def __init__(self, limit: int = HANDLES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[int, str], _Handle] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, path: Path) -> pygit2.Repository:
        """Return a bare repository to read by, in this thread alone. New packs are seen when needed."""
        place, packs = (threading.get_ident(), str(path)), _packs(path)
        with self._lock:
            handle = self._open.get(place)
            if handle is not None and handle.packs == packs:
                handle.used_at = time.monotonic()
                self._open.move_to_end(place)
                return handle.repository
        opened = open_alone(path)
        if packs is not None:
            self._keep(place, _Handle(opened, packs))
        return opened

    def _keep(self, place: tuple[int, str], handle: _Handle) -> None:
        left = []  # closed when the lock is free again
        with self._lock:
            left.append(self._open.pop(place, None))
            self._open[place] = handle
            if len(self._open) > self._limit:
                left.append(self._open.popitem(last=False)[1])

    def drop(self, path: Path) -> None:
        """Keep a repository open no longer; a thread that reads in it does so to its end."""
        self._drop([place for place in list(self._open) if place[1] == str(path)])

    def drop_idle(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Keep nothing open that nobody has used for so long."""
        since = time.monotonic() - idle_seconds
        with self._lock:
            idle = [place for place, handle in self._open.items() if handle.used_at <= since]
        self._drop(idle)

    def _drop(self, places: list[tuple[int, str]]) -> None:
        with self._lock:
            left = [self._open.pop(place, None) for place in places]
        left.clear()


def open_alone(path: Path) -> pygit2.Repository:
    """Open a bare repository for one purpose: alternates may be added to it.

    It is closed with the last reference to it; it can be asked for objects, not for refs or remotes.
    """
    opened = pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.BARE)
    # These refer to it in turn: hundreds of megabytes stayed mapped until Python looked for cycles.
    for name in ("branches", "references", "remotes", "submodules"):
        delattr(opened, name)
    return opened


def _packs(path: Path) -> _Packs | None:
    folder = f"{path}/objects/pack"
    try:
        inode = os.stat(folder).st_ino  # noqa: PTH116 - asked by every request: a Path costs ten times as much
    except FileNotFoundError:
        return None
    try:
        index = os.stat(f"{folder}/multi-pack-index")  # noqa: PTH116 - see above
    except FileNotFoundError:
        return inode, 0, 0
    return inode, index.st_ino, index.st_mtime_ns


handles = Handles()
