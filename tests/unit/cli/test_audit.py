"""`moorage audit`, as an operator types it."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moorage.cli.audit_question import followed
from moorage.cli.main import main
from moorage.core.clock import SystemClock, milliseconds
from moorage.server import first_start
from moorage.server.data_folder import DataFolder
from moorage.server.settings_load import load
from moorage.storage import audit
from moorage.storage.audit import AuditEvent, Outcome, Wanted
from moorage.storage.database import Database

ACCOUNT = "111122223333"
NOW = milliseconds(datetime.now(UTC))


def event(
    at_ms: int,
    action: str = "codecommit:GetRepository",
    outcome: Outcome = "allowed",
    account_id: str = ACCOUNT,
    user: str = "mary",
    **detail: object,
) -> AuditEvent:
    return AuditEvent(
        account_id,
        "us-east-2",
        at_ms,
        action,
        f"arn:aws:iam::{account_id}:user/{user}",
        f"arn:aws:codecommit:us-east-2:{account_id}:demo",
        "192.0.2.7",
        outcome,
        json.dumps(detail),
        f"request-{at_ms}",
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    DataFolder(folder).make()
    return folder


@pytest.fixture
def database(data: Path) -> Iterator[Database]:
    """The rows of an installation that was started once."""
    settings = load({"data": str(data), "account_id": ACCOUNT})
    made = Database.open(settings.database_url)
    first_start.prepare(settings, made, {}, SystemClock())
    yield made
    made.close()


def record(database: Database, *events: AuditEvent) -> None:
    with database.write() as connection:
        audit.record(connection, *events)


def names(out: str) -> list[str]:
    return [json.loads(line)["requestID"] for line in out.splitlines()]


def test_a_large_table_is_told_whole_and_in_order(
    database: Database, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # More than a page of one millisecond, and refused logins between them.
    rows = [event(NOW + number // 450) for number in range(1000)]
    record(database, *rows, *(event(NOW + number, account_id="") for number in range(3)))
    assert main(["audit", "--json", "--data", str(data)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len({each["eventID"] for each in told}) == len(told) == 1003
    times = [int(each["requestID"].removeprefix("request-")) for each in told]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--event", "GitPush"], [2]),
        (["--event", "codecommit:GitPush"], [2]),
        (["--event", "Push"], []),
        (["--event", "Git%"], []),
        (["--principal", "mary"], [1, 2]),
        (["--principal", f"arn:aws:iam::{ACCOUNT}:user/li"], [3]),
        (["--principal", "m_ry"], []),
        (["--resource", "demo"], [1, 2, 3]),
        (["--outcome", "denied"], [3]),
        (["--account", ACCOUNT], [1, 2, 3]),
        (["--account", "999999999999"], []),
        (["--request", f"request-{NOW + 2}"], [2]),
        (["--since", "1h"], [1, 2, 3]),
        (["--until", "1h"], []),
        (["--since", "2000-01-01", "--until", "2000-01-02T00:00:00Z"], []),
        (["--principal", "mary", "--event", "GitPush"], [2]),
    ],
)
def test_filters_hold_together(
    database: Database, data: Path, capsys: pytest.CaptureFixture[str], words: list[str], found: list[int]
) -> None:
    record(
        database,
        event(NOW + 1),
        event(NOW + 2, "codecommit:GitPush"),
        event(NOW + 3, outcome="denied", user="li"),
    )
    assert main(["audit", "--json", "--data", str(data), *words]) == 0
    assert names(capsys.readouterr().out) == [f"request-{NOW + number}" for number in found]


def test_people_get_a_table_that_no_terminal_obeys(
    database: Database, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(database, event(NOW, outcome="denied", errorCode="AccessDenied", errorMessage="no\x1b[2J way"))
    assert main(["audit", "--data", str(data)]) == 0
    heading, row, reason = capsys.readouterr().out.splitlines()
    assert heading.split() == ["TIME", "OUTCOME", "EVENT", "PRINCIPAL", "RESOURCE", "FROM"]
    assert row.split()[1:] == ["denied", "codecommit:GetRepository", "user/mary", "demo", "192.0.2.7"]
    assert reason.startswith("    AccessDenied: no")
    assert "\x1b" not in reason


def test_a_log_file_is_written_whole_or_not_at_all(
    database: Database, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(database, event(NOW), event(NOW + 1))
    target = tmp_path / "log.json.gz"
    assert main(["audit", "--data", str(data), "--output", str(target)]) == 0
    assert [each["requestID"] for each in json.loads(gzip.decompress(target.read_bytes()))["Records"]] == [
        f"request-{NOW}",
        f"request-{NOW + 1}",
    ]
    assert capsys.readouterr().out == f"2 records written to {target}\n"
    assert main(["audit", "--data", str(data), "--output", str(tmp_path / "no" / "log.gz")]) == 1
    assert "--output" in capsys.readouterr().err
    assert list(tmp_path.glob("*unfinished*")) == []


@pytest.mark.parametrize(
    "words",
    [["--since", "soon"], ["--account", "12"], ["--output", "x", "--json"], ["--output", "x", "--follow"]],
)
def test_a_question_without_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", *words]) == 2
    assert capsys.readouterr().err.startswith(f"moorage audit: {words[0]}")


def test_following_tells_what_comes_once_and_what_comes_late(database: Database) -> None:
    rounds = itertools.count(1)

    def pause(_seconds: float) -> None:
        late = next(rounds)
        record(database, event(NOW + 100 * late), event(NOW - 5000 + late))

    events = followed(database, lambda: [ACCOUNT], Wanted(), SystemClock(), pause)
    record(database, event(NOW))
    told = [each.at_ms - NOW for each in itertools.islice(events, 5)]
    assert told == [0, -4999, 100, -4998, 200]


def test_following_ends_after_its_last_moment(database: Database) -> None:
    record(database, event(NOW - 60_000))
    until = milliseconds(datetime.now(UTC) - timedelta(seconds=30))
    wanted = Wanted(until_ms=until)
    assert len(list(followed(database, lambda: [ACCOUNT], wanted, SystemClock(), pause=lambda _: None))) == 1
