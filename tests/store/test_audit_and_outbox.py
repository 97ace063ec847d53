from __future__ import annotations

import dataclasses
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from moorage.core.arn import Arn
from moorage.core.clock import milliseconds
from moorage.core.names import ZERO_ID, ObjectId
from moorage.core.principal import Caller, Principal
from moorage.storage import audit, audit_batch, outbox, tables
from moorage.storage.audit import Answered, AuditEvent
from moorage.storage.audit_batch import AuditBatch
from moorage.storage.database import Database
from moorage.storage.repositories import RefChange, RepositoryRow

ACCOUNT = "111122223333"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
ONE, TWO = ObjectId("1" * 40), ObjectId("2" * 40)
CALLER = Caller(
    Principal(
        kind="user",
        arn=Arn(f"arn:aws:iam::{ACCOUNT}:user/demo"),
        account_id=ACCOUNT,
        partition="aws",
        unique_id="AIDAEXAMPLE",
        access_key_id="AKIAEXAMPLE",
    ),
    "eu-west-1",
    "request-1",
    NOW,
    user_agent="git/2.39",
)
ROW = RepositoryRow("id-1", ACCOUNT, "eu-west-1", "demo", None, None, "key", b"", 1, 1, 1)


class SetClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


def an_event(number: int = 0, at: datetime = NOW) -> AuditEvent:
    return audit.event(CALLER, "codecommit:GitPull", ROW.arn, milliseconds(at) + number, "allowed")


def recorded(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.audit)).scalar_one()


