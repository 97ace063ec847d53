"""File locks of the working cache.

Each repository has two: `presence`, held shared by everyone who uses its folder and exclusively
by whoever removes something from it, and `fill`, held by whoever adds to it. Adding does not
disturb readers, so a fill never waits for a slow clone (docs/adr/0070).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_still(descriptor: int, path: Path) -> bool:
    """Tell whether the file locked is the one that stands there: the folder may have been deleted."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


@contextmanager
def held(path: Path, *, exclusive: bool) -> Iterator[int]:
    """Hold the lock, waiting for it as long as it takes; yield its descriptor.

    A child that inherits the descriptor holds the lock as well, until it ends: such a lock belongs
    to the open file, not to the process that took it.
    """
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, mode)
            if _is_still(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


@contextmanager
def held_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock exclusively if nobody has it; yield whether that worked."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield _is_still(descriptor, path)
    finally:
        os.close(descriptor)
