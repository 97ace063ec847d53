"""What a request says of a commit's author and message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos import authorship
from moorage.services.codecommit import names

if TYPE_CHECKING:
    from moorage.git.new_objects import Signature
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request

# Source: "Quotas in AWS CodeCommit". Of the two sizes that it has for a commit's message, the smaller.
NAME_LIMIT: Final = 1_024
EMAIL_LIMIT: Final = 256
MESSAGE_BYTES: Final = 6 << 20


def author_form(request: Request) -> None:
    """Check name (`authorName` or `name`), `email` and `commitMessage`.

    Raises:
        Fault: NameLengthExceededException, InvalidEmailException or
            CommitMessageLengthExceededException.
    """
    name = request.get("authorName", request.get("name", ""))
    if len(name) > NAME_LIMIT or not names.is_storable(name):
        raise Fault(
            "NameLengthExceededException",
            f"An author's name has at most {NAME_LIMIT:,} characters, none of them U+0000",
        )
    email = request.get("email", "")
    if len(email) > EMAIL_LIMIT or not names.is_storable(email):
        raise Fault(
            "InvalidEmailException",
            f"An e-mail address has at most {EMAIL_LIMIT} characters, none of them U+0000",
        )
    text = request.get("commitMessage", "")
    if len(text) > MESSAGE_BYTES or not names.is_storable(text) or len(text.encode()) > MESSAGE_BYTES:
        raise Fault(
            "CommitMessageLengthExceededException",
            f"A commit message has at most {MESSAGE_BYTES:,} bytes, none of them zero",
        )


def author(call: Call, request: Request, *, default_name: str | None = None) -> Signature:
    """Return who is to be the author; without a name it is `default_name`, else the caller's ARN."""
    return authorship.signature(
        request.get("authorName", request.get("name")),
        request.get("email"),
        call.caller.now,
        default_name=default_name or call.caller.principal.arn,
    )


def message(request: Request) -> str:
    """Return the commit message as it was sent; without one it is empty."""
    text: str = request.get("commitMessage", "")
    return text
