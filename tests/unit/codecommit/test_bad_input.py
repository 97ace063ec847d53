"""Whatever stands in a member of a request, the answer is a result or a refusal that the model has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identities_at_hand import ACCOUNT
from moorage.core import faults
from moorage.core.faults import Fault
from moorage.services.codecommit import codecommit
from repositories_at_hand import REGION, Desk

ODD: list[Any] = ["", "é", "../..", "a\nb", "\0", "\ud800", "\U0001f6a2", "x" * 100_000]
ODD += [
    None,
    5,
    True,
    [],
    {},
    [None],
    ["\ud800"],
    [[]],
    ["a"] * 1_000,
    {"\ud800": "x"},
    {"a": None},
    {"a": 5},
]

GOOD: dict[str, Any] = {
    "repositoryName": "demo",
    "branchName": "b",
    "commitId": "0" * 40,
    "commitIds": ["0" * 40],
    "oldName": "not-there",
    "newName": "other",
    "defaultBranchName": "b",
    "resourceArn": f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo",
    "tags": {"a": "b"},
    "tagKeys": ["a"],
    "repositoryNames": ["demo"],
}


@pytest.mark.parametrize("name", sorted(codecommit.operations))
def test_no_input_is_a_bug_of_the_server(desk: Desk, name: str) -> None:
    operation = codecommit.operations[name]
    assert operation.model.input_shape is not None
    members = operation.model.input_shape.members
    known = {shape.name for shape in codecommit.model.error_shapes}
    known |= {faults.SERIALIZATION, "ValidationException"}
    base = {member: GOOD[member] for member in members if member in GOOD}
    for member in members:
        for odd in ODD:
            try:
                operation.render(desk.ask(name, **base | {member: odd}), "request-id")
            except Fault as fault:
                answer = codecommit.render_fault(fault, "request-id")
                told = json.loads(answer.body)["__type"]
                assert (told in known, answer.status) == (True, 400), (member, odd, told)
