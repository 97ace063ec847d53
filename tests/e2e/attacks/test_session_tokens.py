"""Attacks on temporary credentials at both doors: changed, swapped, outlived, and signed beside the mark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from attacker import REGION, Answer, Attacker, Key, Signing, basic, json_headers, query_fields
from e2e.attacks.conftest import Victims, Watch
from moorage.core import sigv4
from service_process import ACCOUNT, Service

TOKEN = "X-Amz-Security-Token"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/visitor"
PATH = "/v1/repos/target"


@dataclass(frozen=True)
class Session:
    key: Key
    token: str


@dataclass
class Doors:
    """Both ways in, with whatever token."""

    attacker: Attacker

    def api(self, key: Key, token: str | None) -> Answer:
        extra = [] if token is None else [(TOKEN, token)]
        signing = Signing(key, "codecommit", extra=extra)
        body = json.dumps({"repositoryName": "target"}).encode()
        return self.attacker.signed(signing, json_headers("GetRepository"), body)

    def git(self, key: Key, token: str | None) -> Answer:
        host = self.attacker.service.host(REGION)
        password = sigv4.git_password(host, PATH, secret=key[1], region=REGION, now=datetime.now(UTC))
        user = key[0] if token is None else f"{key[0]}%{token}"
        target = f"{PATH}/info/refs?service=git-upload-pack"
        return self.attacker.ask("GET", target, [basic(user, password)], host=self.attacker.git_host())

    def assume(self, key: Key, role: str = ROLE, token: str | None = None) -> Answer:
        fields = query_fields("sts", "AssumeRole", {"RoleArn": role, "RoleSessionName": "night"})
        extra = [] if token is None else [(TOKEN, token)]
        content = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        return self.attacker.signed(Signing(key, "sts", extra=extra), form, content)

    def opened(self, key: Key, role: str = ROLE) -> Session:
        answer = self.assume(key, role)
        assert answer.status == 200, answer
        found = {each.tag.rpartition("}")[2]: each.text or "" for each in ET.fromstring(answer.body).iter()}
        return Session((found["AccessKeyId"], found["SecretAccessKey"]), found["SessionToken"])

    def assert_shut(self, key: Key, token: str | None, *, code: str = "UnrecognizedClientException") -> None:
        answer = self.api(key, token)
        assert answer.status in {400, 403}, answer
        assert answer.error in {code, "InvalidClientTokenId", "InvalidSignatureException"}, answer
        answer = self.git(key, token)
        assert answer.status == 401, answer
        assert answer.headers["www-authenticate"].startswith("Basic")

    def assert_open(self, session: Session) -> None:
        assert self.api(session.key, session.token).status == 200
        assert self.git(session.key, session.token).status == 200


@pytest.fixture
def doors(attacker: Attacker) -> Doors:
    return Doors(attacker)


def make_role(service: Service, trusted: Mapping[str, str], name: str = "visitor") -> None:
    statement = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    iam = service.client("iam")
    iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement})
    )
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")


def remove_role(service: Service, name: str = "visitor") -> None:
    iam = service.client("iam")
    iam.detach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
    iam.delete_role(RoleName=name)


@pytest.fixture(scope="module", autouse=True)
def _roles(service: Service, victims: Victims) -> Iterator[None]:
    del victims
    make_role(service, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"})
    yield
    remove_role(service)


def test_the_session_that_the_others_are_made_from_is_good(doors: Doors, victims: Victims) -> None:
    doors.assert_open(doors.opened(victims.reader))


def test_every_character_of_a_token_counts(doors: Doors, victims: Victims) -> None:
    session = doors.opened(victims.reader)
    token = session.token
    for place in range(0, len(token), 11):
        other = "A" if token[place] != "A" else "B"
        doors.assert_shut(session.key, token[:place] + other + token[place + 1 :])


MANGLED = {
    "none": "",
    "cut": "half",
    "doubled": "twice",
    "longer": "more",
    "padded": "=",
    "a space": " ",
    "another alphabet": "urlsafe",
    "nonsense": "!!!!",
    "one byte": "AA==",
    "too long": "long",
}


@pytest.mark.parametrize("way", MANGLED)
def test_a_token_of_another_shape_is_refused(doors: Doors, victims: Victims, way: str) -> None:
    session = doors.opened(victims.reader)
    token = session.token
    made = {
        "cut": token[: len(token) // 2],
        "doubled": token * 2,
        "longer": token + "AAAA",
        "padded": token + "====",
        "a space": token[:40] + " " + token[40:],
        "another alphabet": token.replace("+", "-").replace("/", "_") + "--__",
        "too long": "A" * 40_000,
    }
    doors.assert_shut(session.key, made.get(way, MANGLED[way]))


def test_a_token_goes_with_its_own_key_alone(doors: Doors, victims: Victims, service: Service) -> None:
    one, two = doors.opened(victims.reader), doors.opened(victims.reader)
    stranger = service.client("sts", key=victims.stranger).get_session_token()["Credentials"]
    theirs = Session((stranger["AccessKeyId"], stranger["SecretAccessKey"]), stranger["SessionToken"])
    for key, token in (
        (one.key, two.token),
        (one.key, theirs.token),
        (theirs.key, one.token),
        ((one.key[0], two.key[1]), one.token),
        ((one.key[0], victims.reader[1]), one.token),
        ((one.key[0].replace("ASIA", "AKIA"), one.key[1]), one.token),
        ((one.key[0].lower(), one.key[1]), one.token),
        (one.key, None),
        (victims.reader, one.token),
        (victims.root, one.token),
        ((victims.reader[0].replace("AKIA", "ASIA"), victims.reader[1]), one.token),
    ):
        doors.assert_shut(key, token)


def test_a_token_must_be_among_what_is_signed(doors: Doors, victims: Victims) -> None:
    session = doors.opened(victims.reader)
    signing = Signing(session.key, "codecommit", loose=[(TOKEN, session.token)])
    answer = doors.attacker.signed(signing, json_headers("GetRepository"), b'{"repositoryName": "target"}')
    assert answer.error == "InvalidSignatureException"
    twice = Signing(session.key, "codecommit", extra=[(TOKEN, session.token), (TOKEN, session.token)])
    answer = doors.attacker.signed(twice, json_headers("GetRepository"), b'{"repositoryName": "target"}')
    assert answer.status in {400, 403}


def test_a_session_of_another_account_reaches_nothing_here(
    doors: Doors, victims: Victims, service: Service
) -> None:
    made = service.client("sts", key=victims.stranger).get_session_token()["Credentials"]
    key = made["AccessKeyId"], made["SecretAccessKey"]
    answer = doors.api(key, made["SessionToken"])
    theirs = json.loads(answer.body)["repositoryMetadata"]  # its own, of the same name
    assert theirs["accountId"] != ACCOUNT
    assert victims.tip not in doors.git(key, made["SessionToken"]).text
    assert doors.assume(key, token=made["SessionToken"]).status == 403


def test_a_role_made_again_revives_no_session(
    doors: Doors, victims: Victims, service: Service, watch: Watch
) -> None:
    with watch.changing():
        make_role(service, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"}, "passing")
    session = doors.opened(victims.reader, ROLE.replace("visitor", "passing"))
    doors.assert_open(session)
    with watch.changing():
        remove_role(service, "passing")
    doors.assert_shut(session.key, session.token)
    with watch.changing():
        make_role(service, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"}, "passing")
    doors.assert_shut(session.key, session.token)
    with watch.changing():
        remove_role(service, "passing")


def test_a_user_made_again_is_neither_trusted_nor_its_session_revived(
    doors: Doors, service: Service, watch: Watch
) -> None:
    def made() -> Key:
        return service.create_user("shortlived", "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")

    def gone(key: Key) -> None:
        iam = service.client("iam")
        iam.delete_access_key(UserName="shortlived", AccessKeyId=key[0])
        iam.detach_user_policy(
            UserName="shortlived", PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
        )
        iam.delete_user(UserName="shortlived")

    with watch.changing():
        first = made()
        make_role(service, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/shortlived"}, "theirs")
    role = ROLE.replace("visitor", "theirs")
    opened = service.client("sts", key=first).get_session_token()["Credentials"]
    own = Session((opened["AccessKeyId"], opened["SecretAccessKey"]), opened["SessionToken"])
    doors.assert_open(own)
    doors.assert_open(doors.opened(first, role))
    with watch.changing():
        gone(first)
        second = made()
    doors.assert_shut(own.key, own.token)
    assert doors.assume(second, role).status == 403
    with watch.changing():
        gone(second)
        remove_role(service, "theirs")


def test_git_credentials_are_guessed_at_in_the_dark(doors: Doors, service: Service, watch: Watch) -> None:
    with watch.changing():
        iam = service.client("iam")
        made = iam.create_service_specific_credential(
            UserName="reader", ServiceName="codecommit.amazonaws.com"
        )["ServiceSpecificCredential"]
        iam.update_service_specific_credential(
            UserName="reader",
            ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"],
            Status="Inactive",
        )
    name = made["ServiceUserName"]
    target = f"{PATH}/info/refs?service=git-upload-pack"
    told = set()
    for user in (name, name.upper(), f"{name}x", "nobody-at-" + ACCOUNT, "reader", "x" * 60, f"{name} "):
        for password in ("wrong", "x" * 44, "x" * 1_000):
            answer = doors.attacker.ask(
                "GET", target, [basic(user, password)], host=doors.attacker.git_host()
            )
            kept = {key: value for key, value in answer.headers.items() if key not in NEW_EACH_TIME}
            text = answer.text.split("request ")[0]
            told.add((answer.status, tuple(sorted(kept.items())), text.replace(user, "USER")))
    assert {status for status, _, _ in told} == {401}
    assert len(told) == 1, told
    with watch.changing():
        iam.delete_service_specific_credential(
            UserName="reader", ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"]
        )


NEW_EACH_TIME = {"date", "x-amzn-requestid", "content-length"}
