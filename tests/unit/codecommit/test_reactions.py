"""Reactions to comments."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert

from comments_at_hand import Change
from moorage.core.faults import Fault
from moorage.repos.comments import REACTIONS_LIMIT
from moorage.services.codecommit.reaction_values import REACTIONS
from moorage.storage import tables
from repositories_at_hand import Desk

CHANGE = "CodeCommit Comment Reaction Change"


@pytest.fixture
def change(desk: Desk) -> Change:
    return Change.of(desk)


def react(change: Change, comment: str, value: str) -> None:
    assert change.desk.ask("PutCommentReaction", commentId=comment, reactionValue=value) == {}


def reactions(change: Change, comment: str, **more: Any) -> dict[str, list[str]]:
    found = change.desk.ask("GetCommentReactions", commentId=comment, **more)["reactionsForComment"]
    return {one["reaction"]["shortCode"]: one["reactionUsers"] for one in found}


@pytest.mark.parametrize("value", [":thumbsup:", "👍", "U+1F44D", "u+1f44d", "👍🏽", "U+1F44D U+1F3FD"])
def test_one_reaction_has_several_forms(change: Change, value: str) -> None:
    comment = change.comment()
    react(change, comment, value)
    (found,) = change.desk.ask("GetCommentReactions", commentId=comment)["reactionsForComment"]
    assert found == {
        "reaction": {"emoji": "👍", "shortCode": ":thumbsup:", "unicode": "U+1F44D"},
        "reactionUsers": [change.desk.caller.principal.arn],
        "reactionsFromDeletedUsersCount": 0,
    }


@pytest.mark.parametrize("name", REACTIONS)
def test_each_reaction_of_the_table_is_taken_in_its_three_forms(change: Change, name: str) -> None:
    comment, kind = change.comment(), REACTIONS[name]
    for form in (kind.emoji, kind.short_code, kind.code_point):
        react(change, comment, form)
        assert change.get(comment)["callerReactions"] == [name.upper()]
        react(change, comment, "none")


@pytest.mark.parametrize("value", ["❤", "❤\ufe0f"])
def test_a_heart_is_one_with_colours_or_without(change: Change, value: str) -> None:
    comment = change.comment()
    react(change, comment, value)
    assert change.get(comment)["reactionCounts"] == {"HEART": 1}


def test_the_next_reaction_of_a_user_replaces_the_one_before(change: Change) -> None:
    comment, mary = change.comment(), change.by("mary")
    react(change, comment, ":smile:")
    react(mary, comment, ":smile:")
    react(mary, comment, ":confused:")
    shown = mary.get(comment)
    assert shown["callerReactions"] == ["CONFUSED"]
    assert shown["reactionCounts"] == {"SMILE": 1, "CONFUSED": 1}
    assert change.listed()[0]["comments"][0]["callerReactions"] == ["SMILE"]


@pytest.mark.parametrize("value", ["", "none", "NONE"])
def test_a_reaction_is_taken_away(change: Change, value: str) -> None:
    comment = change.comment()
    react(change, comment, value)
    react(change, comment, ":smile:")
    react(change, comment, value)
    assert reactions(change, comment) == {}


@pytest.mark.parametrize("value", [":no-such-thing:", "thumbsup", "🦑", "U+1", "U+1F3FD", "👍👍"])
def test_what_is_no_reaction_is_refused(change: Change, value: str) -> None:
    with pytest.raises(Fault, match="InvalidReactionValueException"):
        react(change, change.comment(), value)


def test_a_reaction_is_required(change: Change) -> None:
    with pytest.raises(Fault, match="ReactionValueRequiredException"):
        change.desk.ask("PutCommentReaction", commentId=change.comment())


def test_reactions_are_listed_by_kind_of_one_user_alone_and_in_pages(change: Change) -> None:
    comment, mary, zoe = change.comment(), change.by("mary"), change.by("zoe")
    for who, value in ((change, ":smile:"), (mary, ":smile:"), (zoe, ":eyes:")):
        react(who, comment, value)
    arn = mary.desk.caller.principal.arn
    assert {name: len(users) for name, users in reactions(change, comment).items()} == {
        ":eyes:": 1,
        ":smile:": 2,
    }
    assert reactions(change, comment, reactionUserArn=arn) == {":smile:": [arn]}
    assert reactions(change, comment, reactionUserArn=f"{arn}-not") == {}
    first = change.desk.ask("GetCommentReactions", commentId=comment, maxResults=2)
    rest = reactions(change, comment, maxResults=2, nextToken=first["nextToken"])
    assert len(rest[":smile:"]) == 1


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("InvalidReactionUserArn", {"reactionUserArn": "mary"}),
        ("InvalidMaxResults", {"maxResults": 1_001}),
        ("InvalidMaxResults", {"maxResults": 0}),
        ("InvalidContinuationToken", {"nextToken": "made up"}),
    ],
)
def test_a_wrong_list_is_refused(change: Change, error: str, more: dict[str, Any]) -> None:
    with pytest.raises(Fault, match=f"{error}Exception"):
        reactions(change, change.comment(), **more)


def test_users_deleted_since_are_counted_and_not_named(change: Change) -> None:
    comment, mary = change.comment(), change.by("mary")
    react(change, comment, ":smile:")
    react(mary, comment, ":smile:")
    with change.desk.call.database.write() as connection:
        connection.execute(delete(tables.users).where(tables.users.c.name == "mary"))
    (found,) = change.desk.ask("GetCommentReactions", commentId=comment)["reactionsForComment"]
    assert found["reactionUsers"] == [change.desk.caller.principal.arn]
    assert found["reactionsFromDeletedUsersCount"] == 1


def test_a_comment_takes_so_many_reactions_and_no_more(change: Change) -> None:
    comment = change.comment()
    react(change, comment, ":smile:")
    with change.desk.call.database.write() as connection:
        values = [
            {"comment_id": comment, "user_arn": f"arn:{n}", "reaction": "eyes", "at_ms": 1}
            for n in range(REACTIONS_LIMIT - 1)
        ]
        connection.execute(insert(tables.reactions), values)
    react(change, comment, ":heart:")
    with pytest.raises(Fault, match="ReactionLimitExceededException"):
        react(change.by("mary"), comment, ":heart:")


def test_others_are_told_of_reactions(change: Change) -> None:
    comment = change.comment()
    for value in (":smile:", ":smile:", ":eyes:", "none", "none"):
        react(change, comment, value)
    told = change.told(CHANGE)
    assert [(one["event"], one["reactionShortcodes"]) for one in told] == [
        ("commentReactionCreated", [":smile:"]),
        ("commentReactionUpdated", [":eyes:"]),
        ("commentReactionUpdated", []),
    ]
    assert (told[0]["reactionEmojis"], told[0]["reactionUnicodes"]) == (["😄"], ["U+1F604"])
    assert told[0]["commentId"] == comment