def test_a_change_and_its_audit_row_stand_and_fall_together(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            audit.record(connection, an_event())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert recorded(database) == 0
    references = [{"ref": "refs/heads/main", "commit": ONE}]
    event = audit.change(CALLER, "codecommit:GitPush", ROW.arn, 5, references=references)
    with database.write() as connection:
        audit.record(connection, event)
    with database.read() as connection:
        assert audit.recent(connection, ACCOUNT) == [event]
    assert (event.service, event.outcome) == ("codecommit", "allowed")
    assert json.loads(event.detail) == {
        "requestId": "request-1",
        "accessKeyId": "AKIAEXAMPLE",
        "userAgent": "git/2.39",
        "identity": {"kind": "user", "id": "AIDAEXAMPLE"},
        "references": references,
    }


def test_whatever_a_caller_names_can_be_recorded(database: Database) -> None:
    odd = dataclasses.replace(
        an_event(), resource_arn="arn:" + "ä" * 5000, action="x:" + "y" * 500, principal_arn="a\0b\ud800c"
    )
    with database.write() as connection:
        audit.record(connection, odd)
    with database.read() as connection:
        (found,) = audit.recent(connection, ACCOUNT)
    assert len(found.resource_arn) == 2048
    assert found.principal_arn == "a\N{REPLACEMENT CHARACTER}b?c"


def test_the_newest_events_come_first(database: Database) -> None:
    with database.write() as connection:
        audit.record(connection, *(an_event(number) for number in (3, 1, 2)))
    with database.read() as connection:
        found = audit.recent(connection, ACCOUNT, limit=2)
    assert [event.at_ms - milliseconds(NOW) for event in found] == [3, 2]


def test_a_batch_writes_what_it_was_given_on_flush_and_on_close(database: Database) -> None:
    batch = AuditBatch(database)
    for number in range(1200):
        batch.add(an_event(number))
    assert recorded(database) == 0
    batch.flush()
    assert recorded(database) == 1200
    batch.add(an_event())
    batch.close()
    assert recorded(database) == 1201


def test_what_a_change_was_answered_with_is_added_to_its_own_row(database: Database) -> None:
    action = "codecommit:PutFile"
    change = audit.change(CALLER, action, ROW.arn, 5, references=[])
    asked = dataclasses.replace(CALLER, request_id="request-2")
    other = audit.change(asked, action, ROW.arn, 6)
    refusal = audit.event(CALLER, action, ROW.arn, 7, "denied")
    with database.write() as connection:
        audit.record(connection, change, other, refusal)
    batch = AuditBatch(database)
    batch.add(Answered("request-1", action, {"commitId": ONE, "odd": "\0"}))
    batch.add(Answered("request-1", "codecommit:DeleteFile", {"commitId": TWO}))
    batch.add(Answered("request-3", action, {"commitId": TWO}))
    batch.flush()
    with database.read() as connection:
        told = {event.event_id: json.loads(event.detail) for event in audit.recent(connection, ACCOUNT)}
    before = json.loads(change.detail)
    assert told.pop(change.event_id) == before | {"responseElements": {"commitId": ONE, "odd": "\0"}}
    assert told == {each.event_id: json.loads(each.detail) for each in (other, refusal)}


def test_a_batch_writes_by_itself_within_a_second(database: Database) -> None:
    written = threading.Event()
    # By the machine's clock the event is old enough to be pruned right after it was written.
    batch = AuditBatch(database, also=(written.set,), clock=SetClock())
    batch.add(an_event())
    batch.start()
    assert written.wait(timeout=10)
    assert recorded(database) == 1
    batch.close()


def test_a_failing_database_loses_no_event_and_the_batch_goes_on(database: Database) -> None:
    batch = AuditBatch(database)
    batch.add(an_event())
    with database.write() as connection:
        tables.audit.drop(connection)
    batch.flush()
    with database.write() as connection:
        tables.audit.create(connection)
    batch.add(an_event())
    batch.flush()
    assert recorded(database) == 2


def test_the_queue_is_bounded_and_counts_what_it_drops(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_batch, "_QUEUE_EVENTS", 2)
    batch = AuditBatch(database)
    for _ in range(5):
        batch.add(an_event())
    assert batch.dropped == 3
    batch.close()
    assert recorded(database) == 2


def test_only_what_is_older_than_the_retention_is_pruned(database: Database) -> None:
    clock = SetClock()
    batch = AuditBatch(database, retention=timedelta(days=90), clock=clock)
    for number in range(1500):
        batch.add(an_event(number))
    batch.add(an_event(at=NOW + timedelta(days=1)))
    batch.flush()
    clock.at = NOW + timedelta(days=90, hours=1)
    batch.prune()
    assert recorded(database) == 1
    batch.close()


# --- the outbox -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            RefChange(b"refs/heads/main", ZERO_ID, ONE),
            {
                "event": "referenceCreated",
                "referenceType": "branch",
                "referenceName": "main",
                "commitId": ONE,
            },
        ),
        (
            RefChange(b"refs/heads/a/b", ONE, TWO),
            {"event": "referenceUpdated", "referenceName": "a/b", "commitId": TWO, "oldCommitId": ONE},
        ),
        (
            RefChange(b"refs/tags/v1", ONE, ZERO_ID),
            {"event": "referenceDeleted", "referenceType": "tag", "referenceName": "v1", "oldCommitId": ONE},
        ),
    ],
)
def test_a_ref_that_moved_is_told_as_aws_tells_it(change: RefChange, expected: dict[str, str]) -> None:
    event = outbox.reference_change(CALLER, ROW, change, 5)
    detail = json.loads(event.detail)
    assert expected.items() <= detail.items()
    assert ("commitId" in detail, "oldCommitId" in detail) == (change.new != ZERO_ID, change.old != ZERO_ID)
    assert detail["referenceFullName"] == change.name.decode()
    assert detail["repositoryId"] == "id-1"
    assert event.resource_arn == f"arn:aws:codecommit:eu-west-1:{ACCOUNT}:demo"


def test_events_wait_in_the_order_they_were_written_in_until_they_are_noted_as_sent(
    database: Database,
) -> None:
    with database.write() as connection:
        connection.execute(
            tables.accounts.insert().values(
                account_id=ACCOUNT,
                partition="aws",
                name="a",
                state="ACTIVE",
                identity_revision=1,
                created_at_ms=1,
            )
        )
        events = [
            outbox.reference_change(CALLER, ROW, RefChange(b"refs/heads/x", ZERO_ID, ONE), at)
            for at in (3, 1, 2)
        ]
        outbox.append(connection, *events)
    with database.write() as connection:
        waiting = outbox.unsent(connection, limit=2)
        assert [event.at_ms for event in waiting] == [3, 1]
        outbox.mark_sent(connection, [event.event_id for event in waiting])
        assert [event.at_ms for event in outbox.unsent(connection)] == [2]
        assert outbox.prune(connection, before_ms=10) == 2
        assert [event.at_ms for event in outbox.unsent(connection)] == [2]


def test_what_is_held_is_written_unless_something_settles_it(database: Database) -> None:
    batch = AuditBatch(database)
    one, other = ("arn", "repository", "address", "git"), ("arn", "repository", "address", "other")
    batch.hold(one, an_event())
    batch.hold(one, an_event())
    batch.settle(one, an_event())
    batch.hold(other, an_event())
    batch.flush()
    assert recorded(database) == 2
