"""Comments posted: on two commits, on a pull request, and in reply to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.repos.comment_places import located
from moorage.repos.comments import Comments, NewComment, missing
from moorage.repos.pull_requests import life
from moorage.services.codecommit import comment_forms, idempotency, pull_request_targets
from moorage.services.codecommit.comment_views import group, shown_to
from moorage.services.codecommit.comments import of_comment
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        PostCommentForComparedCommitInputTypeDef,
        PostCommentForPullRequestInputTypeDef,
        PostCommentReplyInputTypeDef,
    )

    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.storage.comments import CommentRow
    from moorage.storage.pull_requests import PullRequestRow

_CHECKS = (
    idempotency.token_form,
    comment_forms.compared_to_comment,
    comment_forms.place,
    comment_forms.content,
)


@codecommit.operation("PostCommentForComparedCommit", resource=named_repository(*_CHECKS))
def post_comment_for_compared_commit(
    call: Call, request: PostCommentForComparedCommitInputTypeDef
) -> dict[str, Any]:
    return _posted(call, "PostCommentForComparedCommit", request, opened(call, request))


@codecommit.operation(
    "PostCommentForPullRequest", resource=named_repository(comment_forms.pull_request, *_CHECKS)
)
def post_comment_for_pull_request(
    call: Call, request: PostCommentForPullRequestInputTypeDef
) -> dict[str, Any]:
    repository = opened(call, request)
    found = _required_pull_request(call, request, repository.row.repository_id)
    return _posted(call, "PostCommentForPullRequest", request, repository, found)


def _posted(
    call: Call,
    operation: str,
    request: Request,
    repository: OpenRepository,
    pull_request: PullRequestRow | None = None,
) -> dict[str, Any]:
    comments = Comments(call.database, call.caller)
    token = idempotency.token_key(call, operation, request)
    comment = comments.answered(token, repository.row.repository_id)
    if comment is None:
        key = pull_request.pull_request_key if pull_request is not None else None
        compared, place = comment_forms.compared_to_comment(request), comment_forms.place(request)
        location = located(repository, compared, place, key)
        new = NewComment(repository.row.repository_id, location, comment_forms.content(request), token=token)
        comment = comments.post(f"codecommit:{operation}", new)
    number = pull_request.number if pull_request is not None else None
    return {**group(comment, repository.row.name, number), "comment": shown_to(call, [comment])[0]}


def _required_pull_request(call: Call, request: Request, repository_id: str) -> PullRequestRow:
    """Return the pull request of a request, which must be of that repository.

    Raises:
        Fault: PullRequestDoesNotExistException, RepositoryNotAssociatedWithPullRequestException.
    """
    found = pull_request_targets.find(call, request)
    if found is None:
        raise life.unknown(request["pullRequestId"])
    if found.repository_id != repository_id:
        raise Fault(
            "RepositoryNotAssociatedWithPullRequestException",
            f"Pull request {found.number} is not one of {request['repositoryName']}",
        )
    return found


@codecommit.operation(
    "PostCommentReply", resource=of_comment("inReplyTo", idempotency.token_form, comment_forms.content)
)
def post_comment_reply(call: Call, request: PostCommentReplyInputTypeDef) -> dict[str, Any]:
    """Reply to a comment, also to a reply, also to one whose text was deleted: it hangs at the same place."""
    comments = Comments(call.database, call.caller)
    token = idempotency.token_key(call, "PostCommentReply", request)
    reply: CommentRow | None = comments.answered(token)
    if reply is None:
        comment = comments.find(request["inReplyTo"])
        if comment is None:
            raise missing(request["inReplyTo"])
        new = NewComment(
            comment.repository_id,
            comment.location,
            comment_forms.content(request),
            in_reply_to=comment.comment_id,
            token=token,
        )
        reply = comments.post("codecommit:PostCommentReply", new)
    return {"comment": shown_to(call, [reply])[0]}
