"""Names that git fsck refuses in a tree: some file system would take them for Git's own.

Source: fsck.c and path.c of git, whose rules for HFS+ (characters without width are ignored) and
NTFS (8.3 names, streams, blanks and periods at the end, backslashes) hold everywhere.
"""

from __future__ import annotations

import re
from typing import Final

_WITHOUT_WIDTH: Final = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)
_GIT_ON_NTFS = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.IGNORECASE | re.ASCII | re.DOTALL)
# .gitmodules, .gitattributes, and every 8.3 name that could stand for one of them.
_READ_BY_GIT = re.compile(r"\.git(?:modules|attributes)|~[0-9]", re.IGNORECASE | re.ASCII)


def is_refused(name: str) -> bool:
    """Tell whether no tree may have the name: it is `.`, `..`, or `.git` to some file system."""
    if name in {"", ".", ".."} or name.translate(_WITHOUT_WIDTH).lower() == ".git":
        return True
    return any(_GIT_ON_NTFS.fullmatch(part) for part in name.split("\\"))


def is_read_by_git(name: str) -> bool:
    """Tell whether git fsck may look into what has the name: better too often than too rarely."""
    return _READ_BY_GIT.search(name.translate(_WITHOUT_WIDTH)) is not None
