"""The form of what a request says of a commit's author, and of its message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos import authorship
from moorage.services.codecommit.names import is_storable

if TYPE_CHECKING:
    from moorage.git.new_objects import Signature
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request

# Source: "Quotas in AWS CodeCommit" for names and addresses, the API's model for messages.
NAME_LIMIT: Final = 1_024
EMAIL_LIMIT: Final = 256
MESSAGE_BYTES_LIMIT: Final = 256 * 1024

# A commit's header ends an address at `>`, and no address holds blanks or control characters.
_EMAIL = re.compile(r"[^<>\s\x00-\x1f\x7f]*")


def checked_author(request: Request) -> None:
    """Check `authorName` or `name`, `email` and `commitMessage`; each may be absent or empty.

    Raises:
        Fault: NameLengthExceededException, InvalidEmailException or
            CommitMessageLengthExceededException.
    """
    for member in ("authorName", "name"):
        _require_name(request.get(member, ""))
    email = request.get("email", "")
    if len(email) > EMAIL_LIMIT or not _EMAIL.fullmatch(email) or not is_storable(email):
        raise Fault(
            "InvalidEmailException",
            f"An email address has at most {EMAIL_LIMIT} characters, none of them a space, < or >",
        )
    _require_message(request.get("commitMessage", ""))


def author(call: Call, request: Request, *, default: str | None = None) -> Signature:
    """Return whom a request names as author; `default` is as in `authorship.signature`."""
    name = request.get("authorName", request.get("name"))
    return authorship.signature(call.caller, name, request.get("email"), call.caller.now, default=default)


def _require_name(name: str) -> None:
    if len(name) > NAME_LIMIT or not is_storable(name):
        raise Fault(
            "NameLengthExceededException",
            f"An author's name has at most {NAME_LIMIT:,} characters, all of them Unicode's",
        )


def _require_message(message: str) -> None:
    if not is_storable(message) or len(message.encode()) > MESSAGE_BYTES_LIMIT:
        raise Fault(
            "CommitMessageLengthExceededException",
            f"A commit message has at most {MESSAGE_BYTES_LIMIT // 1024} KB of UTF-8, without U+0000",
        )
