"""Rows of comments, reactions, request tokens and triggers behave alike in both databases."""

from __future__ import annotations

import threading
import uuid

import pytest
from sqlalchemy import insert

from moorage.storage import comments, reactions, request_tokens, tables, triggers
from moorage.storage import repositories as rows
from moorage.storage.comments import CommentRow, Location
from moorage.storage.database import Database
from moorage.storage.request_tokens import TokenKey
from moorage.storage.triggers import Trigger

ACCOUNT, REGION, REPOSITORY = "123456789012", "us-east-2", str(uuid.UUID(int=1))
AUTHOR, READER = f"arn:aws:iam::{ACCOUNT}:user/mary", f"arn:aws:iam::{ACCOUNT}:user/zoe"
BEFORE, AFTER = "b" * 40, "a" * 40
KEY = TokenKey(ACCOUNT, REGION, "AIDA1", "PostCommentReply", "token")
ANYWHERE = Location(None, BEFORE, AFTER)
LINE = Location(None, BEFORE, AFTER, "1" * 40, "2" * 40, "ä.txt", 3, "AFTER")


@pytest.fixture
def repository(database: Database) -> Database:
    """A database with an account and a repository."""
    with database.write() as connection:
        for table, values in (
            (tables.accounts, {"account_id": ACCOUNT, "partition": "aws"}),
            (tables.kms_keys, {"key_id": "key", "account_id": ACCOUNT, "region": REGION}),
            (
                tables.repositories,
                {
                    "repository_id": REPOSITORY,
                    "account_id": ACCOUNT,
                    "region": REGION,
                    "name": "Demo",
                    "kms_key_id": "key",
                },
            ),
        ):
            blank: dict[type, object] = {str: "", int: 0, bool: False, bytes: b""}
            needed = {
                column.name: blank[column.type.python_type] for column in table.c if not column.nullable
            }
            connection.execute(insert(table).values(needed | values))
    return database


def post(database: Database, location: Location = ANYWHERE, text: str = "Why?") -> str:
    with database.write() as connection:
        rows.lock(connection, REPOSITORY)
        row = CommentRow(
            comment_id=f"{uuid.uuid4()}:{uuid.uuid4()}",
            account_id=ACCOUNT,
            region=REGION,
            repository_id=REPOSITORY,
            number=comments.next_number(connection, REPOSITORY),
            location=location,
            in_reply_to=None,
            content=text,
            deleted=False,
            author_arn=AUTHOR,
            client_request_token=None,
            created_at_ms=1,
            modified_at_ms=1,
        )
        comments.add(connection, row)
        assert comments.find(connection, ACCOUNT, REGION, row.comment_id) == row
    return row.comment_id


def test_comments_of_one_place_are_together(repository: Database) -> None:
    first, line, third = post(repository), post(repository, LINE), post(repository, text="🤔")
    alone = post(repository, Location(None, None, AFTER))
    with repository.read() as connection:
        found = comments.of_compared(connection, REPOSITORY, BEFORE, AFTER)
        assert [(one.first, one.comment_id) for one in found] == [(1, first), (1, third), (2, line)]
        (only,) = comments.of_compared(connection, REPOSITORY, None, AFTER)
        assert only.comment_id == alone
        assert comments.of_ids(connection, [line, third])[third].content == "🤔"
        assert comments.find(connection, ACCOUNT, "eu-west-1", first) is None


def test_a_text_is_changed_and_taken_away(repository: Database) -> None:
    comment = post(repository)
    with repository.write() as connection:
        comments.change(connection, comment, "Why so?", 2)
        changed = comments.find(connection, ACCOUNT, REGION, comment)
        assert changed is not None
        assert (changed.content, changed.deleted, changed.modified_at_ms) == ("Why so?", False, 2)
        comments.change(connection, comment, None, 3)
        deleted = comments.find(connection, ACCOUNT, REGION, comment)
        assert deleted is not None
        assert (deleted.content, deleted.deleted) == (None, True)


def test_each_user_has_one_reaction_to_a_comment(repository: Database) -> None:
    comment, silent = post(repository), post(repository)
    with repository.write() as connection:
        reactions.add(connection, comment, AUTHOR, "smile", 1)
        reactions.add(connection, comment, READER, "smile", 1)
        reactions.replace(connection, comment, READER, "eyes", 2)
        found = reactions.summaries(connection, [comment, silent], READER)
        assert (dict(found[comment].counts), found[comment].own) == ({"smile": 1, "eyes": 1}, "eyes")
        assert silent not in found
        reactions.remove(connection, comment, READER)
        assert reactions.own(connection, comment, READER) is None
        assert reactions.count(connection, comment) == 1
        assert reactions.deleted_users(connection, ACCOUNT, ["mary"]) == {"mary"}


def test_of_two_who_claim_one_token_at_once_one_is_first(repository: Database) -> None:
    together = threading.Barrier(2, timeout=20)
    answers: dict[str, str | None] = {}

    def claim(answer: str) -> None:
        together.wait()
        with repository.write() as connection:
            answers[answer] = request_tokens.claim(connection, KEY, "a" * 64, answer, 1)

    threads = [threading.Thread(target=claim, args=(answer,)) for answer in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = next(answer for answer, earlier in answers.items() if earlier is None)
    assert [earlier for earlier in answers.values() if earlier is not None] == [first]


def test_old_tokens_are_deleted(repository: Database) -> None:
    with repository.write() as connection:
        request_tokens.claim(connection, KEY, "a" * 64, "answer", 1)
        assert request_tokens.prune(connection, request_tokens.KEPT_MS) == 0
        assert request_tokens.prune(connection, request_tokens.KEPT_MS + 1) == 1
        request_tokens.forget(connection, KEY)


def test_triggers_come_back_in_order(repository: Database) -> None:
    put = [
        Trigger("b", "arn:aws:sns:us-east-2:123456789012:b", "é", ("main", "x"), ("all",)),
        Trigger("a", "arn:aws:sns:us-east-2:123456789012:a", "", (), ("createReference",)),
    ]
    with repository.write() as connection:
        first = triggers.put(connection, REPOSITORY, put)
        found = triggers.of_repository(connection, REPOSITORY)
        assert found is not None
        assert (found.configuration_id, list(found.triggers)) == (first, put)
        assert triggers.put(connection, REPOSITORY, []) != first
        assert triggers.of_repository(connection, REPOSITORY) is None
