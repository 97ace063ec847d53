"""Requests of every operation: one as good as the model can tell, and what can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from botocore.model import OperationModel, Shape

from attacker import query_fields
from service_process import ACCOUNT

TEXTS = [
    "",
    " ",
    "x" * 200_000,
    "a\0b",
    "\x1b[2J\r\n",
    "\u202e\u2028\ufeff",
    "\U0010ffff" * 40,
    "../../../etc/passwd",
    "..",
    "<svg onload=alert(1)>&\"']]>",
    "${aws:username}",
    "*" * 2_000,
    "?" * 100,
    "%s%n%00%2e",
    "'; DROP TABLE users; --",
    "-h",
    "arn:aws:iam::999999999999:user/x",
    "arn:aws:codecommit:us-east-2:123456789012:*",
    "arn:" * 400,
    ":" * 10,
    "/" * 600,
    "1e400",
    "null",
    "\u0130\u0131\u212a",
]
WRONG_TYPES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    10**30,
    [],
    {},
    [[]],
    [None],
    {"a": None},
    ["x"] * 10_000,
]


def good(shape: Shape, name: str = "") -> Any:
    """Return a value as good as the model can tell: names of things that are not there."""
    if shape.type_name == "structure":
        required = {member: shape.members[member] for member in shape.required_members}
        return {member: good(found, member) for member, found in required.items()}
    if shape.type_name == "list":
        return [good(shape.member, name)]
    if shape.type_name == "map":
        return {"key": good(shape.value, name)}
    return _good_scalar(shape, name)


def _good_scalar(shape: Shape, name: str) -> Any:
    if shape.type_name in {"integer", "long"}:
        return max(1, shape.metadata.get("min", 1))
    if shape.type_name == "boolean":
        return True
    if shape.metadata.get("enum"):
        return shape.metadata["enum"][0]
    return _good_text(name)


def _good_text(name: str) -> str:
    if name == "resourceArn":
        return f"arn:aws:codecommit:us-east-2:{ACCOUNT}:missing"
    if name.lower().endswith("arn") or name == "PermissionsBoundary":
        return f"arn:aws:iam::{ACCOUNT}:policy/missing"
    if name.endswith("commitId"):
        return "1" * 40
    if name.endswith("AccessKeyId"):
        return "AKIAMISSINGMISSING00"
    if name == "PolicyDocument":
        return '{"Version": "2012-10-17", "Statement": []}'
    return "missing"


# --- JSON ------------------------------------------------------------------------------------

NOT_OBJECTS = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"true",
    b"NaN",
    b"{",
    b"{}{}",
    b"{'a': 1}",
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"[" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a": ' + b"9" * 100_000 + b"}",
    b'{"a": 1e' + b"9" * 1_000 + b"}",
    b"\0" * 100,
    b"<xml/>",
    b"Action=ListUsers&Version=2010-05-08",
]


Body = Callable[[], bytes]  # most are left out of a run: what is not sent is not rendered


def _json(base: Mapping[str, Any], more: Mapping[str, Any]) -> Body:
    return lambda: json.dumps({**base, **more}).encode()


def _as_is(body: bytes) -> Body:
    return lambda: body


def json_bodies(operation: OperationModel) -> Iterator[Body]:
    """Yield bodies: none at all, each member wrong in every way, members of nobody."""
    yield from map(_as_is, NOT_OBJECTS)
    shape = operation.input_shape
    base = good(shape) if shape is not None else {}
    yield _json({}, {f"unknown{number}": number for number in range(10_000)})
    yield _json(base, {"__proto__": {}, "unknown": [[[]]], "": 1})
    for at, (name, member) in enumerate((shape.members if shape is not None else {}).items()):
        for value in [*TEXTS[at % 2 :: 2], *WRONG_TYPES, *_inside(member)]:
            yield _json(base, {name: value})
        yield _json(base, {name: "\ud800"})
        opening, closing = b'{"%s":' % name.encode(), b"}"
        yield _as_is(opening + b"[" * 900 + b"]" * 900 + closing)
        yield _as_is(opening + b'{"a":' * 900 + b"1" + b"}" * 900 + closing)
        yield _as_is(opening + b"1," + opening[1:] + b'"x"' + closing)


def _inside(shape: Shape) -> Iterator[Any]:
    """Yield wrong values one level below."""
    for text in TEXTS[:12]:
        if shape.type_name == "list":
            yield [text]
            yield ["a", text, "a"]
        elif shape.type_name == "map":
            yield {text: "x"}
            yield {"x": text}
    if shape.type_name == "map":
        yield {f"key{number}": "x" for number in range(60)}


# --- Query -----------------------------------------------------------------------------------


MANY_FIELDS = {f"u{number}": "x" for number in range(20_000)}


def _form(base: Mapping[str, str], more: Mapping[str, str], tail: str = "") -> Body:
    return lambda: urlencode({**base, **more}).encode() + tail.encode()


def _numbered(base: Mapping[str, str], name: str) -> Body:
    return lambda: urlencode(
        {**base, **{f"{name}.member.{number}": "x" for number in range(1, 1_001)}}
    ).encode()


def forms(service: str, operation: OperationModel) -> Iterator[Body]:
    """Yield forms: each member wrong in every way, member numbers of nobody, wrong versions."""
    shape = operation.input_shape
    base = query_fields(service, operation.name, flat(good(shape) if shape is not None else {}))
    for extra in EXTRAS:
        yield _form(base, {}, extra)
    for version in ("1999-01-01", "", "x" * 10_000):
        yield _form(base, {"Version": version})
    yield _form(base, MANY_FIELDS)
    yield _form(base, {"a." * 50_000: "x"})
    for at, name in enumerate(shape.members if shape is not None else {}):
        for text in TEXTS[at % 2 :: 2]:
            yield _form(base, {name: text})
        yield _form(base, {}, f"&{name}=%ed%a0%80")
        yield _form(base, {}, f"&{name}=a&{name}=b")
        for part in MEMBER_NUMBERS[at % 2 :: 2]:
            yield _form(base, {f"{name}.{part}": "x"})
        yield _numbered(base, name)


EXTRAS = ("", "&&&&", "&=", "&=x", "&%", "&%zz=%zz", "&a=%ff%fe", "&.=.", "&.member.1=x", "&Action=ListUsers")
MEMBER_NUMBERS = [
    "member.999999999",
    "member.99999999999999999999999",
    "member.0",
    "member.-1",
    "member.01",
    "member.x",
    "member.\u0661",
    "member.1.member.1",
    "member.1.Key",
    "member.1.Key.Key",
    "member",
    "member.",
    "entry.1.key",
    "1",
    "member.1." + "a." * 5_000 + "b",
]


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a request as the fields of a form."""
    fields: dict[str, str] = {}
    for name, found in value.items():
        if isinstance(found, Mapping):
            fields |= flat(found, f"{prefix}{name}.")
        elif isinstance(found, list):
            numbered = {f"member.{number}": each for number, each in enumerate(found, 1)}
            fields |= flat(numbered, f"{prefix}{name}.")
        else:
            fields[prefix + name] = str(found).lower() if isinstance(found, bool) else str(found)
    return fields
