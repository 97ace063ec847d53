"""The folders quarantines live in: made, locked, and swept when their process has died."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PREFIX: Final = "push-"
_LOCK: Final = "lock"


@contextlib.contextmanager
def quarantine_folder(parent: Path) -> Iterator[Path]:
    """Make a folder of mode 0700 that is removed at the end, and by `sweep_stale` after a crash."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with _locked(parent / _LOCK, fcntl.LOCK_SH):
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(_locked(folder / _LOCK, fcntl.LOCK_EX))
        yield folder


def make_bare(repository: Path) -> None:
    """Make the least that git takes for a repository; its configuration comes by the environment.

    No child is started: on a disk, half a push's time would go into files that nobody needs.
    """
    (repository / "objects" / "pack").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "HEAD").write_text("ref: refs/heads/main\n")


def sweep_stale(folder: Path) -> int:
    """Remove the quarantines whose processes died; return how many. Live ones are left alone."""
    if not folder.is_dir():
        return 0
    removed = 0
    with _locked(folder / _LOCK, fcntl.LOCK_EX):  # nobody is between making a folder and locking it
        for left_over in folder.glob(f"{_PREFIX}*"):
            try:
                with _locked(left_over / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(left_over, ignore_errors=True)
                    removed += 1
            except (BlockingIOError, FileNotFoundError):
                continue
    return removed


@contextlib.contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    """Hold a lock on a file, which the kernel lets go of however the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)
