"""Which faults in pushed objects are tolerated, by git's own names for them.

Public histories hold commits that programs of twenty years wrote. What is merely odd in them is a
warning; what could harm a reader of the repository (`.git` in a tree, `..`, slashes, duplicate or
unsorted entries, dangerous `.gitmodules`, broken headers) stays fatal.
The reader's page is docs/mechanisms/fsck-tolerance.md, which a test holds to this list.
"""

from __future__ import annotations

from typing import Final

TOLERATED: Final = {
    "badDate": "an unreadable date",
    "badDateOverflow": "a date beyond what the machine can count",
    "badEmail": "a malformed e-mail address",
    "badFilemode": "a file mode Git does not use today, as 100664",
    "badName": "an angle bracket in a name",
    "badTimezone": "an impossible time zone, as +51800",
    "missingEmail": "an identity without an e-mail address",
    "missingNameBeforeEmail": "an identity without a name",
    "missingSpaceBeforeDate": "no space before the date",
    "missingSpaceBeforeEmail": "no space before the e-mail address",
    "missingTaggerEntry": "an annotated tag without a tagger, as Git made before 2005",
    "badTagName": "an annotated tag whose inner name is no valid ref name",
    "zeroPaddedDate": "a date with leading zeros",
    "zeroPaddedFilemode": "a file mode with a leading zero",
    "gitmodulesParse": "a .gitmodules file that cannot be parsed",
}


def strict_option() -> str:
    """Return index-pack's option: every fault is fatal but the tolerated ones."""
    return "--strict=" + ",".join(f"{name}=warn" for name in TOLERATED)
