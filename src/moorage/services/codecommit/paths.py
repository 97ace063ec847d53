"""The form of paths of files and folders."""

from __future__ import annotations

from typing import Final

from moorage.core.faults import Fault
from moorage.services.codecommit import names

# Source: "Quotas in AWS CodeCommit", file paths.
PATH_LIMIT: Final = 4_096
FOLDERS_DEEP: Final = 20

_RELATIVE = frozenset({"", ".", ".."})


def file_path(text: str) -> bytes:
    """Return the path of a file as a tree has it. One leading slash does no harm.

    Raises:
        Fault: PathRequiredException, InvalidPathException.
    """
    if not text:
        raise Fault("PathRequiredException", "A path is required; it cannot be empty")
    parts = text.removeprefix("/").split("/")
    if len(text) > PATH_LIMIT:
        raise _invalid(text, f"it has more than {PATH_LIMIT:,} characters")
    if not names.is_storable(text):
        raise _invalid(text, "it is not valid text")
    if not _RELATIVE.isdisjoint(parts):
        raise _invalid(text, "it has an empty or relative part")
    if len(parts) > FOLDERS_DEEP + 1:
        raise _invalid(text, f"it is more than {FOLDERS_DEEP} folders deep")
    return "/".join(parts).encode()


def folder_path(text: str) -> bytes:
    """Return the path of a folder without slashes at its ends; the root is empty.

    Raises:
        Fault: InvalidPathException.
    """
    if text in {"", "/"}:
        return b""
    return file_path(text.removesuffix("/"))


def shown(path: bytes) -> str:
    """Return a path as answers have it; bytes that are not UTF-8 are replaced."""
    return path.decode(errors="replace")


def _invalid(text: str, reason: str) -> Fault:
    return Fault("InvalidPathException", f"{names.shown(text)} is not a valid path: {reason}")
