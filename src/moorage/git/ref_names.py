"""Which names refs may have: Git's rules, CodeCommit's for branches, and moorage's own reserve.

Sources: git-check-ref-format(1); receive-pack's demand for two levels below `refs/`; CodeCommit's
quotas page for branch names.
"""

from __future__ import annotations

import re
from typing import Final

from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.core.names import RefName

HEADS: Final = "refs/heads/"
TAGS: Final = "refs/tags/"
RESERVED: Final = b"refs/moorage/"

MAX_BRANCH_NAME_CHARACTERS: Final = 256
MAX_REF_NAME_BYTES: Final = len(HEADS) + 4 * MAX_BRANCH_NAME_CHARACTERS  # UTF-8 at its widest

_LONGEST_LOOSE_COMPONENT: Final = 255 - len(".lock")  # file systems allow 255 bytes a name
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{40}")


def require_pushable(name: bytes) -> RefName:
    """Return `name` as text, or raise Fault with the reason a client may be shown.

    Everything below `refs/` may be pushed (branches, tags, notes …) but `refs/moorage/`.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise Fault(VALIDATION_ERROR, "the ref name is not valid UTF-8") from None
    if fault := ref_name_fault(text):
        raise Fault(VALIDATION_ERROR, fault)
    if name.startswith(RESERVED):
        raise Fault(VALIDATION_ERROR, "refs/moorage/ is reserved for the server")
    return RefName(text)


def ref_name_fault(name: str) -> str | None:
    """Return why `name` is no full ref name that may be pushed, or None where it is one."""
    if not name.startswith("refs/"):
        return "the ref name does not start with refs/"
    if len(name.encode(errors="replace")) > MAX_REF_NAME_BYTES:
        return f"the ref name is longer than {MAX_REF_NAME_BYTES} bytes"
    if name.startswith(HEADS):
        return branch_name_fault(name.removeprefix(HEADS))
    if name.startswith(TAGS):
        return tag_name_fault(name.removeprefix(TAGS))
    if "/" not in name.removeprefix("refs/"):
        return "the ref name has fewer than two levels below refs/"
    return _format_fault(name)


def branch_name_fault(name: str) -> str | None:
    """Return why `name` (without refs/heads/) is no branch name, or None where it is one."""
    if fault := _length_fault(name, "branch"):
        return fault
    if _OBJECT_ID.fullmatch(name):
        return "a branch name may not look like an object id (40 hexadecimal digits)"
    if name == "@":
        return "a branch may not be named @"
    return _format_fault(name)


def tag_name_fault(name: str) -> str | None:
    """Return why `name` (without refs/tags/) is no tag name, or None where it is one."""
    return _length_fault(name, "tag") or _format_fault(name)


def _length_fault(name: str, kind: str) -> str | None:
    if 0 < len(name) <= MAX_BRANCH_NAME_CHARACTERS:
        return None
    return f"a {kind} name has between 1 and {MAX_BRANCH_NAME_CHARACTERS} characters"


def _format_fault(name: str) -> str | None:
    """Apply git-check-ref-format to a name whose place below refs/ has been judged."""
    if found := _FORBIDDEN.search(name):
        return f"the name contains the forbidden character {found.group()!a}"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    for part in ("..", "//", "@{"):
        if part in name:
            return f"the name contains {part}"
    if name.startswith("/") or name.endswith(("/", ".")):
        return "the name starts with / or ends with / or ."
    return _component_fault(name)


def _component_fault(name: str) -> str | None:
    for component in name.split("/"):
        if component.startswith("."):
            return "a part of the name starts with ."
        if component.endswith(".lock"):
            return "a part of the name ends with .lock"
    return None


def fits_loose(name: bytes) -> bool:
    """Tell whether a file system can hold the ref as a loose file; a packed-refs file always can."""
    return all(len(component) <= _LONGEST_LOOSE_COMPONENT for component in name.split(b"/"))
