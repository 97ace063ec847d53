"""The form of what requests about comments hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.repos.comment_places import Place
from moorage.services.codecommit import names, pull_request_targets
from moorage.services.codecommit.paths import file_path

if TYPE_CHECKING:
    from moorage.core.names import ObjectId
    from moorage.services.codecommit.targets import Request

# Source: "Quotas in AWS CodeCommit", comments.
CONTENT_LIMIT: Final = 10_240

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_COMMENT_ID: Final = re.compile(f"{_UUID}:{_UUID}")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts):[^:\s]*:[0-9]{12}:[^\s]{1,1024}")


def content(request: Request) -> str:
    """Return a comment's text.

    Raises:
        Fault: CommentContentRequiredException, CommentContentSizeLimitExceededException.
    """
    text: str = request["content"]
    if not text.strip():
        raise Fault("CommentContentRequiredException", "The content of a comment is required")
    if len(text) > CONTENT_LIMIT:
        raise Fault(
            "CommentContentSizeLimitExceededException",
            f"A comment has at most {CONTENT_LIMIT:,} characters; this one has {len(text):,}",
        )
    return text


def comment_id(text: str) -> str:
    """Return the id of a comment that may be there.

    Raises:
        Fault: CommentIdRequiredException, InvalidCommentIdException.
    """
    if not text:
        raise Fault("CommentIdRequiredException", "The id of a comment is required")
    if not _COMMENT_ID.fullmatch(text):
        raise Fault(
            "InvalidCommentIdException",
            f"{names.shown(text)} is not the id of a comment: two UUIDs joined by a colon",
        )
    return text


def pull_request(request: Request) -> int:
    """Return the number of a pull request that may be there.

    Raises:
        Fault: PullRequestIdRequiredException, InvalidPullRequestIdException.
    """
    return pull_request_targets.number(request["pullRequestId"])


def compared(request: Request) -> tuple[ObjectId | None, ObjectId]:
    """Return the two commits of a request; there may be none before.

    Raises:
        Fault: InvalidCommitIdException.
    """
    before = request.get("beforeCommitId")
    return None if before is None else names.commit(before), names.commit(request["afterCommitId"])


def compared_to_comment(request: Request) -> tuple[ObjectId | None, ObjectId]:
    """Return the two commits that a comment is about.

    Raises:
        Fault: InvalidCommitIdException, BeforeCommitIdAndAfterCommitIdAreSameException.
    """
    before, after = compared(request)
    if before == after:
        raise Fault(
            "BeforeCommitIdAndAfterCommitIdAreSameException",
            "beforeCommitId and afterCommitId are the same commit: there is no change to comment on",
        )
    return before, after


def place(request: Request) -> Place | None:
    """Return where in the change a comment is; None for one on the change as a whole.

    Raises:
        Fault: InvalidFileLocationException, PathRequiredException, InvalidPathException,
            InvalidFilePositionException.
    """
    location: Mapping[str, Any] = request.get("location") or {}
    path, position = location.get("filePath"), location.get("filePosition")
    version = location.get("relativeFileVersion")
    if not location:
        return None
    if position is not None and version is None:
        raise Fault(
            "InvalidFileLocationException",
            "A filePosition needs a relativeFileVersion: a line of the file BEFORE or AFTER the change",
        )
    if path is None:
        raise Fault("PathRequiredException", "A location needs the filePath that it is in")
    if position is not None and position < 1:
        raise Fault("InvalidFilePositionException", "filePosition is the number of a line, from 1")
    return Place(file_path(path), position, version)


def reaction_user(request: Request) -> str | None:
    """Return the ARN of the user whose reactions are asked for.

    Raises:
        Fault: InvalidReactionUserArnException.
    """
    arn: str | None = request.get("reactionUserArn")
    if arn is not None and not _ARN.fullmatch(arn):
        raise Fault(
            "InvalidReactionUserArnException", f"{names.shown(arn)} is not the ARN of a user or role session"
        )
    return arn
