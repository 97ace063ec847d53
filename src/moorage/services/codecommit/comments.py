"""Comments got, listed, changed and deleted."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.repos.comment_places import require_commits
from moorage.repos.comments import Comments, missing, require_text
from moorage.services.codecommit import by_id, comment_forms, names, pages, pull_request_targets
from moorage.services.codecommit.comment_views import group, shown_to
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Check, Request, Rule, named_repository, own_arn, resource_tags
from moorage.storage import comments as stored
from moorage.storage import repositories as rows
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        DeleteCommentContentInputTypeDef,
        GetCommentInputTypeDef,
        GetCommentsForComparedCommitInputTypeDef,
        GetCommentsForPullRequestInputTypeDef,
        UpdateCommentInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.storage.comments import CommentRow, Outline
    from moorage.storage.repositories import RepositoryRow


def of_comment(member: str, *checks: Check) -> Rule:
    """Make the rule of an operation on a comment that is addressed by its id alone."""

    def rule(call: Call, request: Request) -> list[Target]:
        comment_id = comment_forms.comment_id(request[member])
        for check in checks:
            check(request)
        found = Comments(call.database, call.caller).find(comment_id)
        if found is None:
            return by_id.unknown(call, missing(comment_id))
        return by_id.of_repository(call, found.repository_id)

    return rule


def required(call: Call, comment_id: str) -> CommentRow:
    """Return a comment whose text was not deleted.

    Raises:
        Fault: CommentDoesNotExistException, CommentDeletedException.
    """
    found = Comments(call.database, call.caller).find(comment_id)
    if found is None:
        raise missing(comment_id)
    require_text(found)
    return found


@codecommit.operation("GetComment", resource=of_comment("commentId"))
def get_comment(call: Call, request: GetCommentInputTypeDef) -> dict[str, Any]:
    comment = Comments(call.database, call.caller).find(request["commentId"])
    row = _row(call, comment.repository_id) if comment is not None else None
    if comment is None or row is None:
        raise missing(request["commentId"])
    call.keyring.require(call.caller, row)
    require_text(comment)
    return {"comment": shown_to(call, [comment])[0]}


@codecommit.operation("UpdateComment", resource=of_comment("commentId", comment_forms.content))
def update_comment(call: Call, request: UpdateCommentInputTypeDef) -> dict[str, Any]:
    comment = required(call, request["commentId"])
    if comment.author_arn != call.caller.principal.arn:
        raise Fault(
            "CommentNotCreatedByCallerException",
            f"Comment {comment.comment_id} is {comment.author_arn}'s: only its author can change it",
        )
    comments = Comments(call.database, call.caller)
    after = comments.rewrite("codecommit:UpdateComment", comment, comment_forms.content(request))
    return {"comment": shown_to(call, [after])[0]}


@codecommit.operation("DeleteCommentContent", resource=of_comment("commentId"))
def delete_comment_content(call: Call, request: DeleteCommentContentInputTypeDef) -> dict[str, Any]:
    """Take a comment's text away for good; whoever has the right may, its author or not."""
    comment = required(call, request["commentId"])
    comments = Comments(call.database, call.caller)
    after = comments.rewrite("codecommit:DeleteCommentContent", comment, None)
    return {"comment": shown_to(call, [after])[0]}


@codecommit.operation("GetCommentsForComparedCommit", resource=named_repository(comment_forms.compared))
def get_comments_for_compared_commit(
    call: Call, request: GetCommentsForComparedCommitInputTypeDef
) -> dict[str, Any]:
    repository = opened(call, request)
    before, after = comment_forms.compared(request)
    require_commits(repository, (before, after))
    with call.database.read() as connection:
        outlines = stored.of_compared(connection, repository.row.repository_id, before, after)
    return _listed(
        call, "GetCommentsForComparedCommit", request, outlines, repository_name=repository.row.name
    )


def _pull_request_and_repository(call: Call, request: Request) -> list[Target]:
    """The rule of GetCommentsForPullRequest: the pull request's repository, and the one that is named."""
    comment_forms.pull_request(request)
    name = _named_with_commits(request)
    targets = list(pull_request_targets.of_pull_request()(call, request))
    if name is not None:
        targets.append(Target(own_arn(call, name), resource_tags(call, name)))
    return targets


def _named_with_commits(request: Request) -> str | None:
    """Return the name of the repository; it and the two commits are given together or not at all."""
    members = ("repositoryName", "beforeCommitId", "afterCommitId")
    if not any(member in request for member in members):
        return None
    if "repositoryName" not in request:
        raise Fault(
            "RepositoryNameRequiredException", "With beforeCommitId and afterCommitId goes a repositoryName"
        )
    name = names.repository(request["repositoryName"])
    if "beforeCommitId" not in request or "afterCommitId" not in request:
        raise Fault(
            "CommitIdRequiredException", "With a repositoryName go both beforeCommitId and afterCommitId"
        )
    comment_forms.compared(request)
    return name


@codecommit.operation("GetCommentsForPullRequest", resource=_pull_request_and_repository)
def get_comments_for_pull_request(
    call: Call, request: GetCommentsForPullRequestInputTypeDef
) -> dict[str, Any]:
    row, found = pull_request_targets.required(call, request)
    compared = None
    if "repositoryName" in request:
        named = call.repositories.require(call.caller, request["repositoryName"])
        if named.repository_id != found.repository_id:
            raise Fault(
                "RepositoryNotAssociatedWithPullRequestException",
                f"Pull request {found.number} is not one of {named.name}",
            )
        before, after = names.commit(request["beforeCommitId"]), names.commit(request["afterCommitId"])
        require_commits(opened(call, request), (before, after))
        compared = (before, after)
    else:
        call.keyring.require(call.caller, row)
    with call.database.read() as connection:
        outlines = stored.of_pull_request(connection, found.pull_request_key, compared)
    return _listed(
        call,
        "GetCommentsForPullRequest",
        request,
        outlines,
        repository_name=row.name,
        pull_request=found.number,
    )


def _listed(
    call: Call,
    operation: str,
    request: Request,
    outlines: list[Outline],
    *,
    repository_name: str,
    pull_request: int | None = None,
) -> dict[str, Any]:
    """Return a page of comments, those at one place together. A place may go on on the next page."""
    page = pages.page(call, operation, request)
    rest = outlines
    if page.after is not None:
        first, _, number = page.after.partition(" ")
        seen = (int(first), int(number))
        rest = [one for one in outlines if (one.first, one.number) > seen]
    key = "commentsForComparedCommitData" if pull_request is None else "commentsForPullRequestData"
    answer = page.answer(key, rest, lambda one: f"{one.first} {one.number}")
    taken: list[Outline] = answer[key]
    with call.database.read() as connection:
        found = stored.of_ids(connection, [one.comment_id for one in taken])
    present = [one for one in taken if one.comment_id in found]
    shown = shown_to(call, [found[one.comment_id] for one in present])
    told = {comment["commentId"]: comment for comment in shown}
    answer[key] = [
        {
            **group(found[together[0].comment_id], repository_name, pull_request),
            "comments": [told[one.comment_id] for one in together],
        }
        for together in (list(some) for _, some in groupby(present, key=lambda one: one.first))
    ]
    return answer


def _row(call: Call, repository_id: str) -> RepositoryRow | None:
    with call.database.read() as connection:
        return rows.by_id(connection, repository_id)
