"""Rows of pull requests behave alike in both databases."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select

from moorage.storage import pull_requests as stored
from moorage.storage import tables
from moorage.storage.database import Database
from moorage.storage.pull_requests import CLOSED, OPEN, Listing, PullRequestRow

ACCOUNT, REGION, REPOSITORY = "123456789012", "us-east-2", str(uuid.UUID(int=1))
AUTHOR = f"arn:aws:iam::{ACCOUNT}:user/mary"
MAIN, FEATURE = b"refs/heads/main", b"refs/heads/feature"


@pytest.fixture
def repository(database: Database) -> Database:
    """A database with an account and a repository."""
    with database.write() as connection:
        connection.execute(
            insert(tables.accounts).values(_filled(tables.accounts, account_id=ACCOUNT, partition="aws"))
        )
        connection.execute(
            insert(tables.kms_keys).values(
                _filled(tables.kms_keys, key_id="key", account_id=ACCOUNT, region=REGION)
            )
        )
        connection.execute(
            insert(tables.repositories).values(
                _filled(
                    tables.repositories,
                    repository_id=REPOSITORY,
                    account_id=ACCOUNT,
                    region=REGION,
                    name="Demo",
                    kms_key_id="key",
                )
            )
        )
    return database


def _filled(table: object, **values: object) -> dict[str, object]:
    """Give every other column that needs a value one of its type."""
    blank: dict[type, object] = {str: "", int: 0, bool: False, bytes: b""}
    return {
        column.name: blank[column.type.python_type]
        for column in table.c  # type: ignore[attr-defined]  # a Table
        if not column.nullable
    } | values


def a_row(number: int, **values: object) -> PullRequestRow:
    made = PullRequestRow(
        pull_request_key=str(uuid.UUID(int=number)),
        account_id=ACCOUNT,
        region=REGION,
        number=number,
        repository_id=REPOSITORY,
        title="Title",
        description=None,
        author_arn=AUTHOR,
        status=OPEN,
        source_ref=FEATURE,
        destination_ref=MAIN,
        source_commit="a" * 40,
        destination_commit="b" * 40,
        merge_base=None,
        revision_id=f"{number:064x}",
        client_request_token=None,
        is_merged=False,
        merged_by=None,
        merge_commit=None,
        merge_option=None,
        created_at_ms=number,
        last_activity_at_ms=number,
    )
    return replace(made, **values)  # type: ignore[arg-type]  # a test's own


def test_what_is_added_is_found_by_its_number(repository: Database) -> None:
    row = a_row(7, description="Why\nand how ☃", merge_base="c" * 40)
    with repository.write() as connection:
        stored.add(connection, row)
    with repository.read() as connection:
        assert stored.find(connection, ACCOUNT, REGION, 7) == row
        assert stored.by_key(connection, row.pull_request_key) == row
        assert stored.find(connection, ACCOUNT, "eu-west-1", 7) is None
        assert stored.has_revision(connection, row.pull_request_key, row.revision_id)
        assert not stored.has_revision(connection, row.pull_request_key, "f" * 64)


def test_numbers_go_up_by_one_in_each_region_of_an_account(repository: Database) -> None:
    with repository.write() as connection:
        assert [stored.next_number(connection, ACCOUNT, REGION) for _ in range(3)] == [1, 2, 3]
        assert stored.next_number(connection, ACCOUNT, "eu-west-1") == 1


def test_two_writers_are_never_given_the_same_number(repository: Database) -> None:
    taken: list[int] = []

    def take() -> None:
        with repository.write() as connection:
            taken.append(stored.next_number(connection, ACCOUNT, REGION))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [1, 2, 3, 4]


def test_the_open_ones_on_a_ref_are_found_whichever_side_it_is(repository: Database) -> None:
    with repository.write() as connection:
        stored.add(connection, a_row(1))
        stored.add(connection, a_row(2, source_ref=b"refs/heads/other"))
        stored.add(connection, a_row(3, status=CLOSED))
        stored.add(connection, a_row(4, source_ref=MAIN, destination_ref=b"refs/heads/release"))
    with repository.read() as connection:

        def numbers(*refs: bytes) -> list[int]:
            return [row.number for row in stored.open_on(connection, REPOSITORY, set(refs))]

        assert numbers(FEATURE) == [1]
        assert numbers(MAIN) == [1, 2, 4]
        assert numbers(b"refs/heads/nobody's") == []
        assert numbers(*(b"refs/heads/%d" % number for number in range(5_000))) == []
        assert numbers(FEATURE, *(b"refs/heads/%d" % number for number in range(5_000))) == [1]
        assert stored.count_open(connection, REPOSITORY) == 3


def test_the_list_has_the_newest_activity_first_and_goes_on_where_it_ended(repository: Database) -> None:
    with repository.write() as connection:
        for number in (1, 2, 3, 4):
            stored.add(connection, a_row(number, last_activity_at_ms=10))
        stored.change(connection, a_row(1).pull_request_key, last_activity_at_ms=20)
        stored.change(connection, a_row(2).pull_request_key, status=CLOSED)
        stored.change(connection, a_row(3).pull_request_key, author_arn="other")
    with repository.read() as connection:
        everything = stored.listed(connection, Listing(REPOSITORY), 10)
        assert everything == [(20, 1), (10, 4), (10, 3), (10, 2)]
        assert stored.listed(connection, Listing(REPOSITORY, after=(10, 4)), 10) == everything[2:]
        assert stored.listed(connection, Listing(REPOSITORY, after=(20, 1)), 1) == everything[1:2]
        assert stored.listed(connection, Listing(REPOSITORY, status=CLOSED), 10) == [(10, 2)]
        assert stored.listed(connection, Listing(REPOSITORY, author_arn="other"), 10) == [(10, 3)]


def test_history_is_numbered_in_order_and_filtered(repository: Database) -> None:
    row = a_row(1)
    key = row.pull_request_key
    with repository.write() as connection:
        stored.add(connection, row)
        stored.append(connection, key, "ONE", "mary", at_ms=5, detail={"repositoryName": "Demo"})
        stored.append(connection, key, "TWO", "li", at_ms=4, detail={"nested": {"is": True}})
    with repository.read() as connection:
        found = stored.events(connection, key, limit=10)
        assert [(event.number, event.event_type, event.at_ms) for event in found] == [
            (1, "ONE", 5),
            (2, "TWO", 4),
        ]
        assert found[1].detail == {"nested": {"is": True}}
        assert stored.events(connection, key, after=1, limit=10) == found[1:]
        assert stored.events(connection, key, actor_arn="li", limit=10) == found[1:]
        assert stored.events(connection, key, event_type="ONE", limit=10) == found[:1]


def test_pull_requests_go_with_their_repository(repository: Database) -> None:
    with repository.write() as connection:
        stored.add(connection, a_row(1))
        stored.append(connection, a_row(1).pull_request_key, "ONE", "mary", at_ms=5, detail={})
        connection.execute(delete(tables.repositories))
    with repository.read() as connection:
        assert stored.find(connection, ACCOUNT, REGION, 1) is None
        for table in (tables.pull_request_events, tables.pull_request_revisions):
            assert connection.execute(select(table)).all() == []
