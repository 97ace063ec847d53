"""Every operation of every registry, with bad input from every kind of caller, through the API's door.

New operations join by themselves: requests are made from the models, and from what two accounts hold.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
import structlog

from attackable import CALLERS, CANARY, World
from doors_at_hand import Sent
from hostile_requests import hostile, twins
from moorage.server.compose import SERVICES
from moorage.wire import models

pytestmark = pytest.mark.slow

OPERATIONS = [(name, each) for name, service in SERVICES.items() for each in sorted(service.operations)]
# All requests of all operations are 50,000, and each goes for several callers: every one of them was sent
# when this was written. Here each operation gets the first ones, and of the others one in so many.
FIRST, ONE_IN = 4, 40
# Whoever may sign at all may ask these; the last answer of each repository whether it may be seen.
OPEN_TO_ALL = {"GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo", "BatchGetRepositories"}
# Names that all accounts share, so that who takes one learns that it is taken.
SHARED_NAMES = {"CreateAccountAlias"}
# What differs in answers that are alike otherwise.
NEW_IDS = re.compile(
    rb"<RequestId>.*?</RequestId>|<\w+Date>.*?</\w+Date>"
    rb"|APKA[A-Z0-9]+|(?:[0-9a-f]{2}:){15}[0-9a-f]{2}|ssh-rsa [^<]*"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.at(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def assert_modelled(sent: Sent, service: str) -> None:
    """An answer can be read, and a refusal has a name."""
    assert sent.status in {200, 400, 403, 404, 409, 410}, sent
    if models.protocol(service) == "json":
        content = json.loads(sent.body) if sent.body else {}
        code = content.get("__type", "") if sent.status != 200 else "none"
    else:
        code = ET.fromstring(sent.body).findtext(".//{*}Code", "none")
    assert code.isidentifier(), sent
    assert len(sent.body) < 20_000 or sent.status == 200


def assert_discreet(world: World, sent: Sent, asked: bytes) -> None:
    """Nothing that the other account wrote, and none of its ids but those that the caller named."""
    told = sent.body.decode()
    assert CANARY not in told
    for each in world.foreign["ids"]:
        assert each not in told or each.encode() in asked, told


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_bad_input_gets_a_modelled_answer_and_reaches_no_other_account(
    world: World, service: str, operation: str
) -> None:
    theirs = world.of_the_other_account()
    requests = hostile(service, SERVICES[service].operations[operation].model, world)
    first = list(itertools.islice(requests, FIRST))
    rest = itertools.islice(requests, len(operation) % ONE_IN, None, ONE_IN)
    with structlog.testing.capture_logs() as logged:
        for number, asked in enumerate((*first, *rest)):
            for caller in ("root", CALLERS[1 + number % (len(CALLERS) - 1)]):
                sent = world.send(service, operation, asked.body, world.callers[caller])
                assert sent.status < 500, (caller, asked.request, logged)
                assert_modelled(sent, service)
                assert_discreet(world, sent, asked.body)
                if caller in {"nobody", "unsigned"}:
                    assert sent.status != 200 or operation in OPEN_TO_ALL
                if sent.status == 200:
                    world.restore()
    assert not [entry for entry in logged if entry["log_level"] in {"error", "critical"}]
    assert world.of_the_other_account() == theirs


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_another_account_has_is_told_from_nothing_by_nobody(
    world: World, service: str, operation: str
) -> None:
    if operation in SHARED_NAMES:
        return
    for real, none, its_name, no_name in twins(service, SERVICES[service].operations[operation].model, world):
        for caller in CALLERS:
            answers = []
            for asked, name in ((real, its_name), (none, no_name)):
                sent = world.send(service, operation, asked.body, world.callers[caller])
                answers.append((sent.status, NEW_IDS.sub(b"", sent.body.replace(name.encode(), b"NAME"))))
                world.restore()
            assert answers[0] == answers[1], caller
