"""What a `credential.helper` value is, and what git runs for it (git's credential.c, `credential_do`)."""

from __future__ import annotations

import re
import shlex
from typing import Literal

from moorage.client.machine import System

Kind = Literal["moorage", "aws", "manager", "osxkeychain", "wincred", "libsecret", "store", "cache", "other"]

_NAMES: dict[str, Kind] = {
    "moorage": "moorage",
    "manager": "manager",
    "manager-core": "manager",
    "osxkeychain": "osxkeychain",
    "wincred": "wincred",
    "libsecret": "libsecret",
    "gnome-keyring": "libsecret",
    "store": "store",
    "cache": "cache",
}
_AWS = re.compile(r"\bcodecommit\s+credential-helper\b")
_MOORAGE = re.compile(r"\bmoorage(?:\.exe|\.pyz)?['\"]?\s+credential-helper\b|\bcredential_helper\.py\b")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def kind(value: str) -> Kind:
    """Return what a helper is, by its name or by the programs it starts."""
    if _MOORAGE.search(value):
        return "moorage"
    if _AWS.search(value):
        return "aws"
    for word in words(value):
        name = re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe")
        if name.startswith("git-credential-"):
            return _NAMES.get(name.removeprefix("git-credential-"), "other")
    first = next(iter(words(value)), "")
    return "other" if value.startswith("!") else _NAMES.get(first.lower(), "other")


def words(value: str) -> list[str]:
    """Split a helper's value as the shell would, as far as that is possible without one."""
    text = value.removeprefix("!").strip()
    try:
        return shlex.split(text)
    except ValueError:  # an open quotation mark: the shell would refuse it
        return text.split()


def is_absolute(path: str) -> bool:
    """Tell whether git runs a helper's value as the path of a program (of POSIX or of Windows)."""
    return path.startswith(("/", "\\")) or _DRIVE.match(path) is not None


def command_line(value: str, operation: str) -> str:
    """Return the line that git hands to its shell for `get`, `store` or `erase`."""
    if value.startswith("!"):
        return f"{value[1:]} {operation}"
    if is_absolute(value):
        return f"{value} {operation}"
    return f"git credential-{value} {operation}"


def argv(value: str, operation: str, git_shell: str = "sh") -> list[str]:
    """Return the words that start a helper as git does; `git_shell` is git's own one (see `shell_of`)."""
    return [git_shell, "-c", command_line(value, operation)]


def shell_of(system: System, exec_path: str) -> str:
    """Return the shell that git uses: on Windows the one of its own installation, beside its programs."""
    if system != "windows":
        return "/bin/sh"
    root = re.split(r"[\\/](?:mingw64|mingw32|clangarm64|ucrt64)[\\/]", exec_path, maxsplit=1)[0]
    return root.replace("\\", "/").rstrip("/") + "/bin/sh.exe" if root != exec_path else "sh"
