"""Refs as files of a cached repository: one packed-refs file, and a loose file for what moved since."""

from __future__ import annotations

import contextlib
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

# Each ref deleted costs a search through packed-refs; from here on writing it anew is cheaper.
_CUT_REFS = 16

_ID_DIGITS = 40

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
    gone = [change.name for change in changes if change.new == ZERO_ID]
    standing = [change for change in changes if change.new != ZERO_ID]
    loose = all(fits_loose(change.name) for change in standing)
    if not loose or len(gone) > _CUT_REFS or len(standing) + _loose(folder) > _LOOSE_REFS:
        write_all_refs(folder, refs)
        return
    # First, and the packed one before the loose one, as git does: none comes back meanwhile, and
    # `a/b` makes room for `a`.
    _cut(folder / "packed-refs", gone)
    for name in gone:
        _drop_loose(folder, name)
    for change in standing:
        path = folder / change.name.decode()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, change.new.encode() + b"\n")
    _write_head(folder, refs)


def _cut(packed: Path, names: Sequence[bytes]) -> None:
    """Cut refs out of packed-refs: its bytes are copied, which costs half of writing them anew."""
    content = packed.read_bytes() if names else b""
    spans: list[tuple[int, int]] = []
    for name in names:
        at = content.find(b" %b\n" % name)
        if at >= 0:
            end = at + len(name) + 2
            if content[end : end + 1] == b"^":  # what an annotated tag peels to
                end = content.index(b"\n", end) + 1
            spans.append((at - _ID_DIGITS, end))
    if not spans:
        return
    kept, before = [], 0
    for start, end in sorted(spans):
        kept.append(content[before:start])
        before = end
    _replace(packed, b"".join([*kept, content[before:]]))


def _drop_loose(folder: Path, name: bytes) -> None:
    if not fits_loose(name):
        return
    path = folder / name.decode()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
    for parent in path.parents:
        if parent in (folder / "refs", folder / "refs" / "heads", folder / "refs" / "tags"):
            return
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if any(parent.iterdir()):
                return
            parent.rmdir()


def _loose(folder: Path) -> int:
    return sum(1 for path in (folder / "refs").rglob("*") if path.is_file())


def _write_head(folder: Path, refs: RefSnapshot) -> None:
    _replace(folder / "HEAD", b"ref: %s\n" % refs.head)


def _replace(path: Path, content: bytes) -> None:
    # ".lock" is git's own name for a file being written, which no ref may have.
    temporary = path.with_name(f"{path.name}.lock")
    temporary.write_bytes(content)
    temporary.replace(path)
