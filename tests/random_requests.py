"""Requests drawn from a model's shapes: good ones with some members replaced by what may or may not do."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

# Values that no member of a shape has, whatever it is, and texts that something takes for its own.
WRONG_KINDS: SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 2**63, "", [], {}, [None], {"a": None}]
)
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "main",
        "HEAD",
        "refs/heads/main",
        "refs/moorage/x",
        "@{0}",
        "a/../b",
        "/",
        ".git/config",
        "b.txt",
        "\0",
        "\ud800",
        "ü\u202e",
        "0" * 40,
        "f" * 64,
        "1",
        "9" * 30,
        "arn:aws:iam::111122223333:user/mary",
        "*",
        "${aws:username}",
        "{}",
        "null",
        "x" * 5_000,
    ]
)


def requests(model: OperationModel, good: Mapping[str, Any]) -> SearchStrategy[dict[str, Any]]:
    """Draw requests as JSON has them: `good` without some members, with others drawn anew."""
    shape = model.input_shape
    members = shape.members if shape is not None else {}
    names = st.sets(st.sampled_from(sorted(members)), max_size=3) if members else st.just(set())

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        request = {name: _plain(value) for name, value in good.items()}
        for name in sorted(draw(names)):
            if draw(st.integers(0, 4)) == 0:
                request.pop(name, None)
            else:
                request[name] = draw(values(members[name]))
        return request

    return drawn()


def values(shape: Shape, depth: int = 0) -> SearchStrategy[Any]:
    """Draw values for a shape: mostly of its kind, at times of another."""
    return st.one_of(_of_kind(shape, depth), _of_kind(shape, depth), WRONG_KINDS)


def _of_kind(shape: Shape, depth: int) -> SearchStrategy[Any]:
    kind = shape.type_name
    if isinstance(shape, StructureShape):
        fields = {name: values(member, depth + 1) for name, member in shape.members.items()}
        return st.just({}) if depth > 3 else st.fixed_dictionaries({}, optional=fields)
    if isinstance(shape, ListShape):
        return st.just([]) if depth > 3 else st.lists(values(shape.member, depth + 1), max_size=4)
    if isinstance(shape, MapShape):
        return st.dictionaries(TEXTS, values(shape.value, depth + 1), max_size=3)
    return _SIMPLE.get(kind, st.sampled_from(list(getattr(shape, "enum", ()))) if _is_enum(shape) else TEXTS)


def _is_enum(shape: Shape) -> bool:
    return bool(getattr(shape, "enum", ()))


_NUMBERS = st.sampled_from([0, 1, 2, 100, 101, 1_000, 2**31 - 1, -(2**31)])
_SIMPLE: Mapping[str, SearchStrategy[Any]] = {
    "integer": _NUMBERS,
    "long": _NUMBERS,
    "boolean": st.booleans(),
    "blob": st.binary(max_size=50).map(lambda content: base64.b64encode(content).decode()),
}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
