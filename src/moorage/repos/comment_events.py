"""What others are told of comments and reactions: service.md section 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from moorage.storage import outbox

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.storage.comments import CommentRow
    from moorage.storage.outbox import OutboxEvent
    from moorage.storage.repositories import RepositoryRow

ON_COMMIT: Final = "CodeCommit Comment on Commit"
ON_PULL_REQUEST: Final = "CodeCommit Comment on Pull Request"
REACTION: Final = "CodeCommit Comment Reaction Change"

# Tags of a session by which federated users are told apart.
_SESSION_TAGS: Final = ("displayName", "emailAddress")


def posted(
    caller: Caller, row: RepositoryRow, comment: CommentRow, number: int | None, at_ms: int
) -> OutboxEvent:
    """Describe a new comment; `number` is that of its pull request."""
    return _told(caller, row, comment, number, at_ms, happened="Created")


def changed(
    caller: Caller, row: RepositoryRow, comment: CommentRow, number: int | None, at_ms: int
) -> OutboxEvent:
    """Describe a comment whose text was changed, or deleted."""
    return _told(caller, row, comment, number, at_ms, happened="Updated")


def _told(
    caller: Caller,
    row: RepositoryRow,
    comment: CommentRow,
    number: int | None,
    at_ms: int,
    *,
    happened: str,
) -> OutboxEvent:
    if number is None:
        kind, event, subject = ON_COMMIT, f"commentOnCommit{happened}", "a commit"
    else:
        kind, event, subject = ON_PULL_REQUEST, f"commentOnPullRequest{happened}", f"pull request {number}"
    detail = {"event": event, **_of_comment(caller, row, comment)}
    if number is not None:
        detail["pullRequestId"] = str(number)
    if comment.in_reply_to is not None:
        detail["inReplyTo"] = comment.in_reply_to
    detail["notificationBody"] = _body(caller, row, f"{event} on {subject}", comment, at_ms)
    return outbox.event(caller, row, kind, detail, at_ms)


def reacted(
    caller: Caller,
    row: RepositoryRow,
    comment: CommentRow,
    at_ms: int,
    *,
    first: bool,
    forms: Sequence[tuple[str, str, str]],
) -> OutboxEvent:
    """Describe a user's reaction to a comment, now: `forms` (emoji, short code, code point), or none."""
    event = "commentReactionCreated" if first else "commentReactionUpdated"
    detail: dict[str, object] = {
        "event": event,
        **_of_comment(caller, row, comment),
        "reactionEmojis": [emoji for emoji, _, _ in forms],
        "reactionShortcodes": [short for _, short, _ in forms],
        "reactionUnicodes": [code for _, _, code in forms],
        "notificationBody": _body(caller, row, event, comment, at_ms),
    }
    return outbox.event(caller, row, REACTION, detail, at_ms)


def _of_comment(caller: Caller, row: RepositoryRow, comment: CommentRow) -> dict[str, str]:
    detail = {
        "afterCommitId": comment.location.after_commit,
        "commentId": comment.comment_id,
        "repositoryId": row.repository_id,
        "repositoryName": row.name,
    }
    if comment.location.before_commit is not None:
        detail["beforeCommitId"] = comment.location.before_commit
    session = caller.principal.session
    if session is not None:
        detail |= {tag: session.tags[tag] for tag in _SESSION_TAGS if tag in session.tags}
    return detail


def _body(caller: Caller, row: RepositoryRow, what: str, comment: CommentRow, at_ms: int) -> str:
    date = outbox.shown_date(at_ms)
    return (
        f"{what} in the AWS CodeCommit repository {row.name}, by {caller.principal.arn} on {date}."
        f" Comment: {comment.comment_id}"
    )
