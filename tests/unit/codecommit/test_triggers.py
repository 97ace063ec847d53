"""Triggers put, got and tested; what is wrong with those that are refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID
from moorage.repos.trigger_messages import SendError
from repositories_at_hand import Desk

TOPIC = "arn:aws:sns:us-east-2:111122223333:pushes"
FUNCTION = "arn:aws:lambda:us-east-2:111122223333:function:build"
RING: dict[str, Any] = {
    "name": "ring",
    "destinationArn": TOPIC,
    "customData": "",
    "branches": [],
    "events": ["all"],
}
BUILD: dict[str, Any] = {
    "name": "build",
    "destinationArn": FUNCTION,
    "customData": "for the blue team: é",
    "branches": ["main", "release/1"],
    "events": ["updateReference", "createReference"],
}
WITH_TRIGGERS = ("PutRepositoryTriggers", "TestRepositoryTriggers")


@pytest.fixture(autouse=True)
def demo(desk: Desk) -> None:
    desk.repository("demo")


def put(desk: Desk, *triggers: dict[str, Any]) -> str:
    answer = desk.ask("PutRepositoryTriggers", repositoryName="demo", triggers=list(triggers))
    return str(answer["configurationId"])


def got(desk: Desk) -> dict[str, Any]:
    return desk.ask("GetRepositoryTriggers", repositoryName="demo")


def test_triggers_are_told_as_they_were_put(desk: Desk) -> None:
    configuration = put(desk, RING, BUILD)
    assert got(desk) == {"configurationId": configuration, "triggers": [RING, BUILD]}


def test_a_put_replaces_all_triggers_under_a_new_configuration(desk: Desk) -> None:
    first = put(desk, RING, BUILD)
    second = put(desk, BUILD)
    assert first != second
    assert got(desk) == {"configurationId": second, "triggers": [BUILD]}


def test_an_empty_list_leaves_no_trigger(desk: Desk) -> None:
    put(desk, RING)
    assert put(desk)
    assert got(desk) == {"triggers": []}


def test_absent_custom_data_is_told_as_empty(desk: Desk) -> None:
    put(desk, {key: value for key, value in RING.items() if key != "customData"})
    assert got(desk)["triggers"] == [RING]


def test_terraform_makes_reads_and_removes_its_trigger(desk: Desk) -> None:
    # What the provider's aws_codecommit_trigger sends where neither branches nor custom_data are set.
    sent = {"branches": [], "customData": "", "destinationArn": TOPIC, "events": ["all"], "name": "all"}
    configuration = put(desk, sent)
    assert got(desk) == {"configurationId": configuration, "triggers": [sent]}
    put(desk)
    assert got(desk)["triggers"] == []


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("InvalidRepositoryTriggerName", {"name": "a b"}),
    ("InvalidRepositoryTriggerName", {"name": "n" * 101}),
    ("RepositoryTriggerNameRequired", {"name": ""}),
    ("InvalidRepositoryTriggerDestinationArn", {"destinationArn": "topic"}),
    ("InvalidRepositoryTriggerDestinationArn", {"destinationArn": "arn:aws:s3:::bucket"}),
    ("InvalidRepositoryTriggerDestinationArn", {"destinationArn": f"{TOPIC}.fifo"}),
    ("InvalidRepositoryTriggerDestinationArn", {"destinationArn": TOPIC.replace("aws", "aws-cn")}),
    ("InvalidRepositoryTriggerDestinationArn", {"destinationArn": f"{FUNCTION}:a b"}),
    ("RepositoryTriggerDestinationArnRequired", {"destinationArn": ""}),
    ("InvalidRepositoryTriggerRegion", {"destinationArn": TOPIC.replace("us-east-2", "eu-west-1")}),
    ("InvalidRepositoryTriggerCustomData", {"customData": "d" * 1_001}),
    ("MaximumBranchesExceeded", {"branches": [f"b{n}" for n in range(11)]}),
    ("InvalidRepositoryTriggerBranchName", {"branches": ["a..b"]}),
    ("InvalidRepositoryTriggerEvents", {"events": ["all", "createReference"]}),
    ("InvalidRepositoryTriggerEvents", {"events": ["renameReference"]}),
    ("RepositoryTriggerEventsListRequired", {"events": []}),
]


@pytest.mark.parametrize("operation", WITH_TRIGGERS)
@pytest.mark.parametrize(("error", "more"), WRONG)
def test_a_malformed_trigger_is_refused_and_changes_nothing(
    desk: Desk, operation: str, error: str, more: dict[str, Any]
) -> None:
    put(desk, BUILD)
    with pytest.raises(Fault) as caught:
        desk.ask(operation, repositoryName="demo", triggers=[{**RING, **more}])
    assert caught.value.code == f"{error}Exception"
    assert got(desk)["triggers"] == [BUILD]


@pytest.mark.parametrize("operation", WITH_TRIGGERS)
@pytest.mark.parametrize(
    ("absent", "error"),
    [
        ("name", "RepositoryTriggerName"),
        ("destinationArn", "RepositoryTriggerDestinationArn"),
        ("branches", "RepositoryTriggerBranchNameList"),
        ("events", "RepositoryTriggerEventsList"),
    ],
)
def test_what_is_absent_is_named(desk: Desk, operation: str, absent: str, error: str) -> None:
    rest = {key: value for key, value in RING.items() if key != absent}
    with pytest.raises(Fault, match=f"{error}RequiredException"):
        desk.ask(operation, repositoryName="demo", triggers=[rest])


@pytest.mark.parametrize("operation", WITH_TRIGGERS)
def test_ten_triggers_of_ten_names_are_the_most(desk: Desk, operation: str) -> None:
    with pytest.raises(Fault, match="MaximumRepositoryTriggersExceededException"):
        desk.ask(
            operation, repositoryName="demo", triggers=[{**RING, "name": f"ring-{n}"} for n in range(11)]
        )
    with pytest.raises(Fault, match="InvalidRepositoryTriggerNameException"):
        desk.ask(operation, repositoryName="demo", triggers=[RING, RING])


@pytest.mark.parametrize("operation", ["GetRepositoryTriggers", *WITH_TRIGGERS])
def test_the_repository_and_its_key_are_asked_for(desk: Desk, operation: str) -> None:
    more: dict[str, Any] = {} if operation == "GetRepositoryTriggers" else {"triggers": [RING]}
    for code, name in (("InvalidRepositoryName", "a.git"), ("RepositoryDoesNotExist", "none")):
        with pytest.raises(Fault, match=f"{code}Exception"):
            desk.ask(operation, repositoryName=name, **more)
    desk.set_key_state("Disabled")
    with pytest.raises(Fault, match="EncryptionKeyDisabledException"):
        desk.ask(operation, repositoryName="demo", **more)


# --- tested -------------------------------------------------------------------------------------


@dataclass
class Box:
    """Takes messages for topics, and none for functions."""

    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def send(self, arn: str, region: str, body: str) -> None:
        if ":lambda:" in arn:
            raise SendError(f"{arn} does not answer: start it")
        self.sent.append((arn, region, json.loads(body)))


def tried(desk: Desk, *triggers: dict[str, Any]) -> tuple[dict[str, Any], Box]:
    box = Box()
    there = Desk(desk.installation, replace(desk.call, triggers=box))
    return there.ask("TestRepositoryTriggers", repositoryName="demo", triggers=list(triggers)), box


def test_a_test_sends_the_last_commit_of_the_default_branch(desk: Desk, tmp_path: Path) -> None:
    commits = desk.fill("demo", tmp_path / "pushed", {"main": 1, "old": 0})
    configuration = put(desk, BUILD)
    answer, box = tried(desk, RING)
    assert answer == {"successfulExecutions": ["ring"], "failedExecutions": []}
    ((arn, region, body),) = box.sent
    assert (arn, region) == (TOPIC, "us-east-2")
    (record,) = body["Records"]
    assert record["codecommit"]["references"] == [{"commit": commits[1], "ref": "refs/heads/main"}]
    assert record["eventName"] == "TriggerEventTest"
    assert record["eventTriggerName"] == "ring"
    assert record["eventTriggerConfigId"] == configuration
    assert record["userIdentityARN"] == desk.caller.principal.arn
    assert got(desk)["triggers"] == [BUILD]


def test_a_test_of_an_empty_repository_sends_zeros(desk: Desk) -> None:
    _, box = tried(desk, RING)
    (reference,) = box.sent[0][2]["Records"][0]["codecommit"]["references"]
    assert reference["commit"] == ZERO_ID


def test_some_triggers_fail_and_others_do_not(desk: Desk) -> None:
    answer, _ = tried(desk, RING, BUILD)
    assert answer["successfulExecutions"] == ["ring"]
    assert answer["failedExecutions"] == [
        {"trigger": "build", "failureMessage": f"{FUNCTION} does not answer: start it"}
    ]


@dataclass
class Slow:
    """Takes a message when all others are there too, and lets somebody put triggers meanwhile."""

    all_there: threading.Barrier
    meanwhile: Callable[[], object]

    def send(self, arn: str, region: str, body: str) -> None:
        del arn, region, body
        if self.all_there.wait(timeout=5) == 0:
            self.meanwhile()


def test_receivers_are_sent_to_at_once_and_hold_no_snapshot(desk: Desk) -> None:
    given = [{**RING, "name": f"ring-{number}"} for number in range(10)]
    slow = Slow(threading.Barrier(10), lambda: put(desk, BUILD))
    there = Desk(desk.installation, replace(desk.call, triggers=slow))
    with desk.call.database.one_snapshot():
        answer = there.ask("TestRepositoryTriggers", repositoryName="demo", triggers=given)
        assert answer["successfulExecutions"] == [each["name"] for each in given]
        assert got(there)["triggers"] == [BUILD]


def test_where_nothing_can_be_sent_the_answer_says_so(desk: Desk) -> None:
    answer = desk.ask("TestRepositoryTriggers", repositoryName="demo", triggers=[RING])
    assert answer["successfulExecutions"] == []
    (failure,) = answer["failedExecutions"]
    assert failure["trigger"] == "ring"
    assert TOPIC in failure["failureMessage"]
