"""Refs as files of a cached repository: one packed-refs file, and a loose file for what moved since."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.core.names import ZERO_ID
from moorage.git.ref_names import fits_loose

if TYPE_CHECKING:
    from moorage.git.advertise import RefSnapshot
    from moorage.storage.repositories import RefChange

# After this many loose files they are packed: a push's cost must not grow with the number of refs,
# and git's must not with the number of files.
_LOOSE_REFS = 64

_HEADER = b"# pack-refs with: peeled fully-peeled sorted \n"


def write_all_refs(folder: Path, refs: RefSnapshot) -> None:
    """Make the files say what `refs` says, all of it."""
    lines = [_HEADER]
    for ref in refs.refs:
        lines.append(b"%s %s\n" % (ref.object_id.encode(), ref.name))
        if ref.peeled_id is not None:
            lines.append(b"^%s\n" % ref.peeled_id.encode())
    _replace(folder / "packed-refs", b"".join(lines))
    _write_head(folder, refs)
    for child in (folder / "refs").iterdir():
        shutil.rmtree(child, ignore_errors=True)
    for kind in ("heads", "tags"):
        (folder / "refs" / kind).mkdir(mode=0o700, exist_ok=True)


def write_changed_refs(folder: Path, changes: Sequence[RefChange], refs: RefSnapshot) -> None:
    """Make the files follow `changes`, after which they stand at `refs`."""
    if not all(map(_can_be_loose, changes)) or len(changes) + _loose(folder) > _LOOSE_REFS:
        write_all_refs(folder, refs)
        return
    for change in changes:
        path = folder / change.name.decode()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, change.new.encode() + b"\n")
    _write_head(folder, refs)


def _can_be_loose(change: RefChange) -> bool:
    # A deleted ref has to leave packed-refs as well, and may be another's folder; a file system
    # takes no name as long as a branch's may be.
    return change.new != ZERO_ID and fits_loose(change.name)


def _loose(folder: Path) -> int:
    return sum(1 for path in (folder / "refs").rglob("*") if path.is_file())


def _write_head(folder: Path, refs: RefSnapshot) -> None:
    _replace(folder / "HEAD", b"ref: %s\n" % refs.head)


def _replace(path: Path, content: bytes) -> None:
    # ".lock" is git's own name for a file being written, which no ref may have.
    temporary = path.with_name(f"{path.name}.lock")
    temporary.write_bytes(content)
    temporary.replace(path)
