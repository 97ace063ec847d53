"""Every operation of every registry leaves a row, answered or refused, whoever with a name asked."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest

from attackable import World
from doors_at_hand import Sent
from hostile_requests import hostile
from moorage.server.compose import SERVICES
from moorage.storage import audit, cloudtrail
from moorage.storage.audit_reads import is_read

pytestmark = pytest.mark.slow

OPERATIONS = [(name, each) for name, service in SERVICES.items() for each in sorted(service.operations)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.at(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def records(world: World, sent: Sent) -> list[dict[str, object]]:
    world.door.audit.flush()
    with world.desk.installation.database.read() as connection:
        rows = audit.of_request(connection, sent.headers["x-amzn-requestid"])
    return [cloudtrail.record(row) for row in rows]


def says_something(sent: Sent) -> bool:
    """Tell whether an answer has members: in JSON, or in the Result of Query's XML."""
    empty = sent.body in {b"", b"{}"} or re.search(rb"Result>\s*</\w+Result>|Result/>", sent.body) is not None
    return sent.status == 200 and not empty and (sent.body[:1] == b"{" or b"Result>" in sent.body)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_every_operation_leaves_a_record(world: World, service: str, operation: str) -> None:
    known = SERVICES[service].operations[operation]
    if not known.signed:
        return  # nobody with a name asks these
    for asked in itertools.islice(hostile(service, known.model, world), 3):
        for caller in ("root", "nobody", "role session"):
            sent = world.send(service, operation, asked.body, world.callers[caller])
            told = records(world, sent)
            assert told, (caller, asked.request)
            failed = [each for each in told if "errorCode" in each]
            assert bool(failed) == (sent.status != 200)
            for each in told:
                assert each["eventSource"] == f"{service}.amazonaws.com"
                assert json.dumps(each)
            # A change tells what it answered; a read does not, and a refusal has nothing to tell.
            answers = [each["responseElements"] for each in told if each["responseElements"] is not None]
            assert bool(answers) == (says_something(sent) and not is_read(operation))
            if sent.status == 200:
                world.restore()
