"""Attacks on the JSON and Query APIs: every operation that is served, with bodies of every wrong kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from xml.etree import ElementTree as ET

import pytest

from api_attacks import Body, forms, json_bodies
from attacker import (
    GLOBAL_SERVICES,
    HUNG_UP,
    REGION,
    Answer,
    Attacker,
    Header,
    Key,
    Signing,
    json_headers,
    signed_headers,
)
from e2e.attacks.conftest import Victims, Watch
from moorage.server.compose import SERVICES
from moorage.wire import models

# All together would take minutes: each operation gets every third of the bodies, and not the same third.
OFTEN, RARELY = 3, 20
FORM = ("Content-Type", "application/x-www-form-urlencoded")
QUERY_OPERATIONS = [(name, each) for name in ("iam", "sts") for each in sorted(SERVICES[name].operations)]
JSON_OPERATIONS = [
    (name, each) for name in ("codecommit", "kms") for each in sorted(SERVICES[name].operations)
]


def assert_modelled(answer: Answer, service: str) -> None:
    """An answer is well-formed; a refusal has a name that the service's clients know."""
    if models.protocol(service) == "json":
        content = json.loads(answer.body) if answer.body else {}
        code = content.get("__type", "") if answer.status != 200 else "none"
    else:
        tree = ET.fromstring(answer.body)
        found = tree.find(".//{*}Code")
        code = (found.text or "") if found is not None else "none"
    # 410: the model gives it to a credential report that nobody has had made yet.
    assert answer.status in (200, 400, 403, 404, 409, 410, 413), answer
    assert code.isidentifier(), answer
    assert len(answer.body) < 50_000 or answer.status == 200


def rendered(bodies: Iterator[Body], first: int, every: int) -> Iterator[bytes]:
    return (body() for body in islice(bodies, first, None, every))


def as_json(attacker: Attacker, key: Key, service: str, operation: str, every: int) -> Iterator[Answer]:
    signing = Signing(key, service)
    model = models.operation_model(service, operation)
    requests = (
        (signed_headers(signing, attacker.api_host, json_headers(operation, service), body), body)
        for body in rendered(json_bodies(model), len(operation) % every, every)
    )
    return attacker.ask_each(requests)


def as_forms(attacker: Attacker, key: Key, service: str, operation: str, every: int) -> Iterator[Answer]:
    signing = Signing(key, service, GLOBAL_SERVICES.get(service, REGION))
    model = models.operation_model(service, operation)
    requests = (
        (signed_headers(signing, attacker.api_host, [FORM], body), body)
        for body in rendered(forms(service, model), len(operation) % every, every)
    )
    return attacker.ask_each(requests)


@pytest.mark.parametrize(("service_name", "operation"), JSON_OPERATIONS)
def test_json_of_every_wrong_kind_gets_its_modelled_error(
    attacker: Attacker, victims: Victims, watch: Watch, service_name: str, operation: str
) -> None:
    for answer in as_json(attacker, victims.nobody, service_name, operation, RARELY):
        assert_modelled(answer, service_name)
        assert answer.status != 200 or operation in OPEN_TO_ALL
    with watch.changing():  # some of it is odd and allowed: a description may hold anything
        for answer in as_json(attacker, victims.root, service_name, operation, OFTEN):
            assert_modelled(answer, service_name)


@pytest.mark.parametrize(("service_name", "operation"), QUERY_OPERATIONS)
def test_forms_of_every_wrong_kind_get_their_modelled_error(
    attacker: Attacker, victims: Victims, watch: Watch, service_name: str, operation: str
) -> None:
    for answer in as_forms(attacker, victims.nobody, service_name, operation, RARELY):
        assert_modelled(answer, service_name)
        assert answer.status != 200 or operation in OPEN_TO_ALL
    with watch.changing():
        for answer in as_forms(attacker, victims.root, service_name, operation, OFTEN):
            assert_modelled(answer, service_name)


# For these no policy is asked, or none of the resources that are named is there.
OPEN_TO_ALL = {"GetCallerIdentity", "BatchGetRepositories"}


def test_a_body_beyond_its_bound_is_refused(attacker: Attacker) -> None:
    assert attacker.json("ListRepositories", b" " * (11 << 20)).status in (400, 413, HUNG_UP.status)
    assert attacker.form("iam", b"x=" + b"y" * (2 << 20)).status in (400, 413, HUNG_UP.status)


