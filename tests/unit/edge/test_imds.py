"""The metadata service of an instance, and the endpoint of containers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Installation
from moorage.auth import session_tokens
from moorage.auth.instance_credentials import Instance, InstanceCredentials
from moorage.core.faults import unavailable
from moorage.core.secrets import Secret
from moorage.edge.imds import Door, MetadataApp
from moorage.storage import accounts, instance_profiles, roles

TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)
NOBODY = TRUST.replace("ec2.", "ecs.")
CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
CONTAINER = "/v2/credentials/not-to-be-guessed"
TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"


@dataclass
class SetClock:
    """A clock that stands until it is moved."""

    moment: Any = NOW

    def now(self) -> Any:
        return self.moment


class Machine:
    """A metadata service on a real database, asked without a network."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.clock = SetClock()
        with installation.database.write() as connection:
            self.role = roles.create(
                connection, ACCOUNT, "Web", path="/x/", trust_policy=TRUST, now_ms=NOW_MS
            )
            self.profile = instance_profiles.create(connection, ACCOUNT, "web", path="/", now_ms=NOW_MS)
            instance_profiles.set_role(connection, self.profile.profile_id, self.role.role_id)
        self.credentials = InstanceCredentials(
            installation.database,
            installation.root_key,
            self.clock,
            Instance(ACCOUNT, "web", "eu-west-1"),
            token_bytes,
        )
        self.app = MetadataApp(self.credentials, self.clock, Door(Secret("key"), CONTAINER), NOW)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        given = {"host": "127.0.0.1:1338", **{name.replace("_", "-"): text for name, text in headers.items()}}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 1338),
            "headers": [(name.lower().encode(), text.encode()) for name, text in given.items()],
        }
        return self.app.answer(Request(scope))

    def token(self, seconds: str = "60") -> str:
        answer = self.ask("/latest/api/token", "PUT", **{TTL: seconds})
        assert answer.status_code == 200
        return bytes(answer.body).decode()

    def text(self, path: str) -> str:
        answer = self.ask(path, **{TOKEN: self.token()})
        assert answer.status_code == 200, path
        return bytes(answer.body).decode()

    def json(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.text(path))
        return content


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    installation = Installation.at(tmp_path)
    yield Machine(installation)
    installation.database.close()


def test_the_credentials_are_a_session_of_the_role_named_by_the_instance(machine: Machine) -> None:
    assert machine.text(CREDENTIALS) == "Web"
    given = machine.json(CREDENTIALS + "Web")
    assert (given["Code"], given["Type"]) == ("Success", "AWS-HMAC")
    assert given["LastUpdated"] == "2026-11-24T12:00:00Z"
    assert given["Expiration"] == "2026-11-24T18:00:00Z"
    contents, secret = session_tokens.opened(
        machine.installation.root_key, Secret(given["Token"]), given["AccessKeyId"]
    )
    assert secret.reveal() == given["SecretAccessKey"]
    assert contents.issuer_id == machine.role.role_id
    assert contents.name == machine.text("/latest/meta-data/instance-id")
    assert contents.name.startswith("i-0")
    assert len(contents.name) == 19


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/latest/meta-data/placement/region", "eu-west-1"),
        ("/latest/meta-data/placement/availability-zone", "eu-west-1a"),
        ("/latest/meta-data/iam/", "info\nsecurity-credentials/"),
        ("/latest/meta-data", "iam/\ninstance-id\nplacement/"),
    ],
)
def test_it_tells_where_the_machine_is(machine: Machine, path: str, expected: str) -> None:
    assert machine.text(path) == expected


