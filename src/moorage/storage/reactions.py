"""Rows of reactions: one for each comment and user at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.storage import tables

_REACTIONS = tables.reactions


@dataclass(frozen=True, slots=True)
class ReactionRow:
    """Who reacted to a comment, and with what: a short code without colons."""

    user_arn: str
    reaction: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How often each reaction was given to a comment, and which one a caller gave."""

    counts: Counter[str]
    own: str | None


NOTHING = Summary(Counter(), None)


def own(connection: Connection, comment_id: str, user_arn: str) -> str | None:
    """Return a user's reaction to a comment."""
    query = select(_REACTIONS.c.reaction).where(
        _REACTIONS.c.comment_id == comment_id, _REACTIONS.c.user_arn == user_arn
    )
    return connection.execute(query).scalar()


def count(connection: Connection, comment_id: str) -> int:
    """Return how many users reacted to a comment."""
    query = select(func.count()).select_from(_REACTIONS).where(_REACTIONS.c.comment_id == comment_id)
    return int(connection.execute(query).scalar_one())


def add(connection: Connection, comment_id: str, user_arn: str, reaction: str, at_ms: int) -> None:
    """Add the reaction of a user who has none. The comment's repository is locked."""
    connection.execute(
        insert(_REACTIONS).values(comment_id=comment_id, user_arn=user_arn, reaction=reaction, at_ms=at_ms)
    )


def replace(connection: Connection, comment_id: str, user_arn: str, reaction: str, at_ms: int) -> None:
    """Put another reaction in the place of a user's."""
    connection.execute(
        update(_REACTIONS)
        .where(_REACTIONS.c.comment_id == comment_id, _REACTIONS.c.user_arn == user_arn)
        .values(reaction=reaction, at_ms=at_ms)
    )


def remove(connection: Connection, comment_id: str, user_arn: str) -> None:
    """Take a user's reaction away."""
    connection.execute(
        delete(_REACTIONS).where(_REACTIONS.c.comment_id == comment_id, _REACTIONS.c.user_arn == user_arn)
    )


def of_comment(connection: Connection, comment_id: str) -> list[ReactionRow]:
    """Return all reactions to a comment, in no order: databases sort text differently."""
    query = select(_REACTIONS.c.user_arn, _REACTIONS.c.reaction).where(_REACTIONS.c.comment_id == comment_id)
    return [ReactionRow(arn, reaction) for arn, reaction in connection.execute(query)]


def summaries(connection: Connection, comment_ids: Sequence[str], user_arn: str) -> dict[str, Summary]:
    """Return what was reacted to comments; those that nobody reacted to are left out."""
    counted = (
        select(_REACTIONS.c.comment_id, _REACTIONS.c.reaction, func.count())
        .where(_REACTIONS.c.comment_id.in_(comment_ids))
        .group_by(_REACTIONS.c.comment_id, _REACTIONS.c.reaction)
    )
    counts: dict[str, Counter[str]] = {}
    for comment_id, reaction, number in connection.execute(counted):
        counts.setdefault(comment_id, Counter())[reaction] = number
    given = select(_REACTIONS.c.comment_id, _REACTIONS.c.reaction).where(
        _REACTIONS.c.comment_id.in_(comment_ids), _REACTIONS.c.user_arn == user_arn
    )
    owned = {row.comment_id: row.reaction for row in connection.execute(given)}
    return {comment_id: Summary(found, owned.get(comment_id)) for comment_id, found in counts.items()}


def deleted_users(connection: Connection, account_id: str, user_names: Sequence[str]) -> set[str]:
    """Return those of the names that no IAM user of the account has now."""
    users = tables.users
    query = select(users.c.name).where(users.c.account_id == account_id, users.c.name.in_(user_names))
    return set(user_names) - set(connection.execute(query).scalars())
