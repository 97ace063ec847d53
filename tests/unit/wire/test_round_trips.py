"""All operations of the four services, with botocore's own client as the oracle.

botocore serializes, we parse; we render, botocore parses. Values are made from the shapes, once with
every member and once with the required ones alone.
"""

from __future__ import annotations

import random
import re
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from moorage.wire import json11, models, query

REQUEST_ID = "0c6aa1d7-9a31-4f3a-9c5b-1f6f0f8a1b2c"
OPERATIONS = [
    (service, name) for service in models.SERVICES for name in models.service_model(service).operation_names
]
TEXT = string.ascii_letters + string.digits + " <>&\"'\r\n\t/+=%{}[]é€\U0001f600"


class Maker:
    """Makes values for shapes; the same for the same seed."""

    def __init__(self, seed: object, *, required_only: bool) -> None:
        self.random = random.Random(str(seed))
        self.required_only = required_only
        self.depth = 0

    def value(self, shape: Shape) -> Any:
        made: Any = getattr(self, shape.type_name)(shape)
        return made

    def structure(self, shape: Shape) -> dict[str, Any]:
        names = list(shape.required_members if self.required_only else shape.members)
        if self.depth and (shape.is_tagged_union or not names):
            # A union has one member; a form cannot show a structure that has none.
            names = list(shape.members)[:1]
        self.depth += 1
        made = {name: self.value(shape.members[name]) for name in names}
        self.depth -= 1
        return made

    def list(self, shape: Shape) -> list[Any]:
        return [self.value(shape.member) for _ in range(self.random.randrange(4))]

    def map(self, shape: Shape) -> dict[str, Any]:
        return {self.value(shape.key): self.value(shape.value) for _ in range(self.random.randrange(4))}

    def string(self, shape: Shape) -> str:
        if "enum" in shape.metadata:
            return str(self.random.choice(shape.metadata["enum"]))
        return "".join(self.random.choices(TEXT, k=self.random.randrange(1, 30)))

    def integer(self, _shape: Shape) -> int:
        return self.random.randrange(-(2**31), 2**31)

    def long(self, _shape: Shape) -> int:
        return self.random.randrange(-(2**63), 2**63)

    def boolean(self, _shape: Shape) -> bool:
        return self.random.random() < 0.5

    def blob(self, _shape: Shape) -> bytes:
        return self.random.randbytes(self.random.randrange(40))

    def timestamp(self, _shape: Shape) -> datetime:
        moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randrange(10**9))
        return moment + timedelta(milliseconds=self.random.choice([0, 0, 7, 250]))


def parsed_by_us(service: str, operation: OperationModel, params: dict[str, Any]) -> dict[str, Any]:
    protocol = models.protocol(service)
    sent = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    if protocol == "json":
        return json11.parse(sent["body"], operation)
    form = query.read_form(urlencode(sent["body"]).encode(), content_type=sent["headers"]["Content-Type"])
    assert (form.action, models.by_version(form.version or "")) == (operation.name, service)
    return query.parse(form.fields, operation)


@pytest.mark.parametrize("required_only", [False, True], ids=["all", "required"])
@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_what_botocore_sends_is_read_as_it_was_meant(service: str, name: str, required_only: bool) -> None:
    operation = models.operation_model(service, name)
    if operation.input_shape is None:
        assert parsed_by_us(service, operation, {}) == {}
        return
    params = Maker(name, required_only=required_only).value(operation.input_shape)
    assert parsed_by_us(service, operation, params) == params


@pytest.mark.parametrize("required_only", [False, True], ids=["all", "required"])
@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_botocore_reads_our_answers_as_they_were_meant(service: str, name: str, required_only: bool) -> None:
    operation = models.operation_model(service, name)
    shape = operation.output_shape
    result = None if shape is None else Maker(name, required_only=required_only).value(shape)
    protocol = models.protocol(service)
    answer = (json11 if protocol == "json" else query).render(result, operation, REQUEST_ID)
    received = {
        "status_code": answer.status,
        "headers": {header.lower(): value for header, value in answer.headers},
        "body": answer.body,
    }
    parsed = create_parser(protocol).parse(received, shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == REQUEST_ID
    assert parsed == (result or {})


def test_the_models_use_only_what_the_codecs_know() -> None:
    """No flattened lists, renamed members, payload streams, documents or other timestamp formats."""
    seen = set()
    for service in models.SERVICES:
        model = models.service_model(service)
        for name in model.shape_names:
            shape = model.shape_for(name)
            if getattr(shape, "is_document_type", False):
                seen.add(f"{name} is a document")
            members = getattr(shape, "members", {})
            seen |= {
                f"{name}.{key}: {member.serialization}"
                for key, member in members.items()
                if member.serialization
            }
            seen |= {f"{name}: {key}" for key in shape.serialization if key != "resultWrapper"}
            if shape.type_name not in {*json11._PARSERS, "float", "double"}:
                seen.add(shape.type_name)
    assert {one for one in seen if not re.search(r"locationName.*message", one)} == set()


def test_routing_tables_are_those_of_the_models() -> None:
    for service in models.SERVICES:
        metadata = models.service_model(service).metadata
        if metadata["protocol"] == "json":
            assert metadata["jsonVersion"] == "1.1"
            assert models.TARGET_PREFIXES[metadata["targetPrefix"]] == service
            assert models.by_target(f"{metadata['targetPrefix']}.Some.Thing") == (service, "Some.Thing")
        else:
            assert models.API_VERSIONS[metadata["apiVersion"]] == service
    assert models.by_target("DynamoDB_20120810.ListTables") is None
    assert models.by_version("2016-11-15") is None
    with pytest.raises(KeyError):
        models.service_model("ec2")
