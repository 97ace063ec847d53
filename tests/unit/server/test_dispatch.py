"""Events and triggers' messages reach their receivers: in order, at least once, whoever fails meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from http_receiver import Receiver, receiving
from identities_at_hand import ACCOUNT
from moorage.core.secrets import Secret
from moorage.edge import metrics
from moorage.repos.trigger_messages import SendError
from moorage.server.aws_endpoints import AwsEndpoint
from moorage.server.dispatch import Dispatcher, envelope
from moorage.server.event_sinks import EventBridgeSink, FileSink, WebhookSink
from moorage.server.trigger_targets import TriggerTargets
from moorage.storage import deliveries, outbox
from moorage.storage.database import Database
from moorage.storage.deliveries import Message
from moorage.storage.outbox import OutboxEvent
from repositories_at_hand import Desk

REGION = "us-east-2"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:build"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    desk = Desk.at(tmp_path)
    yield desk.call.database
    desk.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)


@dataclass
class Notes:
    """A sink that notes what comes, and fails for the bodies it is told to."""

    name: str = "notes"
    failing: dict[str, SendError] = field(default_factory=dict)
    came: list[str] = field(default_factory=list)

    def send(self, body: str, region: str) -> None:
        del region
        detail = str(json.loads(body)["detail"]["n"])
        if detail in self.failing:
            raise self.failing[detail]
        self.came.append(detail)


def event(number: object, repository: str = "demo") -> OutboxEvent:
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}"
    return OutboxEvent(ACCOUNT, REGION, "A Change", arn, json.dumps({"n": number}), 1_764_042_000_123)


def happened(database: Database, *events: OutboxEvent) -> None:
    with database.write() as connection:
        outbox.append(connection, *events)


def dispatcher(database: Database, *sinks: Notes, node: str = "one", **more: Any) -> Dispatcher:
    return Dispatcher(database, {sink.name: sink for sink in sinks}, TriggerTargets(), node, **more)


def waiting(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return deliveries.counts(connection)


def test_every_sink_gets_every_event_in_the_order_of_its_repository(database: Database) -> None:
    happened(database, *(event(number) for number in range(250)))
    one, two = Notes("one"), Notes("two")
    working = dispatcher(database, one, two)
    assert working.take_events() == 250
    while waiting(database)["waiting"]:
        working.send_all_due()
    assert one.came == two.came == [str(number) for number in range(250)]
    assert working.take_events() == 0


def test_without_a_sink_events_are_forgotten(database: Database) -> None:
    happened(database, event(1))
    working = dispatcher(database)
    assert working.take_events() == 1
    assert waiting(database) == {"waiting": 0, "dead": 0}


def test_a_refused_event_holds_up_its_own_repository_alone(database: Database) -> None:
    happened(database, event(1, "a"), event(2, "a"), event(3, "b"))
    sink = Notes(failing={"1": SendError("busy")})
    working = dispatcher(database, sink, first_pause_ms=0)
    working.take_events()
    working.send_all_due()
    assert sink.came == ["3"]
    sink.failing.clear()
    working.send_all_due()
    assert sink.came == ["3", "1", "2"]


def test_a_failing_receiver_holds_up_no_other(database: Database) -> None:
    happened(database, event(1))
    bad, good = Notes("bad", {"1": SendError("busy")}), Notes("good")
    working = dispatcher(database, bad, good)
    working.take_events()
    working.send_all_due()
    assert good.came == ["1"]
    assert waiting(database) == {"waiting": 1, "dead": 0}


def test_attempts_are_made_at_longer_and_longer_intervals(database: Database) -> None:
    happened(database, event(1))
    working = dispatcher(database, Notes(failing={"1": SendError("busy")}), first_pause_ms=1_000)
    working.take_events()
    pauses = []
    for _ in range(12):
        with database.write() as connection:
            now_ms = database.now_ms(connection)
            (row,) = deliveries.listing(connection)
            deliveries.failed(connection, row, "", now_ms)  # its time has come
        working.send_all_due()
        with database.read() as connection:
            (row,) = deliveries.listing(connection)
            pauses.append(row.next_attempt_at_ms - now_ms)
    assert pauses[0] < pauses[2] < pauses[4]
    assert pauses[-1] < 300_000 * 1.3


def test_what_will_never_be_taken_is_put_aside_at_once(database: Database) -> None:
    happened(database, event(1), event(2))
    sink = Notes(failing={"1": SendError("no such thing", final=True)})
    working = dispatcher(database, sink)
    working.take_events()
    working.send_all_due()
    assert sink.came == ["2"]
    with database.read() as connection:
        (dead,) = deliveries.listing(connection, "dead")
    assert dead.last_error == "no such thing"


def test_what_nobody_took_for_too_long_is_put_aside(database: Database) -> None:
    happened(database, event(1))
    working = dispatcher(database, Notes(failing={"1": SendError("busy")}), give_up_ms=-1)
    working.take_events()
    working.send_all_due()
    assert waiting(database) == {"waiting": 0, "dead": 1}


def test_a_sink_that_is_not_set_any_more_gets_nothing_and_its_events_are_put_aside(
    database: Database,
) -> None:
    happened(database, event(1))
    dispatcher(database, Notes("old")).take_events()
    dispatcher(database, Notes("new")).send_all_due()
    assert waiting(database) == {"waiting": 0, "dead": 1}


def test_of_two_processes_one_sends_until_it_ends(database: Database) -> None:
    first, second = Notes("sink"), Notes("sink")
    one, two = dispatcher(database, first, node="one"), dispatcher(database, second, node="two")
    happened(database, event(1))
    one.run()
    two.run()
    one.close()
    assert (first.came, second.came) == (["1"], [])
    happened(database, event(2))
    again = dispatcher(database, second, node="three")
    again.run()
    again.close()
    assert second.came == ["2"]


def test_closing_waits_for_what_is_being_sent(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Notes):
        def send(self, body: str, region: str) -> None:
            begun.set()
            go_on.wait(10)
            super().send(body, region)

    sink = Slow()
    happened(database, event(1))
    working = dispatcher(database, sink)
    working.run()
    assert begun.wait(10)
    closing = threading.Thread(target=working.close)
    closing.start()
    go_on.set()
    closing.join(10)
    assert sink.came == ["1"]
    assert waiting(database)["waiting"] == 0


def test_the_metrics_tell_how_many_wait_and_how_many_were_given_up(database: Database) -> None:
    with database.write() as connection:
        given = [Message("sink", stream, REGION, "{}") for stream in "abc"]
        deliveries.add(connection, given, database.now_ms(connection) + 100_000)
        deliveries.given_up(connection, deliveries.listing(connection)[0], "gone")
    working = dispatcher(database)
    working.run()
    working.close()
    shown = metrics.render().decode()
    assert 'moorage_deliveries{state="waiting"} 2.0' in shown
    assert 'moorage_deliveries{state="dead"} 1.0' in shown


def test_an_event_is_told_in_eventbridges_form() -> None:
    shown = json.loads(envelope(event(1)))
    assert shown.pop("id")
    assert shown == {
        "version": "0",
        "detail-type": "A Change",
        "source": "aws.codecommit",
        "account": ACCOUNT,
        "time": "2025-11-25T03:40:00Z",
        "region": REGION,
        "resources": [f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"],
        "detail": {"n": 1},
    }
    of_account = OutboxEvent(ACCOUNT, REGION, "A Change", "", "{}", 0)
    assert json.loads(envelope(of_account))["resources"] == []


# --- the sinks ------------------------------------------------------------------------------


def test_the_file_has_one_event_a_line_and_may_be_moved_away(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    sink = FileSink(file)
    first, second = envelope(event(1)), envelope(event(2))
    sink.send(first, REGION)
    file.rename(tmp_path / "old.jsonl")
    sink.send(second, REGION)
    assert (tmp_path / "old.jsonl").read_text() == first + "\n"
    assert file.read_text() == second + "\n"


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(SendError, match="No such file") as caught:
        FileSink(tmp_path / "none" / "events.jsonl").send("{}", REGION)
    assert not caught.value.final


def test_a_webhook_can_check_who_sent_what_and_when(receiver: Receiver) -> None:
    body = envelope(event(1))
    WebhookSink(receiver.url, Secret("s" * 16), now=lambda: 1_764_042_000.5).send(body, REGION)
    (came,) = receiver.received
    assert came.text == body
    assert came.headers["moorage-event-id"] == json.loads(body)["id"]
    signed = hmac.new(b"s" * 16, f"1764042000.{body}".encode(), hashlib.sha256).hexdigest()
    assert came.headers["moorage-signature"] == f"t=1764042000,v1={signed}"


@pytest.mark.parametrize(
    ("status", "final"), [(302, False), (404, True), (408, False), (429, False), (500, False)]
)
def test_a_webhook_that_does_not_take_an_event_is_tried_again_where_that_is_of_use(
    receiver: Receiver, status: int, final: bool
) -> None:
    receiver.usual = status
    with pytest.raises(SendError, match=str(status)) as caught:
        WebhookSink(receiver.url, Secret("s" * 16)).send(envelope(event(1)), REGION)
    assert caught.value.final == final
    assert len(receiver.received) == 1


def test_a_webhook_where_nobody_listens_is_tried_again() -> None:
    with receiving() as gone:
        url = gone.url
    with pytest.raises(SendError) as caught:
        WebhookSink(url, Secret("s" * 16)).send(envelope(event(1)), REGION)
    assert not caught.value.final


def test_an_eventbridge_endpoint_gets_an_entry_with_its_source(receiver: Receiver) -> None:
    receiver.answer = b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}'
    EventBridgeSink(AwsEndpoint(receiver.url), "moorage.codecommit").send(envelope(event(1)), REGION)
    (came,) = receiver.received
    assert came.headers["x-amz-target"] == "AWSEvents.PutEvents"
    assert f"/{REGION}/events/aws4_request" in came.headers["authorization"]
    (entry,) = json.loads(came.body)["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("moorage.codecommit", "A Change")
    assert json.loads(entry["Detail"]) == {"n": 1}


def test_an_entry_that_eventbridge_refuses_is_tried_again(receiver: Receiver) -> None:
    receiver.answer = json.dumps(
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
    ).encode()
    with pytest.raises(SendError, match="InternalFailure") as caught:
        EventBridgeSink(AwsEndpoint(receiver.url), "x").send(envelope(event(1)), REGION)
    assert not caught.value.final


# --- what triggers name ---------------------------------------------------------------------


def test_a_topic_gets_the_message_by_publish(receiver: Receiver) -> None:
    receiver.content_type = "text/xml"
    receiver.answer = (
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
        b"<MessageId>1</MessageId></PublishResult></PublishResponse>"
    )
    TriggerTargets(sns=AwsEndpoint(receiver.url)).send(TOPIC, REGION, '{"Records": []}')
    (came,) = receiver.received
    form = parse_qs(came.text)
    assert form["Action"] == ["Publish"]
    assert form["TopicArn"] == [TOPIC]
    assert form["Message"] == ['{"Records": []}']


def test_a_function_is_invoked_without_waiting_for_it(receiver: Receiver) -> None:
    receiver.usual, receiver.answer = 202, b""
    TriggerTargets(functions=AwsEndpoint(receiver.url)).send(FUNCTION, REGION, '{"Records": []}')
    (came,) = receiver.received
    assert came.path == f"/2015-03-31/functions/{FUNCTION.replace(':', '%3A')}/invocations"
    assert came.headers["x-amz-invocation-type"] == "Event"
    assert came.text == '{"Records": []}'


def test_without_an_endpoint_a_message_is_put_aside_and_says_which_setting_is_missing(
    database: Database,
) -> None:
    with database.write() as connection:
        given = [Message(TOPIC, "demo", REGION, "{}"), Message(FUNCTION, "demo", REGION, "{}")]
        deliveries.add(connection, given, database.now_ms(connection))
    dispatcher(database).send_all_due()
    with database.read() as connection:
        dead = deliveries.listing(connection, "dead")
    assert ["--sns-endpoint" in dead[0].last_error, "--lambda-endpoint" in dead[1].last_error] == [True, True]


@pytest.mark.parametrize(("status", "final"), [(404, True), (403, True), (500, False), (503, False)])
def test_a_refusal_by_the_service_is_final_where_it_will_be_repeated(
    receiver: Receiver, status: int, final: bool
) -> None:
    receiver.usual = status
    receiver.content_type = "text/xml"
    receiver.answer = (
        b"<ErrorResponse><Error><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>"
    )
    with pytest.raises(SendError, match="no topic") as caught:
        TriggerTargets(sns=AwsEndpoint(receiver.url)).send(TOPIC, REGION, "{}")
    assert caught.value.final == final
