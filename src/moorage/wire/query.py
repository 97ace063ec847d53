"""The AWS Query protocol: IAM and STS. Forms come in, XML goes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import answers, query_values, query_xml
from moorage.wire.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, ServiceModel, Shape

CONTENT_TYPE = "text/xml"
WORDING = answers.QUERY_WORDING

# IAM's widest request, SimulateCustomPolicy, stays well below this.
MAX_FIELDS = 10_000
# Parts of a field's name; the models' deepest has six. A part costs memory, so a name is bounded.
MAX_DEPTH = 16
_INDEX = re.compile(r"[1-9][0-9]{0,5}")
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii"})


class Form(NamedTuple):
    """A Query request: its operation, the API's version and all of its fields."""

    action: str | None
    version: str | None
    fields: Mapping[str, str]


def malformed(message: str) -> Fault:
    """The refusal of a request that cannot be read."""
    return Fault(faults.SERIALIZATION, message)


def read_form(body: bytes, raw_query: str = "", content_type: str = "") -> Form:
    """Return the fields of a request, from its query string and its body.

    Raises:
        Fault: the text is no UTF-8, a name comes twice, or there are too many fields.
    """
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", content_type, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in _CHARSETS:
        raise malformed("The form's charset must be UTF-8.")
    fields: dict[str, str] = {}
    for name, value in [*_pairs(raw_query), *_pairs(_text(body))]:
        if name in fields:
            raise malformed(f"Found multiple values for {name}.")
        fields[name] = value
    return Form(fields.get("Action"), fields.get("Version"), fields)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The form is not valid UTF-8.") from None


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:  # too many fields, or escapes that are no UTF-8
        raise malformed("The form has too many fields, or a field that is not valid UTF-8.") from None


class _Node:
    """A field's own text and the fields whose names continue its name."""

    __slots__ = ("children", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.children: dict[str, _Node] = {}


def parse(fields: Mapping[str, str], operation: OperationModel) -> dict[str, Any]:
    """Return the members of a request that the model knows, as Python values.

    `Tags.member.1.Key=a` becomes {"Tags": [{"Key": "a"}]}; numbers of a list may have gaps, and only
    their order counts. `Tags=` is an empty list. Fields that the model does not know are left out.

    Raises:
        Fault: MalformedInput, for values of wrong types.
    """
    if operation.input_shape is None:
        return {}
    parsed: dict[str, Any] = _structure(_tree(fields, operation.input_shape), operation.input_shape)
    return parsed


def _tree(fields: Mapping[str, str], shape: Shape) -> _Node:
    root = _Node()
    for name, text in fields.items():
        node, parts = root, name.split(".", MAX_DEPTH)
        if parts[0] not in shape.members:
            continue
        if len(parts) > MAX_DEPTH:
            raise malformed("A field's name has too many parts.")
        for part in parts:
            node = node.children.setdefault(part, _Node())
        node.text = text
    return root


def _value(node: _Node, shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(node, shape)
    if kind == "list":
        return [_value(child, shape.member) for child in _numbered(node, "member")]
    if kind == "map":
        return _map(node, shape)
    if node.text is None:
        raise malformed(f"A {kind} was expected where a list or structure was found.")
    return query_values.parse(node.text, kind)


def _structure(node: _Node, shape: Shape) -> dict[str, Any]:
    return {
        name: _value(node.children[name], member)
        for name, member in shape.members.items()
        if name in node.children
    }


def _numbered(node: _Node, name: str) -> list[_Node]:
    if node.text:
        raise malformed("A list was expected where a text was found.")
    container = node.children.get(name)
    if container is None:
        if node.children:
            raise malformed(f"A list's elements must be named {name}.1 and so on.")
        return []
    for index in container.children:
        if _INDEX.fullmatch(index) is None:
            raise malformed(f"{index[:20]!r} is not the number of a list's element.")
    return [container.children[index] for index in sorted(container.children, key=int)]


def _map(node: _Node, shape: Shape) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for entry in _numbered(node, "entry"):
        if entry.children.keys() != {"key", "value"}:
            raise malformed("A map's entry must have a key and a value.")
        key = _value(entry.children["key"], shape.key)
        entries[key] = _value(entry.children["value"], shape.value)
    return entries


def render(result: Mapping[str, object] | None, operation: OperationModel, request_id: str) -> Answer:
    """Return the answer for a handler's result; members that are None are left out.

    Raises:
        ValueError: the result has a member that the model has not (a bug of the handler).
    """
    content = query_xml.response(result or {}, operation, request_id)
    return Answer(200, answers.headers(CONTENT_TYPE, request_id), content)


def render_fault(fault: Fault, service: ServiceModel, request_id: str) -> Answer:
    """Return the answer for a refusal, named and with the status that the model or AWS gives it."""
    code, status = _named(fault, service)
    content = query_xml.error(
        code, fault.message, namespace=service.metadata["xmlNamespace"], status=status, request_id=request_id
    )
    return Answer(status, answers.headers(CONTENT_TYPE, request_id, status), content)


def _named(fault: Fault, service: ServiceModel) -> tuple[str, int]:
    wording = WORDING.get(fault.code)
    if wording is not None:
        return wording.code, wording.status or fault.status
    for shape in service.error_shapes:
        # A fault is named by its shape, NoSuchEntityException, or as sent: NoSuchEntity.
        modelled = shape.metadata.get("error", {})
        if fault.code in {shape.name, modelled.get("code")}:
            return modelled.get("code", shape.name), modelled.get("httpStatusCode", 400)
    return fault.code, fault.status