TYPES: list[list[Header]] = [
    [],
    [("Content-Type", "")],
    [("Content-Type", "application/json")],
    [("Content-Type", "multipart/form-data; boundary=x")],
    [("Content-Type", "application/x-www-form-urlencoded; charset=utf-16")],
    [("Content-Type", "application/x-www-form-urlencoded; charset=" + "x" * 10_000)],
    [("Content-Type", "\xff\xfe")],
    [("Content-Encoding", "gzip"), FORM],
]


@pytest.mark.parametrize("headers", TYPES, ids=range(len(TYPES)))
def test_a_content_type_of_nonsense_is_answered(attacker: Attacker, headers: list[Header]) -> None:
    for body in (
        b"Action=GetCallerIdentity&Version=2011-06-15",
        b'{"Action": "GetCallerIdentity"}',
        b"\xff" * 50,
    ):
        answer = attacker.signed(Signing(attacker.root, "sts", "us-east-1"), headers, body)
        assert answer.status in (200, 400, 403)


TARGETS = [
    "",
    ".",
    "CodeCommit_20150413",
    "CodeCommit_20150413.",
    "CodeCommit_20150413.ListRepositories.x",
    "CodeCommit_20150413.listRepositories",
    "CodeCommit_20150413.__init__",
    "CodeCommit_20150413.CreatePullRequests",
    "CodeCommit_20990101.ListRepositories",
    "TrentService.ListKeyRings",
    "TrentService.ListRepositories",
    "x" * 50_000,
    "\xff.\xfe",
    "CodeCommit_20150413.ListRepositories\t",
    "../../CodeCommit_20150413.ListRepositories",
]


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_a_target_of_nonsense_is_refused(attacker: Attacker, target: str) -> None:
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)]
    for service in ("codecommit", "kms", "sts"):
        answer = attacker.signed(Signing(attacker.root, service), headers, b"{}")
        assert answer.status in (400, 403, 404) or "ListRepositories\t" in target


ACTIONS = ["", "x" * 50_000, "ListUsers\0", "__class__", "List Users", "<b>", "\u202e", "CreateRole"]


@pytest.mark.parametrize("action", ACTIONS, ids=range(len(ACTIONS)))
def test_an_action_of_nonsense_is_refused(attacker: Attacker, action: str) -> None:
    answer = attacker.form("iam", {"Action": action, "Version": "2010-05-08"})
    assert_modelled(answer, "iam")
    assert answer.status != 200


def test_get_and_post_of_a_form_are_one_and_cookies_are_none(attacker: Attacker) -> None:
    signing = Signing(attacker.root, "sts", "us-east-1")
    query = "Action=GetCallerIdentity&Version=2011-06-15"
    assert attacker.signed(signing, [FORM], b"", query=query).status == 200
    assert attacker.signed(signing, [FORM], query.encode(), query=query).status == 400
    assert attacker.ask("GET", f"/?{query}").status in (400, 403)
    assert attacker.ask("GET", f"/?{query}", [("Cookie", "aws-userInfo=x")]).status in (400, 403)


# --- page tokens ------------------------------------------------------------------------------

TOKENS = ["", "x", "AAAA", "=" * 100, "\u202e", "a" * 100_000, "../..", "eyJhIjoxfQ==", "\0"]


@pytest.mark.parametrize("token", TOKENS, ids=range(len(TOKENS)))
def test_a_garbled_page_token_is_refused(attacker: Attacker, token: str) -> None:
    assert attacker.json("ListRepositories", {"nextToken": token}).status == 400
    answer = attacker.json("ListBranches", {"repositoryName": "target", "nextToken": token})
    assert answer.status == 400
    assert attacker.query("ListUsers", Marker=token).status == 400


def test_a_page_token_serves_nobody_but_who_asks_the_same_again(
    attacker: Attacker, victims: Victims, watch: Watch
) -> None:
    marker = ET.fromstring(attacker.query("ListUsers", MaxItems="1").body).findtext(".//{*}Marker")
    assert marker
    assert attacker.query("ListUsers", MaxItems="1", Marker=marker).status == 200
    assert attacker.query("ListUsers", MaxItems="1", Marker=marker, key=victims.stranger).status == 400
    assert attacker.query("ListUsers", MaxItems="1", Marker=marker, PathPrefix="/x/").status == 400
    assert attacker.query("ListGroups", MaxItems="1", Marker=marker).status == 400
    assert attacker.json("ListRepositories", {"nextToken": marker}).status == 400
    for at in range(0, len(marker), 5):
        other = marker[:at] + ("A" if marker[at] != "A" else "B") + marker[at + 1 :]
        assert attacker.query("ListUsers", MaxItems="1", Marker=other).status == 400
    for size in ("0", "-1", "1001", "99999999999999999999", "x", ""):
        assert attacker.query("ListUsers", MaxItems=size).status == 400
