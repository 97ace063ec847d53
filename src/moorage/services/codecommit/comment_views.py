"""What comments look like in answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.storage import reactions

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.comments import CommentRow
    from moorage.storage.reactions import Summary


def shown_to(call: Call, comments: Sequence[CommentRow]) -> list[dict[str, Any]]:
    """Return comments as the caller sees them: with everybody's reactions, and the caller's own."""
    ids = [comment.comment_id for comment in comments]
    with call.database.read() as connection:
        found = reactions.summaries(connection, ids, call.caller.principal.arn)
    return [_shown(comment, found.get(comment.comment_id, reactions.NOTHING)) for comment in comments]


def group(comment: CommentRow, repository_name: str, pull_request: int | None) -> dict[str, Any]:
    """Return what the comments at one place have in common."""
    location = comment.location
    members = {
        "pullRequestId": None if pull_request is None else str(pull_request),
        "repositoryName": repository_name,
        "beforeCommitId": location.before_commit,
        "afterCommitId": location.after_commit,
        "beforeBlobId": location.before_blob,
        "afterBlobId": location.after_blob,
        "location": _location(comment),
    }
    return _given(members)


def _location(comment: CommentRow) -> dict[str, Any] | None:
    location = comment.location
    if location.file_path is None:
        return None
    return _given(
        {
            "filePath": location.file_path,
            "filePosition": location.file_position,
            "relativeFileVersion": location.file_version,
        }
    )


def _shown(comment: CommentRow, given: Summary) -> dict[str, Any]:
    members = {
        "commentId": comment.comment_id,
        "content": comment.content,
        "inReplyTo": comment.in_reply_to,
        "creationDate": from_milliseconds(comment.created_at_ms),
        "lastModifiedDate": from_milliseconds(comment.modified_at_ms),
        "authorArn": comment.author_arn,
        "deleted": comment.deleted,
        "clientRequestToken": comment.client_request_token,
        "callerReactions": [] if given.own is None else [given.own.upper()],
        "reactionCounts": {name.upper(): number for name, number in sorted(given.counts.items())},
    }
    return _given(members)


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
