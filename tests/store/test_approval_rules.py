"""Templates, rules and approvals behave alike in both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table, insert

from moorage.core.arn import iam_arn
from moorage.core.clock import SystemClock
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.repos.approval import evaluate, on_created, templates
from moorage.storage import approval_rule_templates as template_rows
from moorage.storage import approval_rules as rows
from moorage.storage import pull_requests, repositories, tables
from moorage.storage.database import Database
from moorage.storage.pull_requests import PullRequestRow
from moorage.storage.repositories import RepositoryRow

ACCOUNT, REGION, REPOSITORY = "123456789012", "us-east-2", str(uuid.UUID(int=1))
CONTENT = '{"Version":"2018-11-08","Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1}]}'
CALLER = Caller(
    Principal("root", iam_arn("aws", ACCOUNT, "root"), ACCOUNT, "aws", ACCOUNT),
    REGION,
    "request",
    SystemClock().now(),
)
PULL_REQUEST = PullRequestRow(
    pull_request_key=str(uuid.UUID(int=2)),
    account_id=ACCOUNT,
    region=REGION,
    number=1,
    repository_id=REPOSITORY,
    title="Title",
    description=None,
    author_arn="arn:author",
    status="OPEN",
    source_ref=b"refs/heads/feature",
    destination_ref=b"refs/heads/main",
    source_commit="a" * 40,
    destination_commit="b" * 40,
    merge_base=None,
    revision_id="1" * 64,
    client_request_token=None,
    is_merged=False,
    merged_by=None,
    merge_commit=None,
    merge_option=None,
    created_at_ms=1,
    last_activity_at_ms=1,
)


def _filled(table: Table, **values: object) -> dict[str, object]:
    """Give every other column that needs a value one of its type."""
    blank: dict[type, object] = {str: "", int: 0, bool: False, bytes: b""}
    return {column.name: blank[column.type.python_type] for column in table.c if not column.nullable} | values


@pytest.fixture
def repository(database: Database) -> Database:
    """A database with an account, a repository and a pull request."""
    own = {"account_id": ACCOUNT, "region": REGION}
    with database.write() as connection:
        for table, values in (
            (tables.accounts, {"account_id": ACCOUNT, "partition": "aws"}),
            (tables.kms_keys, own | {"key_id": "key"}),
            (
                tables.repositories,
                own | {"repository_id": REPOSITORY, "name": "Demo", "kms_key_id": "key"},
            ),
        ):
            connection.execute(insert(table).values(_filled(table, **values)))
        pull_requests.add(connection, PULL_REQUEST)
    return database


def _row(database: Database) -> RepositoryRow:
    with database.read() as connection:
        row = repositories.by_id(connection, REPOSITORY)
    assert row is not None
    return row


def _outcomes(*tasks: Callable[[], Any]) -> list[str]:
    """Run tasks at once; return the errors' codes, empty for none, in no order."""

    def outcome(task: Callable[[], Any]) -> str:
        try:
            task()
        except Fault as fault:
            return fault.code
        return ""

    with ThreadPoolExecutor(len(tasks)) as pool:
        return sorted(pool.map(outcome, tasks))


def test_of_two_who_take_one_name_at_once_one_gets_it(repository: Database) -> None:
    def create(content: str) -> Callable[[], Any]:
        return lambda: templates.create(repository, CALLER, "one", content, "")

    taken = "ApprovalRuleTemplateNameAlreadyExistsException"
    assert _outcomes(create(CONTENT), create(CONTENT + " ")) == ["", taken]
    templates.create(repository, CALLER, "two", CONTENT, "")

    def rename(old: str) -> Callable[[], Any]:
        return lambda: templates.rename(repository, CALLER, old, "new")

    assert _outcomes(rename("one"), rename("two")) == ["", taken]


def test_a_template_is_not_deleted_while_it_is_being_tied(repository: Database) -> None:
    made = templates.create(repository, CALLER, "one", CONTENT, "")

    def tie() -> None:
        with repository.write() as connection:
            repositories.lock(connection, REPOSITORY)
            found = templates.require(connection, CALLER, "one", for_change=True)
            template_rows.associate(connection, found.template_id, REPOSITORY)

    ended = _outcomes(tie, lambda: templates.delete(repository, CALLER, "one"))
    assert ended in (
        ["", "ApprovalRuleTemplateInUseException"],
        ["", "ApprovalRuleTemplateDoesNotExistException"],
    )
    with repository.read() as connection:
        tied = template_rows.in_use(connection, made.template_id)
        standing = template_rows.find(connection, ACCOUNT, REGION, "one")
    assert tied == (standing is not None)


def test_content_and_names_come_back_byte_for_byte(repository: Database) -> None:
    content = CONTENT + "\r\n\t "
    for name in ("b ☃", "B", "a  b"):
        templates.create(repository, CALLER, name, content, "über alles ")
    with repository.read() as connection:
        found = template_rows.find(connection, ACCOUNT, REGION, "b ☃")
        names = template_rows.names(connection, ACCOUNT, REGION, after=None, limit=10)
        paged: list[str] = []
        while page := template_rows.names(
            connection, ACCOUNT, REGION, after=paged[-1] if paged else None, limit=1
        ):
            paged += page
    assert found is not None
    assert (found.content, found.description) == (content, "über alles ")
    assert paged == names
    assert sorted(names) == ["B", "a  b", "b ☃"]


def test_rules_are_given_judged_and_deleted_with_their_pull_request(repository: Database) -> None:
    template = templates.create(repository, CALLER, "one", CONTENT, "")
    row = _row(repository)
    with repository.write() as connection:
        template_rows.associate(connection, template.template_id, REPOSITORY)
        assert not template_rows.associate(connection, template.template_id, REPOSITORY)
        (rule,) = on_created(connection, CALLER, row, PULL_REQUEST, 5)
        assert rows.of_pull_request(connection, PULL_REQUEST.pull_request_key) == [rule]
        assert evaluate(connection, PULL_REQUEST).not_satisfied == ("one",)
        rows.approve(connection, PULL_REQUEST.revision_id, "arn:b", 7)
        rows.approve(connection, PULL_REQUEST.revision_id, "arn:a", 8)
        rows.approve(connection, PULL_REQUEST.revision_id, "arn:a", 9)
        assert rows.approvers(connection, PULL_REQUEST.revision_id) == ["arn:b", "arn:a"]
        assert evaluate(connection, PULL_REQUEST).approved
        newer = replace(PULL_REQUEST, revision_id="2" * 64)
        pull_requests.add_revision(connection, newer, 10)
        assert not evaluate(connection, newer).may_merge
        rows.override(connection, newer.revision_id, "arn:a", 11)
        assert evaluate(connection, newer).may_merge
        repositories.remove(connection, REPOSITORY, 12)
        assert rows.of_pull_request(connection, PULL_REQUEST.pull_request_key) == []
        assert rows.approvers(connection, PULL_REQUEST.revision_id) == []
        assert not template_rows.in_use(connection, template.template_id)
