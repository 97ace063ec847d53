"""What happens is told to others: in order, to each receiver, and also when the service dies meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from http_receiver import Received, Receiver, receiving
from person import AWS_V1, Person
from service_process import ACCOUNT, Service, serving

pytestmark = pytest.mark.needs("git")

SECRET = "an-hmac-secret-of-tests"
PAGE = Path(__file__).parents[3] / "docs" / "mechanisms" / "events.md"
TOPIC = f"arn:aws:sns:us-east-2:{ACCOUNT}:topic"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def topic() -> Iterator[Receiver]:
    with receiving() as made:
        made.content_type = "text/xml"
        made.answer = (
            b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
        )
        yield made


def told(requests: list[Received]) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in requests]


def documented_check() -> Callable[[str, bytes, bytes, float], bool]:
    """Return the function that the documentation gives to receivers."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    space: dict[str, Any] = {}
    exec(code.group(1), space)
    check: Callable[[str, bytes, bytes, float], bool] = space["is_genuine"]
    return check


def test_a_days_changes_are_told_in_order_to_every_receiver(
    tmp_path: Path, hook: Receiver, topic: Receiver
) -> None:
    file = tmp_path / "events.jsonl"
    settings = ("--events-file", str(file), "--events-webhook", hook.url, "--sns-endpoint", topic.url)
    environment = {"MOORAGE_EVENTS_WEBHOOK_SECRET": SECRET, **CREDENTIALS}
    with serving(tmp_path, *settings, environment=environment) as service:
        client = service.client("codecommit")
        url = service.create_repository("told")
        ring = {"name": "ring", "destinationArn": TOPIC, "branches": ["main"], "events": ["updateReference"]}
        client.put_repository_triggers(repositoryName="told", triggers=[ring])
        first = client.put_file(
            repositoryName="told", branchName="main", filePath="a.txt", fileContent=b"a\n"
        )["commitId"]
        client.create_branch(repositoryName="told", branchName="side", commitId=first)
        second = pushed(service, tmp_path, url)
        client.delete_branch(repositoryName="told", branchName="side")
        came = told(hook.wait_for(4))
        (message,) = topic.wait_for(1)

    details = [(each["detail"]["event"], each["detail"]["referenceName"]) for each in came]
    assert details == [
        ("referenceCreated", "main"),
        ("referenceCreated", "side"),
        ("referenceUpdated", "main"),
        ("referenceDeleted", "side"),
    ]
    assert (came[2]["detail"]["oldCommitId"], came[2]["detail"]["commitId"]) == (first, second)
    assert [json.loads(line) for line in file.read_text().splitlines()] == came
    check = documented_check()
    for each in hook.received:
        header = each.headers["moorage-signature"]
        assert check(header, each.body, SECRET.encode(), time.time())
        assert not check(header, each.body + b" ", SECRET.encode(), time.time())
        assert not check(header, each.body, SECRET.encode(), time.time() + 301)
    form = parse_qs(message.text)
    (record,) = json.loads(form["Message"][0])["Records"]
    assert form["TopicArn"] == [TOPIC]
    assert record["codecommit"]["references"] == [{"commit": second, "ref": "refs/heads/main"}]


def test_a_service_killed_between_sending_and_noting_sends_again_and_loses_nothing(
    tmp_path: Path, hook: Receiver
) -> None:
    environment = {"MOORAGE_EVENTS_WEBHOOK_SECRET": SECRET}
    with serving(tmp_path, "--events-webhook", hook.url, environment=environment) as service:
        service.create_repository("told")
        service.stop()
        service.environment = {**service.environment, "MOORAGE_CRASH_AT": "delivered"}
        service.restart()
        client = service.client("codecommit")
        made = client.put_file(repositoryName="told", branchName="main", filePath="a.txt", fileContent=b"a\n")
        hook.wait_for(1)
        service.process.wait(30)
        service.environment = {**service.environment, "MOORAGE_CRASH_AT": ""}
        service.restart()
        client.create_branch(repositoryName="told", branchName="side", commitId=made["commitId"])
        came = told(hook.wait_for(3, seconds=60))
    assert [each["detail"]["referenceName"] for each in came] == ["main", "main", "side"]
    assert came[0]["id"] == came[1]["id"] != came[2]["id"]


def test_a_message_that_was_given_up_is_seen_and_sent_again_by_command(
    tmp_path: Path, hook: Receiver
) -> None:
    hook.statuses = [410]
    environment = {"MOORAGE_EVENTS_WEBHOOK_SECRET": SECRET}
    with serving(tmp_path, "--events-webhook", hook.url, environment=environment) as service:
        service.create_repository("told")
        service.client("codecommit").put_file(
            repositoryName="told", branchName="main", filePath="a.txt", fileContent=b"a\n"
        )
        hook.wait_for(1)
        (given_up,) = given_up_soon(service)
        assert given_up["lastError"] == "the webhook answered 410"
        assert "1 put on the way again" in moorage(service, "retry", "--all")
        first, second = told(hook.wait_for(2))
    assert first == second


def moorage(service: Service, *words: str) -> str:
    program = str(Path(sys.executable).with_name("moorage"))
    command = [program, "deliveries", *words, "--data", str(service.data)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def given_up_soon(service: Service) -> list[dict[str, Any]]:
    """Ask until a message was given up: the receiver knows of its answer before the service notes it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = moorage(service, "list", "--state", "dead", "--json").splitlines()
        if lines:
            return [json.loads(line) for line in lines]
    return []


def pushed(service: Service, folder: Path, url: str) -> str:
    person = Person(folder / "home", AWS_V1, service)
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", url, "work")
    work = person.home / "work"
    made = person.commit(work, "b.txt")
    person.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    return made
