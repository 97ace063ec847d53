"""The data folder: where each file is, who may read it, and the lock that keeps a second service out."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class DataFolderError(Exception):
    """The data folder cannot be used; the text is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The files of an installation. See docs/operate.md for what each is and what to back up."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def ca(self) -> Path:
        return self.root / "ca.pem"

    @property
    def root_credentials(self) -> Path:
        return self.root / "root-credentials.csv"

    @property
    def metrics_token(self) -> Path:
        return self.root / "metrics-token"

    @property
    def demo(self) -> Path:
        return self.root / "demo"

    def make(self) -> None:
        """Make the folder, or take an existing one, readable by its owner alone (mode 0700).

        Raises:
            DataFolderError: it cannot be made or written, or it is open to others and holds other things.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = stat.S_IMODE(self.root.stat().st_mode)
            if mode & 0o077:
                self._close_to_others(mode)
        except FileExistsError:
            raise DataFolderError(f"--data: {self.root} is not a folder. Name another one.") from None
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise DataFolderError(
                f"--data: {self.root} cannot be used: {reason}. Name another folder."
            ) from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise DataFolderError(f"--data: {self.root} cannot be written. Name a folder of your own.")

    def _close_to_others(self, mode: int) -> None:
        """Tighten the mode of an empty folder or our own; whose else it is, is not ours to say."""
        ours = self.lock.exists() or (self.root / "moorage.toml").exists() or not any(self.root.iterdir())
        if not ours:
            raise DataFolderError(
                f"--data: {self.root} is open to others (mode {mode:04o}) and holds other files. "
                f"Run chmod 700 {self.root}, or name another folder."
            )
        self.root.chmod(0o700)


class FolderLock:
    """Held by a service for its whole life; worker processes inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: DataFolder) -> Self:
        """Take the lock.

        Raises:
            DataFolderError: another service has it.
        """
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise DataFolderError(
                    f"--data: {folder.root} cannot be locked: {os.strerror(error.errno or 0)}. "
                    "Put it on a local disk."
                ) from None
            raise DataFolderError(
                f"--data: {folder.root} is in use by another moorage service (process {holder or '?'}). "
                "Stop that one, or name another folder."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go, in this process; forked ones that inherited it still hold it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
