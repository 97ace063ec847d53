"""Reactions to comments: one of each user at most."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from moorage.repos.comments import Comments
from moorage.services.codecommit import comment_forms, pages
from moorage.services.codecommit.comments import of_comment, required
from moorage.services.codecommit.reaction_values import REACTIONS, reaction
from moorage.services.codecommit.service import codecommit
from moorage.storage import reactions as stored

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        GetCommentReactionsInputTypeDef,
        PutCommentReactionInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request
    from moorage.storage.reactions import ReactionRow


def _value(request: Request) -> object:
    return reaction(request["reactionValue"])


@codecommit.operation("PutCommentReaction", resource=of_comment("commentId", _value))
def put_comment_reaction(call: Call, request: PutCommentReactionInputTypeDef) -> None:
    """Put the caller's reaction to a comment in the place of any earlier one."""
    comment = required(call, request["commentId"])
    wish = reaction(request["reactionValue"])
    Comments(call.database, call.caller).react("codecommit:PutCommentReaction", comment, wish)


@codecommit.operation("GetCommentReactions", resource=of_comment("commentId", comment_forms.reaction_user))
def get_comment_reactions(call: Call, request: GetCommentReactionsInputTypeDef) -> dict[str, Any]:
    """Tell who reacted to a comment and how. Users deleted since are counted and not named."""
    comment = required(call, request["commentId"])
    page = pages.page(call, "GetCommentReactions", request)
    user = comment_forms.reaction_user(request)
    with call.database.read() as connection:
        found = sorted(stored.of_comment(connection, comment.comment_id), key=_cursor)
        rest = [
            one
            for one in found
            if user in {None, one.user_arn} and (page.after is None or _cursor(one) > page.after)
        ]
        answer = page.answer("reactionsForComment", rest, _cursor)
        taken: list[ReactionRow] = answer["reactionsForComment"]
        users = {name: one.user_arn for one in taken if (name := _user_name(one.user_arn)) is not None}
        gone = stored.deleted_users(connection, call.caller.account_id, list(users))
    deleted = {users[name] for name in gone}
    answer["reactionsForComment"] = [
        _shown(name, [one.user_arn for one in together], deleted)
        for name, together in groupby(taken, key=lambda one: one.reaction)
    ]
    return answer


def _cursor(one: ReactionRow) -> str:
    return f"{one.reaction} {one.user_arn}"


def _user_name(arn: str) -> str | None:
    """Return the name of an IAM user; None for a root user or a session."""
    parts = arn.split(":", 5)
    return parts[5].rpartition("/")[2] if parts[2] == "iam" and parts[5].startswith("user/") else None


def _shown(name: str, users: list[str], deleted: set[str]) -> dict[str, Any]:
    kind = REACTIONS[name]
    return {
        "reaction": {"emoji": kind.emoji, "shortCode": kind.short_code, "unicode": kind.code_point},
        "reactionUsers": [arn for arn in users if arn not in deleted],
        "reactionsFromDeletedUsersCount": sum(arn in deleted for arn in users),
    }
