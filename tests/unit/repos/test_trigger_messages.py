"""What triggers send, and which of them do: AWS's records, in parts where a push moves many refs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from identities_at_hand import ACCOUNT
from moorage.core.names import ZERO_ID, ObjectId
from moorage.repos import trigger_messages
from moorage.storage import deliveries, triggers
from moorage.storage.repositories import RefChange
from moorage.storage.triggers import Trigger
from repositories_at_hand import Desk

ONE, TWO = ObjectId("1" * 40), ObjectId("2" * 40)
TOPIC = f"arn:aws:sns:us-east-2:{ACCOUNT}:topic"

MADE = RefChange(b"refs/heads/main", ZERO_ID, ONE)
MOVED = RefChange(b"refs/heads/main", ONE, TWO)
GONE = RefChange(b"refs/heads/main", TWO, ZERO_ID)
TAGGED = RefChange(b"refs/tags/main", ZERO_ID, ONE)


def trigger(*events: str, branches: tuple[str, ...] = (), custom_data: str = "") -> Trigger:
    return Trigger("ring", TOPIC, custom_data, branches, events)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (trigger("all"), [MADE, MOVED, GONE, TAGGED]),
        (trigger("createReference"), [MADE, TAGGED]),
        (trigger("updateReference"), [MOVED]),
        (trigger("deleteReference", "updateReference"), [MOVED, GONE]),
        (trigger("all", branches=("main",)), [MADE, MOVED, GONE]),
        (trigger("all", branches=("other",)), []),
    ],
)
def test_a_trigger_is_about_its_events_and_branches(asked: Trigger, told: list[RefChange]) -> None:
    assert trigger_messages.matching(asked, [MADE, MOVED, GONE, TAGGED]) == told


def sent(folder: Path, changes: list[RefChange], *given: Trigger) -> tuple[Desk, list[dict[str, Any]]]:
    desk = Desk.at(folder)
    desk.repository("demo")
    row = desk.call.repositories.require(desk.caller, "demo")
    with desk.call.database.write() as connection:
        triggers.put(connection, row.repository_id, given)
        trigger_messages.enqueue(connection, desk.caller, row, changes, 1_764_042_000_123)
    with desk.call.database.read() as connection:
        bodies = [json.loads(each.body) for each in deliveries.listing(connection)]
    desk.close()
    return desk, [record for body in bodies for record in body["Records"]]


def test_the_record_is_that_of_aws(tmp_path: Path) -> None:
    desk, (record,) = sent(tmp_path, [MADE, MOVED, GONE], trigger("all", custom_data="for the build"))
    assert record.pop("eventId")
    assert record.pop("eventTriggerConfigId")
    assert record == {
        "awsRegion": "us-east-2",
        "codecommit": {
            "references": [
                {"commit": ONE, "created": True, "ref": "refs/heads/main"},
                {"commit": TWO, "ref": "refs/heads/main"},
                {"commit": TWO, "deleted": True, "ref": "refs/heads/main"},
            ]
        },
        "customData": "for the build",
        "eventName": "ReferenceChanges",
        "eventPartNumber": 1,
        "eventSource": "aws:codecommit",
        "eventSourceARN": f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo",
        "eventTime": "2025-11-25T03:40:00.123+0000",
        "eventTotalParts": 1,
        "eventTriggerName": "ring",
        "eventVersion": "1.0",
        "userIdentityARN": desk.caller.principal.arn,
    }


def test_without_custom_data_the_record_has_none(tmp_path: Path) -> None:
    _, (record,) = sent(tmp_path, [MADE], trigger("all"))
    assert "customData" not in record


def test_many_refs_go_in_parts_that_a_topic_takes(tmp_path: Path) -> None:
    changes = [RefChange(b"refs/heads/" + b"x" * 900 + b"%d" % n, ZERO_ID, ONE) for n in range(450)]
    _, records = sent(tmp_path, changes, trigger("all"))
    assert [(each["eventPartNumber"], each["eventTotalParts"]) for each in records] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert len({each["eventId"] for each in records}) == 1
    assert sum(len(each["codecommit"]["references"]) for each in records) == 450
    assert all(len(json.dumps(each)) < 256 * 1024 for each in records)


def test_a_change_that_no_trigger_is_about_sends_nothing(tmp_path: Path) -> None:
    assert sent(tmp_path, [MADE], trigger("deleteReference"))[1] == []


def test_a_push_sends_what_its_repositorys_triggers_ask_for(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    for name in ("demo", "other"):
        desk.repository(name)
    row = desk.call.repositories.require(desk.caller, "demo")
    with desk.call.database.write() as connection:
        triggers.put(connection, row.repository_id, [trigger("createReference")])
    for name in ("demo", "other"):
        desk.fill(name, tmp_path / f"local-{name}", {"main": 1, "side": 0})
    with desk.call.database.read() as connection:
        (found,) = deliveries.listing(connection)
    assert (found.target, found.stream) == (TOPIC, row.arn)
    references = json.loads(found.body)["Records"][0]["codecommit"]["references"]
    assert [each["ref"] for each in references] == ["refs/heads/main", "refs/heads/side"]
    desk.close()