def test_it_tells_the_profile_and_the_identity_of_the_machine(machine: Machine) -> None:
    info = machine.json("/latest/meta-data/iam/info")
    assert info["InstanceProfileArn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/web"
    assert info["InstanceProfileId"] == machine.profile.profile_id
    document = machine.json("/latest/dynamic/instance-identity/document")
    assert (document["accountId"], document["region"]) == (ACCOUNT, "eu-west-1")
    assert document["instanceId"] == machine.text("/latest/meta-data/instance-id")


def test_nothing_is_told_without_a_session_token(machine: Machine) -> None:
    for path in (CREDENTIALS, CREDENTIALS + "Web", "/latest/meta-data/", "/anything"):
        assert machine.ask(path).status_code == 401


def test_version_1_is_served_only_when_asked_for(machine: Machine) -> None:
    machine.app = replace(machine.app, door=replace(machine.app.door, allow_v1=True))
    assert machine.ask(CREDENTIALS).status_code == 200
    assert machine.ask(CREDENTIALS, **{TOKEN: "wrong"}).status_code == 401


def test_a_session_token_is_good_until_its_second_and_only_unchanged(machine: Machine) -> None:
    token = machine.token("60")
    machine.clock.moment = NOW + timedelta(seconds=59)
    assert machine.ask(CREDENTIALS, **{TOKEN: token}).status_code == 200
    prolonged = base64.urlsafe_b64encode(b"\xff" * 8 + base64.urlsafe_b64decode(token)[8:]).decode()
    for wrong in (prolonged, token[:-4], "", "ü", token * 2):
        assert machine.ask(CREDENTIALS, **{TOKEN: wrong}).status_code == 401
    machine.clock.moment = NOW + timedelta(seconds=60)
    assert machine.ask(CREDENTIALS, **{TOKEN: token}).status_code == 401


@pytest.mark.parametrize("seconds", ["0", "21601", "-1", "1.5", "", "x", "٣"])
def test_a_session_token_lives_a_second_to_six_hours(machine: Machine, seconds: str) -> None:
    assert machine.ask("/latest/api/token", "PUT", **{TTL: seconds}).status_code == 400


def test_the_answer_to_a_token_tells_its_time(machine: Machine) -> None:
    answer = machine.ask("/latest/api/token", "PUT", **{TTL: "21600"})
    assert answer.headers[TTL] == "21600"
    assert machine.ask("/latest/api/token", "PUT").status_code == 400
    assert machine.ask("/latest/api/token").status_code == 405
    assert machine.ask(CREDENTIALS, "POST", **{TOKEN: machine.token()}).status_code == 405


@pytest.mark.parametrize("headers", [{"x-forwarded-for": "192.0.2.1"}, {"host": "rebound.example.org"}])
def test_what_came_through_a_proxy_or_under_a_foreign_name_is_refused(
    machine: Machine, headers: dict[str, str]
) -> None:
    token = machine.token()
    assert machine.ask("/latest/api/token", "PUT", **{TTL: "60"}, **headers).status_code == 403
    assert machine.ask(CREDENTIALS, **{TOKEN: token}, **headers).status_code == 403
    assert machine.ask(CONTAINER, **headers).status_code == 403


def test_credentials_stay_until_near_their_end_and_are_then_new(machine: Machine) -> None:
    first = machine.json(CREDENTIALS + "Web")
    machine.clock.moment = NOW + timedelta(hours=5, minutes=40)
    assert machine.json(CREDENTIALS + "Web") == first
    machine.clock.moment += timedelta(seconds=1)
    renewed = machine.json(CREDENTIALS + "Web")
    assert renewed["AccessKeyId"] != first["AccessKeyId"]
    assert renewed["Expiration"] == "2026-11-24T23:40:01Z"


def test_a_container_gets_the_same_credentials_at_a_path_that_cannot_be_guessed(machine: Machine) -> None:
    answer = machine.ask(CONTAINER)
    assert answer.status_code == 200
    given = json.loads(bytes(answer.body))
    same = machine.json(CREDENTIALS + "Web")
    assert given["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/x/Web"
    assert {key: same[key] for key in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")} == {
        key: given[key] for key in given if key != "RoleArn"
    }
    assert machine.ask("/v2/credentials/guessed").status_code == 401


def test_a_role_that_does_not_trust_machines_is_not_given(machine: Machine) -> None:
    with machine.installation.database.write() as connection:
        roles.set_trust_policy(connection, machine.role.role_id, NOBODY)
    given = machine.json(CREDENTIALS + "Web")
    assert given["Code"] == "AssumeRoleUnauthorizedAccess"
    assert "SecretAccessKey" not in given
    assert machine.ask(CONTAINER).status_code == 403


def test_a_profile_without_role_has_no_credentials(machine: Machine) -> None:
    with machine.installation.database.write() as connection:
        instance_profiles.set_role(connection, machine.profile.profile_id, None)
    for path in (CREDENTIALS, CREDENTIALS + "Web", "/latest/meta-data/iam/info"):
        assert machine.ask(path, **{TOKEN: machine.token()}).status_code == 404
    assert machine.ask(CONTAINER).status_code == 404


def test_another_role_in_the_profile_is_given_at_once(machine: Machine) -> None:
    machine.json(CREDENTIALS + "Web")
    with machine.installation.database.write() as connection:
        other = roles.create(connection, ACCOUNT, "Other", path="/", trust_policy=TRUST, now_ms=NOW_MS)
        instance_profiles.set_role(connection, machine.profile.profile_id, other.role_id)
    assert machine.text(CREDENTIALS) == "Other"
    assert machine.ask(CREDENTIALS + "Web", **{TOKEN: machine.token()}).status_code == 404
    given = machine.json(CREDENTIALS + "Other")
    contents, _ = session_tokens.opened(
        machine.installation.root_key, Secret(given["Token"]), given["AccessKeyId"]
    )
    assert contents.issuer_id == other.role_id


def test_a_closed_account_gives_no_credentials(machine: Machine) -> None:
    with machine.installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert machine.ask(CREDENTIALS + "Web", **{TOKEN: machine.token()}).status_code == 404


class Busy(MetadataApp):
    def answer(self, request: Request) -> Response:
        raise unavailable(f"The database is too busy for {request.method}.")


def test_a_busy_database_is_answered_as_one(machine: Machine) -> None:
    app = Busy(machine.credentials, machine.clock, machine.app.door, NOW)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("a body was asked for")

    asyncio.run(app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send))
    assert sent[0]["status"] == 503
    assert (b"cache-control", b"no-store") in sent[0]["headers"]
