"""What git's children write on standard error, turned into reasons a stranger may read."""

from __future__ import annotations

import re
from typing import Final

from moorage.core.faults import VALIDATION_ERROR, Fault, unavailable
from moorage.git.commands import Finished
from moorage.git.side_band import clean_line

_LINE = re.compile(r"^(?:error|fatal): (.*)$", re.MULTILINE)
_PATH = re.compile(r"(?:(?<=\s)|(?<=['\"(])|^)/[^\s'\":,]+")
_ALLOCATION = re.compile(r"attempting to allocate (\d+) over limit (\d+)")
_NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)
_NO_MEMORY = re.compile(r"[Oo]ut of memory|Cannot allocate memory|mmap failed|unable to create thread")
# Said after a line that already tells what is wrong.
_EMPTY_WORDS: Final = ("fsck error in packed object", "fsck error in pack objects")
_MAX_REASON: Final = 400


def fault_of(finished: Finished, doing: str) -> Fault:
    """Return the Fault that tells why a child failed; `doing` ends "The server could not …"."""
    if finished.stopped is not None:
        return Fault(VALIDATION_ERROR, f"could not {doing}: {finished.stopped}", git_stderr=finished.stderr)
    if _NO_ROOM.search(finished.stderr):
        return unavailable(
            "the server has no room for this push; try again later", git_stderr=finished.stderr
        )
    return Fault(
        VALIDATION_ERROR, reason_of(finished.stderr) or f"could not {doing}", git_stderr=finished.stderr
    )


def asked_too_much(finished: Finished) -> bool:
    """Tell whether a child failed for what it was asked took more time or memory than it may have."""
    stderr = finished.stderr
    return bool(finished.stopped is not None or _ALLOCATION.search(stderr) or _NO_MEMORY.search(stderr))


def reason_of(stderr: str) -> str:
    """Return the telling lines of `stderr` as one line, without paths of the server."""
    if too_large := _ALLOCATION.search(stderr):
        wanted, allowed = (int(number) for number in too_large.groups())
        return f"an object needs {wanted} bytes of memory where {allowed} are allowed for this push"
    if _NO_MEMORY.search(stderr):
        return "the pack needs more memory than is allowed for this push"
    lines = [line for line in _LINE.findall(stderr) if not line.startswith(_EMPTY_WORDS)]
    told = "; ".join(clean_line(_PATH.sub("(path)", line)) for line in lines)
    return told[:_MAX_REASON]
