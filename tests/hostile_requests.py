"""Requests that are good but for one value, made from a model and from what an account holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, Shape

from api_attacks import TEXTS, WRONG_TYPES, good
from attackable import ALLOW_ALL, World, as_body, document
from identities_at_hand import ACCOUNT
from moorage.wire import models
from repositories_at_hand import OTHER_ACCOUNT

Path = tuple[str | int, ...]

# Operations that make a thing need a name that is free, and those that refer to one that is taken.
FRESH = {
    "CreateUser": "UserName",
    "CreateGroup": "GroupName",
    "CreateRole": "RoleName",
    "CreatePolicy": "PolicyName",
    "CreateInstanceProfile": "InstanceProfileName",
    "CreateAlias": "AliasName",
    "CreateRepository": "repositoryName",
}
OTHERWISE: dict[str, Any] = {
    "AuthenticationCode1": "123456",
    "AuthenticationCode2": "654321",
    "TokenCode": "123456",
    "Password": "Correct-Horse-9-Battery",
    "OldPassword": "Correct-Horse-9-Battery",
    "NewPassword": "Correct-Horse-8-Battery",
    "VirtualMFADeviceName": "tablet",
    "ThumbprintList": ["b" * 40],
    "ClientID": "another-client",
    "Url": "https://another.example.org",
    "NewUserName": "maria",
    "NewGroupName": "crew",
    "newName": "renamed",
    "oldName": "target",
    "defaultBranchName": "main",
    "branchName": "main",
    "RoleSessionName": "nightly",
    "ActionNames": ["codecommit:GitPull"],
    "ResourceArns": ["*"],
    "PendingWindowInDays": 7,
    "RotationPeriodInDays": 100,
    "NumberOfBytes": 32,
    "Plaintext": b"plain",
    "Message": b"plain",
    "PolicyInputList": [document(ALLOW_ALL)],
    "PermissionsBoundaryPolicyInputList": [document(ALLOW_ALL)],
    "Operations": ["Decrypt"],
    "Policy": document(ALLOW_ALL),
    "PolicyDocument": document(ALLOW_ALL),
    "AssumeRolePolicyDocument": document(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    ),
    "ResourcePolicy": document({**ALLOW_ALL, "Principal": "*"}),
    "DurationSeconds": 900,
    "MaxSessionDuration": 3_600,
    "Path": "/",
    "NewPath": "/new/",
    "PathPrefix": "/",
    "AWSServiceName": "codecommit.amazonaws.com",
}


@dataclass(frozen=True)
class Hostile:
    """One request as it is sent, and as it is meant."""

    body: bytes
    request: Any


def hostile(service: str, model: OperationModel, world: World) -> Iterator[Hostile]:
    """Yield requests that are good but for one value, which is wrong in every way that there is."""
    shape = model.input_shape
    base = _good(shape, model.name, world.own) if shape is not None else {}
    yield Hostile(as_body(service, model.name, base), base)
    if shape is None:
        return
    for name, member in shape.members.items():
        without = {key: value for key, value in base.items() if key != name}
        yield Hostile(as_body(service, model.name, without), without)
        filled = {**base, name: _filled(member, name, model.name, world.own)}
        yield Hostile(as_body(service, model.name, filled), filled)
        for path in ((name, *rest) for rest in _leaves(filled[name])):
            for value in _values(service, _name_of(path), _at(filled, path), world):
                wrong = _with(filled, path, value)
                body = _body(service, model.name, wrong)
                if body is not None:
                    yield Hostile(body, wrong)
        for value in _lists(filled[name]):
            wrong = {**base, name: value}
            yield Hostile(as_body(service, model.name, wrong), wrong)


def twins(service: str, model: OperationModel, world: World) -> Iterator[tuple[Hostile, Hostile, str, str]]:
    """Yield pairs of requests, and the names in them: of a thing that the other account has, and has not."""
    shape = model.input_shape
    base = _good(shape, model.name, world.own) if shape is not None else {}
    for name in shape.members if shape is not None else ():
        if name in PRINCIPALS:
            continue
        for real in _theirs(service, name, world):
            none = _other(real)
            pair = [
                Hostile(as_body(service, model.name, {**base, name: each}), None) for each in (real, none)
            ]
            yield pair[0], pair[1], str(real), str(none)


# A policy or grant may name only who is there, so whoever writes one learns it, as at AWS.
PRINCIPALS = {"GranteePrincipal", "RetiringPrincipal"}


def _other(real: Any) -> Any:
    """Return a name in the same form that nothing has."""
    if isinstance(real, bytes):
        return real[:5] + bytes(16) + real[21:]  # of a ciphertext, the key's id
    # Digits that are good in hexadecimal numbers and in base32 alike.
    last = (
        "2" if real[-1] == "3" else "3" if real[-1] in "0123456789abcdef" else "A" if real[-1] != "A" else "B"
    )
    return real[:-1] + last


def _body(service: str, operation: str, request: Mapping[str, Any]) -> bytes | None:
    try:
        return as_body(service, operation, request)
    except (AttributeError, TypeError):  # a form cannot say it
        return None


def _good(shape: Shape, operation: str, known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _filled(shape.members[name], name, operation, known, required_only=True)
        for name in shape.required_members
    }


def _filled(
    shape: Shape, name: str, operation: str, known: Mapping[str, Any], *, required_only: bool = False
) -> Any:
    """Return a good value with all members that it may have, or with those that it must have."""
    if FRESH.get(operation) == name:
        return "alias/fresh" if name == "AliasName" else "fresh"
    if name in known or name in OTHERWISE:
        return known.get(name, OTHERWISE.get(name))

    def filled(inner: Shape, inner_name: str) -> Any:
        return _filled(inner, inner_name, operation, known, required_only=required_only)

    made: Any = b"bytes"
    if shape.type_name == "structure":
        members = shape.required_members if required_only else shape.members
        made = {each: filled(shape.members[each], each) for each in members}
    elif shape.type_name == "list":
        made = [filled(shape.member, name)]
    elif shape.type_name == "map":
        made = {"Team": filled(shape.value, name)}
    elif shape.type_name != "blob":
        made = good(shape, name)
    return made


def _leaves(value: Any) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from ((key, *rest) for rest in _leaves(inner))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from ((number, *rest) for rest in _leaves(inner))
    else:
        yield ()


def _name_of(path: Path) -> str:
    return next(part for part in reversed(path) if isinstance(part, str))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _with(value: Mapping[str, Any], path: Path, new: Any) -> dict[str, Any]:
    changed = copy.deepcopy(dict(value))
    inner: Any = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = new
    return changed


# --- values -----------------------------------------------------------------------------------

SESSION_TEXTS = [
    "%2e%2f",
    "a:b",
    "a/b",
    "x" * 2_048,
    "a%00b",
    "a\nb",
    "a b",
    "\u00e9\u0301",
    "*",
    "${aws:userid}",
]
UNKNOWN = [
    "NoSuchValue",
    "active",
    "ACTIVE",
    "true",
    "TRUE",
    "yes",
    "99999999999999999999",
    "-1",
    "0",
    "0x10",
]
SURROGATES = ["\ud800", "a\udfffb"]


def _values(service: str, name: str, now: Any, world: World) -> Iterator[Any]:
    """Yield wrong values in the place of a good one."""
    yield from (*TEXTS, *SESSION_TEXTS, *UNKNOWN, *SURROGATES)
    if models.protocol(service) == "json":
        yield from WRONG_TYPES
    if isinstance(now, str):
        yield from (now.upper(), now.lower(), now.swapcase())
        yield from (f" {now}", f"{now} ", f"{now}\0", f"{now}/", f"/{now}")
        yield from documents() if now.startswith("{") else ()
        yield from arns(now) if now.startswith("arn:") else ()
    yield from _theirs(service, name, world)


def _theirs(service: str, name: str, world: World) -> Iterator[Any]:
    """Yield what the other account has in that place."""
    theirs = world.foreign.get(name)
    if not isinstance(theirs, str | bytes) or theirs == world.own.get(name):
        return
    yield theirs
    if name.endswith("KeyId") and service == "kms":
        yield from (world.foreign["KeyArn"], f"arn:aws:kms:us-east-2:{OTHER_ACCOUNT}:alias/one")


def arns(now: str) -> Iterator[str]:
    """Yield an ARN beside another: of other accounts, partitions, regions, services and kinds."""
    parts = now.split(":", 5)
    for place, others in (
        (0, ("", "ARN", "urn")),
        (1, ("aws-cn", "aws-us-gov", "AWS", "", "aws-iso", "*")),
        (2, ("s3", "sts", "IAM", "", "*", "kms")),
        (3, ("us-east-1", "cn-north-1", "US-EAST-2", "", "*", "mars-east-1")),
        (4, (OTHER_ACCOUNT, "999999999999", "aws", "", "*", "1", "1" * 13, "\u0661" * 12)),
        (
            5,
            (
                "",
                "*",
                "root",
                "user/mary",
                "role/worker",
                "group/team",
                "policy/rules",
                "x" * 2_000,
                "a/../b",
            ),
        ),
    ):
        for other in others:
            yield ":".join([*parts[:place], other, *parts[place + 1 :]])
    yield now + ":x"


WRONG_PARTS: list[Any] = [
    *(None, True, 0, 1.5, [], {}, [[]], [None], [{}], {"a": 1}),
    *("", "*" * 1_500, "\ud800", "\0", "${", "${*"),
]
ELEMENTS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal")
OPERANDS = {
    "StringEquals": "aws:username",
    "IpAddress": "aws:SourceIp",
    "DateLessThan": "aws:CurrentTime",
    "Bool": "aws:SecureTransport",
    "NumericLessThan": "sts:x",
    "ForAllValues:StringLike": "aws:TagKeys",
}
NAMED: list[dict[str, Any]] = [
    {"AWS": "*"},
    {"AWS": OTHER_ACCOUNT},
    {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"},
    {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:user/nobody-of-this-name"},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:user/MARY"},
    {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:user/mary"},
    {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/a:b%00"},
    {"AWS": "AIDA" + "A" * 17},
    {"AWS": ["*"] * 2_000},
    {"Federated": f"arn:aws:iam::{OTHER_ACCOUNT}:saml-provider/people"},
    {"Service": "ec2.amazonaws.com", "AWS": [], "CanonicalUser": "x"},
]


def documents() -> Iterator[str]:
    """Yield policies of evil shapes."""
    yield from ("{", "null", "[]", "{}", '"x"', "[" * 3_000, '{"Statement":' * 3_000)
    yield "\ufeff" + document(ALLOW_ALL)
    yield document()
    yield document(*[ALLOW_ALL] * 300)
    yield '{"Statement":[' + ",".join(["{}"] * 50_000) + "]}"
    for wrong in WRONG_PARTS:
        yield from (document({**ALLOW_ALL, element: wrong}) for element in ELEMENTS)
        yield from (document({**ALLOW_ALL, "Principal": {kind: wrong}}) for kind in ("AWS", "Federated"))
        yield document({**ALLOW_ALL, "Principal": "*", "Condition": wrong})
        yield document({**ALLOW_ALL, "Condition": {"StringEquals": wrong}})
        for operator, key in OPERANDS.items():
            yield document({**ALLOW_ALL, "Condition": {operator: {key: wrong}}})
        yield json.dumps({"Version": wrong, "Statement": ALLOW_ALL})
        yield json.dumps({"Version": "2012-10-17", "Id": wrong, "Statement": ALLOW_ALL})
        yield json.dumps({"Version": "2012-10-17", "Statement": wrong})
    for principal in NAMED:
        yield document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})
        yield document({**ALLOW_ALL, "Principal": principal})


def _lists(value: Any) -> Iterator[Any]:
    """Yield lists that are empty, too long, and that say the same twice."""
    if isinstance(value, list):
        yield []
        yield value * 2
        yield value * 60
        yield value * 1_100
        yield [[value]]
    elif isinstance(value, Mapping):
        yield {}
        yield {f"{key}{number}": inner for number in range(60) for key, inner in value.items()}
