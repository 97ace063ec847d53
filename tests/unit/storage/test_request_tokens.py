from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Installation
from moorage.core.faults import Fault
from moorage.storage import request_tokens
from moorage.storage.database import Database
from moorage.storage.request_tokens import KEPT_MS, TokenKey

KEY = TokenKey(ACCOUNT, "us-east-2", "AIDA1", "PostCommentReply", "token")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Installation.at(tmp_path).database
    yield made
    made.close()


def claim(
    database: Database, answer: str, *, key: TokenKey = KEY, parameters: str = "a" * 64, at_ms: int = NOW_MS
) -> str | None:
    with database.write() as connection:
        return request_tokens.claim(connection, key, parameters, answer, at_ms)


def test_the_same_request_gets_the_first_answer_again(database: Database) -> None:
    assert claim(database, "first") is None
    assert claim(database, "second") == "first"
    with database.read() as connection:
        assert request_tokens.earlier(connection, KEY, "a" * 64, NOW_MS) == "first"


def test_other_parameters_under_the_same_token_are_refused(database: Database) -> None:
    claim(database, "first")
    with pytest.raises(Fault, match="IdempotencyParameterMismatchException"):
        claim(database, "second", parameters="b" * 64)


def test_a_token_is_its_callers_for_one_operation_and_region(database: Database) -> None:
    claim(database, "first")
    for other in (
        TokenKey(ACCOUNT, "us-east-2", "AIDA2", "PostCommentReply", "token"),
        TokenKey(ACCOUNT, "eu-west-1", "AIDA1", "PostCommentReply", "token"),
        TokenKey(ACCOUNT, "us-east-2", "AIDA1", "CreatePullRequest", "token"),
    ):
        assert claim(database, "second", key=other) is None


def test_a_token_is_forgotten_after_a_day(database: Database) -> None:
    claim(database, "first")
    assert claim(database, "second", at_ms=NOW_MS + KEPT_MS - 1) == "first"
    assert claim(database, "second", parameters="b" * 64, at_ms=NOW_MS + KEPT_MS) is None


def test_old_tokens_are_deleted_and_young_ones_kept(database: Database) -> None:
    claim(database, "old")
    young = TokenKey(ACCOUNT, "us-east-2", "AIDA1", "PostCommentReply", "another")
    claim(database, "young", key=young, at_ms=NOW_MS + 1)
    with database.write() as connection:
        assert request_tokens.prune(connection, NOW_MS + KEPT_MS) == 1
        assert request_tokens.prune(connection, NOW_MS + KEPT_MS) == 0
        assert request_tokens.earlier(connection, young, "a" * 64, NOW_MS + KEPT_MS) == "young"
