"""The form of paths in a repository, as callers write them: `docs/a.md` or `/docs/a.md`."""

from __future__ import annotations

from typing import Final

from moorage.core.faults import Fault
from moorage.git.path_names import is_refused
from moorage.services.codecommit.names import is_storable, shown

# Source: "Quotas in AWS CodeCommit", file paths.
PATH_LIMIT: Final = 4_096
FOLDERS_LIMIT: Final = 20


def file_path(text: str) -> str:
    """Return the path of a file that may be there, without a leading slash.

    Raises:
        Fault: PathRequiredException or InvalidPathException.
    """
    path = text.removeprefix("/")
    if not path:
        raise Fault("PathRequiredException", "The path of a file is required")
    _require_parts(text, path)
    return path


def new_file_path(text: str) -> str:
    """Return the path of a file that is to be written, which is asked more of than of one that is there.

    Raises:
        Fault: PathRequiredException or InvalidPathException.
    """
    path = file_path(text)
    parts = path.split("/")
    if len(parts) - 1 > FOLDERS_LIMIT:
        raise Fault(
            "InvalidPathException",
            f"{shown(text)} is {len(parts) - 1} folders deep; at most {FOLDERS_LIMIT} are allowed",
        )
    refused = next((part for part in parts if is_refused(part)), None)
    if refused is not None:
        raise Fault(
            "InvalidPathException",
            f"{shown(text)} is not a valid path: Git, somewhere, takes {shown(refused)} for its own folder",
        )
    return path


def folder_path(text: str) -> str:
    """Return the path of a folder, without slashes at its ends; the root is empty.

    Raises:
        Fault: InvalidPathException.
    """
    path = text.removeprefix("/")
    if not path:
        return ""
    path = path.removesuffix("/")
    _require_parts(text, path)
    return path


def _require_parts(text: str, path: str) -> None:
    if len(text) > PATH_LIMIT:
        raise Fault("InvalidPathException", f"A path has at most {PATH_LIMIT:,} characters")
    if not is_storable(path) or any(part in {"", ".", ".."} for part in path.split("/")):
        raise Fault(
            "InvalidPathException",
            f"{shown(text)} is not a valid path: names of folders and a file, joined by single slashes,"
            " none of them . or ..",
        )
