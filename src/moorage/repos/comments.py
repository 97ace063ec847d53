"""Comments posted, changed and reacted to: each in one transaction with what others are told of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.repos import comment_events
from moorage.repos.repositories import does_not_exist
from moorage.storage import audit, outbox, pull_requests, reactions, request_tokens
from moorage.storage import comments as stored
from moorage.storage import repositories as rows
from moorage.storage.comments import CommentRow, Location

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.storage.database import Database
    from moorage.storage.repositories import RepositoryRow
    from moorage.storage.request_tokens import Token

# AWS does not publish how many users may react to one comment.
REACTIONS_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewComment:
    """A comment to be posted. `token` keeps it from being posted twice."""

    repository_id: str
    location: Location
    content: str
    in_reply_to: str | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction: the name it is kept under, and the three forms it is shown in."""

    name: str
    emoji: str
    short_code: str
    code_point: str


@dataclass(frozen=True, slots=True)
class Comments:
    """Where comments of all repositories are written."""

    database: Database
    caller: Caller

    def answered(self, token: Token | None, repository_id: str | None = None) -> CommentRow | None:
        """Return the comment that a request was answered with before, in the repository that it named.

        Raises:
            Fault: IdempotencyParameterMismatchException.
        """
        if token is None:
            return None
        with self.database.read() as connection:
            comment_id = request_tokens.earlier(connection, *token, self.database.now_ms(connection))
            return self._posted_in(connection, repository_id, comment_id) if comment_id is not None else None

    def find(self, comment_id: str) -> CommentRow | None:
        """Return a comment of the caller's account and region."""
        with self.database.read() as connection:
            return self._find(connection, comment_id)

    def post(self, action: str, new: NewComment) -> CommentRow:
        """Add a comment, unless the same request was answered before: then return that answer.

        Raises:
            Fault: IdempotencyParameterMismatchException; RepositoryDoesNotExistException.
        """
        gone = does_not_exist("The repository") if new.in_reply_to is None else missing(new.in_reply_to)
        with self._changing(new.repository_id, gone) as (connection, row, now_ms):
            comment = self._new(connection, new, now_ms)
            before = self._claimed(connection, new.token, comment, now_ms)
            if before is not None:
                return before
            stored.add(connection, comment)
            number = self._pull_request_active(connection, comment, now_ms)
            told = comment_events.posted(self.caller, row, comment, number, now_ms)
            outbox.append(connection, told)
            self._audit(connection, action, row, comment, now_ms)
        return comment

    def rewrite(self, action: str, comment: CommentRow, content: str | None) -> CommentRow:
        """Give a comment another text, or take its text away for good.

        Raises:
            Fault: CommentDeletedException, CommentDoesNotExistException.
        """
        with self._changing(comment.repository_id, missing(comment.comment_id)) as (connection, row, now_ms):
            self._standing(connection, comment.comment_id)
            stored.change(connection, comment.comment_id, content, now_ms)
            after = replace(comment, content=content, deleted=content is None, modified_at_ms=now_ms)
            number = self._pull_request_active(connection, comment, now_ms)
            outbox.append(connection, comment_events.changed(self.caller, row, after, number, now_ms))
            self._audit(connection, action, row, comment, now_ms)
        return after

    def react(self, action: str, comment: CommentRow, reaction: Reaction | None) -> None:
        """Put the caller's reaction in the place of any earlier one; None takes it away.

        Raises:
            Fault: CommentDeletedException, CommentDoesNotExistException, ReactionLimitExceededException.
        """
        arn, comment_id = self.caller.principal.arn, comment.comment_id
        with self._changing(comment.repository_id, missing(comment.comment_id)) as (connection, row, now_ms):
            self._standing(connection, comment_id)
            before = reactions.own(connection, comment_id, arn)
            if before == (reaction.name if reaction is not None else None):
                return
            if reaction is None:
                reactions.remove(connection, comment_id, arn)
            elif before is None:
                _require_room(connection, comment_id)
                reactions.add(connection, comment_id, arn, reaction.name, now_ms)
            else:
                reactions.replace(connection, comment_id, arn, reaction.name, now_ms)
            forms = [] if reaction is None else [(reaction.emoji, reaction.short_code, reaction.code_point)]
            told = comment_events.reacted(
                self.caller, row, comment, now_ms, first=before is None, forms=forms
            )
            outbox.append(connection, told)
            self._audit(connection, action, row, comment, now_ms)

    def _find(self, connection: Connection, comment_id: str) -> CommentRow | None:
        return stored.find(connection, self.caller.account_id, self.caller.region, comment_id)

    @contextmanager
    def _changing(self, repository_id: str, gone: Fault) -> Iterator[tuple[Connection, RepositoryRow, int]]:
        with self.database.write() as connection:
            row = rows.lock(connection, repository_id)
            if row is None:  # deleted since, and all comments with it
                raise gone
            yield connection, row, self.database.now_ms(connection)

    def _standing(self, connection: Connection, comment_id: str) -> None:
        found = self._find(connection, comment_id)
        if found is None:
            raise missing(comment_id)
        require_text(found)

    def _new(self, connection: Connection, new: NewComment, now_ms: int) -> CommentRow:
        return CommentRow(
            comment_id=f"{uuid.uuid4()}:{uuid.uuid4()}",
            account_id=self.caller.account_id,
            region=self.caller.region,
            repository_id=new.repository_id,
            number=stored.next_number(connection, new.repository_id),
            location=new.location,
            in_reply_to=new.in_reply_to,
            content=new.content,
            deleted=False,
            author_arn=self.caller.principal.arn,
            client_request_token=new.token[0].token if new.token is not None else None,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
        )

    def _claimed(
        self, connection: Connection, token: Token | None, comment: CommentRow, now_ms: int
    ) -> CommentRow | None:
        if token is None:
            return None
        find = partial(self._posted_in, connection, comment.repository_id)
        return request_tokens.claim_or_find(connection, token, comment.comment_id, now_ms, find)

    def _posted_in(
        self, connection: Connection, repository_id: str | None, comment_id: str
    ) -> CommentRow | None:
        """Return a comment; None where it went with its repository, or that has another name now."""
        found = self._find(connection, comment_id)
        return found if found is not None and repository_id in {None, found.repository_id} else None

    def _pull_request_active(self, connection: Connection, comment: CommentRow, now_ms: int) -> int | None:
        """Note that a comment's pull request was active; return its number."""
        key = comment.location.pull_request_key
        found = None if key is None else pull_requests.by_key(connection, key)
        if found is None:
            return None
        pull_requests.change(connection, found.pull_request_key, last_activity_at_ms=now_ms)
        return found.number

    def _audit(
        self, connection: Connection, action: str, row: RepositoryRow, comment: CommentRow, now_ms: int
    ) -> None:
        change = audit.change(self.caller, action, row.arn, now_ms, commentId=comment.comment_id)
        audit.record(connection, change)


def missing(comment_id: str) -> Fault:
    """The refusal for a comment that is not there."""
    return Fault("CommentDoesNotExistException", f"There is no comment {comment_id}")


def require_text(comment: CommentRow) -> None:
    """Refuse a comment whose text was deleted.

    Raises:
        Fault: CommentDeletedException.
    """
    if comment.deleted:
        raise Fault("CommentDeletedException", f"The content of comment {comment.comment_id} was deleted")


def _require_room(connection: Connection, comment_id: str) -> None:
    if reactions.count(connection, comment_id) >= REACTIONS_LIMIT:
        raise Fault(
            "ReactionLimitExceededException",
            f"{REACTIONS_LIMIT:,} users have reacted to this comment; no more can",
        )
