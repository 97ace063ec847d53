"""Random requests for every operation, to a live server: a modelled answer in time, and no harm done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import random_requests
import unharmed
from attacker import Attacker, Signing, json_headers, signed_headers
from codecommit_at_hand import Keys, Service
from codecommit_world import World, good
from moorage.core.faults import ACCESS_DENIED
from moorage.wire import models
from service_process import ACCOUNT, serving
from service_process import Service as Process

MODEL = models.service_model("codecommit")

# What is no shape of the model: no right, and a body that cannot be read.
COMMON = {ACCESS_DENIED, "AccessDeniedException", "SerializationException"}
# An operation's own list is not whole: the wire also tells what is wrong with a member by its own error.
NAMED = set(MODEL.shape_names) | COMMON

EXAMPLES = 8


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with serving(tmp_path_factory.mktemp("random")) as running:
        yield running


@pytest.fixture(scope="module")
def world(process: Process, tmp_path_factory: pytest.TempPathFactory) -> World:
    service = Service(process.endpoint, process.ca, ACCOUNT, Keys(process.key_id, process.secret))
    return World(service, Path(tmp_path_factory.mktemp("world")) / "pushed")


@pytest.mark.parametrize("operation", sorted(MODEL.operation_names))
def test_a_random_request_gets_a_modelled_answer_and_a_refusal_changes_nothing(
    process: Process, world: World, operation: str
) -> None:
    attacker = Attacker(process)
    model = MODEL.operation_model(operation)
    signing = Signing(attacker.root, "codecommit")
    base = good(operation, world)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(random_requests.requests(model, base), min_size=1, max_size=6))
    def ask(requests: list[dict[str, Any]]) -> None:
        before = unharmed.kept(process, repacked=True)
        bodies = [json.dumps(request).encode() for request in requests]
        sent = (
            (signed_headers(signing, attacker.api_host, json_headers(operation), body), body)
            for body in bodies
        )
        answers = list(attacker.ask_each(sent))
        for request, answer in zip(requests, answers, strict=True):
            assert answer.status in (200, 400, 403, 404), (request, answer)
            if answer.status != 200:
                assert json.loads(answer.body)["__type"].rpartition("#")[2] in NAMED, (request, answer)
        if all(answer.status != 200 for answer in answers):
            after = unharmed.kept(process, repacked=True)
            assert set(after.tables) - set(before.tables) == set(), requests

    ask()
    attacker.taken_answers()
