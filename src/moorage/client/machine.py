"""The machine that the client runs on: its files, programs, environment and clock.

Setup and doctor see it only through `Machine`, so that a test can give them another one. Nothing here writes
a file (see `moorage.client.changes`) and nothing goes through a shell.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

System = Literal["linux", "macos", "windows"]

MAX_FILE_BYTES = 8 << 20
TIMED_OUT = 124
NOT_FOUND = 127
RUN_TIMEOUT_S = 20.0
KILL_WAIT_S = 2.0
_OF_GIT_BASH = re.compile(r"^/([A-Za-z])(?:/|$)")


class Ran(NamedTuple):
    """How a program ended: `TIMED_OUT` when it was stopped, `NOT_FOUND` when it could not be started."""

    status: int
    stdout: str
    stderr: str


class Machine(Protocol):
    """What setup and doctor may know of a machine, and do on it."""

    @property
    def system(self) -> System: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def home(self) -> Path:
        """The user's folder: ~/.aws is in it (on Windows: %USERPROFILE%)."""
        ...

    @property
    def git_home(self) -> Path:
        """The folder that git takes for ~ (on Windows %HOME% comes first)."""
        ...

    @property
    def folder(self) -> Path:
        """The folder the user stands in."""
        ...

    @property
    def config_folder(self) -> Path:
        """Where moorage keeps what it was told: hosts."""
        ...

    @property
    def state_folder(self) -> Path:
        """Where moorage keeps what it did: the journal of changes."""
        ...

    @property
    def python(self) -> str:
        """The absolute path of the interpreter that runs this."""
        ...

    def now(self) -> float:
        """Unix time, in seconds."""
        ...

    def which(self, name: str) -> str | None:
        """Return the absolute path of a program on PATH; never one that merely lies in the user's folder."""
        ...

    def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout_s: float = RUN_TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Ran:
        """Run a program to its end, without a terminal; never raises for what the program does."""
        ...

    def read(self, path: Path | str) -> str | None:
        """Return a regular file's text, byte for byte (BOM and CRLF kept), or None if it cannot be read."""
        ...

    def is_file(self, path: Path | str) -> bool: ...
    def is_folder(self, path: Path | str) -> bool: ...
    def mode(self, path: Path | str) -> int | None:
        """Return the permission bits, or None where there is no such file."""
        ...

    def names(self, folder: Path | str) -> list[str]:
        """Return the sorted names in a folder; none if it cannot be read."""
        ...


class ThisMachine:
    """The machine itself; each part can be replaced, which is how tests stand on another."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        system: System | None = None,
        python: str | None = None,
    ) -> None:
        self.environment: Mapping[str, str] = dict(os.environ if environment is None else environment)
        self.folder = Path.cwd() if folder is None else folder
        self.system: System = this_system() if system is None else system
        self.python = python or sys.executable

    @property
    def home(self) -> Path:
        if self.system == "windows":
            return Path(self._named("USERPROFILE", "HOME") or Path.home())
        return Path(self._named("HOME") or Path.home())

    @property
    def git_home(self) -> Path:
        if self.system != "windows" or not self._named("HOME"):
            return self.home
        # Git Bash writes a drive as a folder, and hands it on so to what is no program of Windows.
        return Path(_OF_GIT_BASH.sub(r"\1:/", self.environment["HOME"], count=1))

    @property
    def config_folder(self) -> Path:
        if self.system == "windows":
            return Path(self._named("APPDATA") or self.home / "AppData" / "Roaming") / "moorage"
        return Path(self._absolute("XDG_CONFIG_HOME") or self.home / ".config") / "moorage"

    @property
    def state_folder(self) -> Path:
        if self.system == "windows":
            return Path(self._named("LOCALAPPDATA") or self.home / "AppData" / "Local") / "moorage"
        return Path(self._absolute("XDG_STATE_HOME") or self.home / ".local" / "state") / "moorage"

    def now(self) -> float:
        return time.time()  # the client's own clock: what a signature is made with

    def which(self, name: str) -> str | None:
        # Not shutil.which: on Windows that looks into the current folder first, which may be a stranger's
        # repository with a git.exe in it. Relative folders of PATH are left out for the same reason.
        suffixes = [""]
        if self.system == "windows":
            suffixes += self.environment.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").lower().split(";")
        for folder in self.environment.get("PATH", "").split(os.pathsep):
            for suffix in suffixes:
                path = os.path.join(folder, name + suffix)  # noqa: PTH118 - a text is wanted
                if os.path.isabs(folder) and self.is_file(path) and os.access(path, os.X_OK):  # noqa: PTH117
                    return path
        return None

    def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout_s: float = RUN_TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Ran:
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder if folder is None else folder,
                env=dict(self.environment if environment is None else environment),
                start_new_session=os.name == "posix",  # no terminal to ask on, and one group to end
            )
        except (OSError, ValueError) as error:
            return Ran(NOT_FOUND, "", f"{argv[0]}: {error}")
        with child:
            try:
                stdout, stderr = child.communicate(encoded(stdin), timeout=timeout_s)
            except subprocess.TimeoutExpired:
                return Ran(TIMED_OUT, *_ended(child))
        return Ran(child.returncode, _text(stdout), _text(stderr))

    def read(self, path: Path | str) -> str | None:
        try:
            # A pipe or a device must not hold us up: look before opening.
            if not stat.S_ISREG(Path(path).stat().st_mode):
                return None
            with Path(path).open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError):
            return None
        return _text(content) if len(content) <= MAX_FILE_BYTES else None

    def is_file(self, path: Path | str) -> bool:
        return _mode(path, stat.S_ISREG) is not None

    def is_folder(self, path: Path | str) -> bool:
        return _mode(path, stat.S_ISDIR) is not None

    def mode(self, path: Path | str) -> int | None:
        return _mode(path, lambda _: True)

    def names(self, folder: Path | str) -> list[str]:
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
        except (OSError, ValueError):
            return []

    def _named(self, *names: str) -> str | None:
        return next((self.environment[name] for name in names if self.environment.get(name)), None)

    def _absolute(self, name: str) -> str | None:
        # The XDG specification: a relative path in such a variable is to be ignored.
        value = self.environment.get(name, "")
        return value if value.startswith("/") else None


def this_system() -> System:
    if sys.platform == "win32":
        return "windows"
    return "macos" if sys.platform == "darwin" else "linux"


def printable(text: str) -> str:
    """Return a text that is safe to show on a terminal: no control characters, one line."""
    return "".join(
        each if each.isprintable() else f"\\x{ord(each):02x}" if ord(each) < 256 else "\ufffd"
        for each in text
    )


def encoded(text: str) -> bytes:
    """Return the bytes of a text that `Machine.read` gave: the file's own."""
    return text.encode("utf-8", "surrogateescape")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _mode(path: Path | str, wanted: Callable[[int], bool]) -> int | None:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return None
    return stat.S_IMODE(mode) if wanted(mode) else None


def _ended(child: subprocess.Popen[bytes]) -> tuple[str, str]:
    if sys.platform == "win32":
        child.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    try:
        stdout, stderr = child.communicate(timeout=KILL_WAIT_S)
    except subprocess.TimeoutExpired:  # a grandchild left the group and holds the pipes
        return "", ""
    return _text(stdout), _text(stderr)
