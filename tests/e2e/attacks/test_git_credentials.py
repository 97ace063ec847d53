"""Attacks on the passwords of Git: malformed, of another time, of another repository, of somebody else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from attacker import Answer, Attacker, Header, basic, request_head
from e2e.attacks.conftest import REPOSITORY, Victims, Watch
from git_attacks import ZERO, command
from moorage.core import sigv4

PATH = "/v1/repos/target"
TARGET = f"{PATH}/info/refs?service=git-upload-pack"
SIGNATURE = "20260101T000000Z" + "0" * 64


def ask(attacker: Attacker, *headers: Header, target: str = TARGET, host: str | None = None) -> Answer:
    return attacker.ask("GET", target, headers, host=host or attacker.git_host())


def assert_refused(answer: Answer) -> None:
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.text.strip()
    assert len(answer.body) < 2_000


MALFORMED = {
    "empty": "",
    "scheme alone": "Basic",
    "blank": "Basic ",
    "no base64": "Basic ????",
    "cut base64": "Basic QUtJ",
    "padding alone": "Basic ====",
    "urlsafe base64": "Basic " + base64.urlsafe_b64encode(b"\xff\xfe:\xff\xfe\xff\xff").decode(),
    "no colon": "Basic " + base64.b64encode(b"AKIAMOORAGEROOT00001").decode(),
    "colon alone": "Basic Og==",
    "bytes": "Basic " + base64.b64encode(bytes(range(256))).decode(),
    "NUL": "Basic " + base64.b64encode(b"AKIA\0X:" + SIGNATURE.encode()).decode(),
    "Latin letters": "Basic \xe4\xf6\xfc",
    "other scheme": "Bearer abc",
    "digest": 'Digest username="x"',
    "two schemes": "Basic Og==, Basic Og==",
    "tabs": "Basic\tOg==",
    "no scheme": "QUtJQTpY",
    "SigV4": "AWS4-HMAC-SHA256 Credential=AKIAMOORAGEROOT00001/20260101/us-east-2/codecommit/aws4_request",
    "nested": "Basic Basic Og==",
    "60 KB": "Basic " + "QUFB" * 15_000,
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_header_is_asked_for_again(attacker: Attacker, value: str) -> None:
    assert_refused(ask(attacker, ("Authorization", value)))


USERS = [
    ("", ""),
    ("", "x"),
    ("AKIAMOORAGEROOT00001", ""),
    ("%", SIGNATURE),
    ("%%%", SIGNATURE),
    ("AKIAMOORAGEROOT00001%", SIGNATURE),
    ("AKIAMOORAGEROOT00001%%", SIGNATURE),
    ("AKIAMOORAGEROOT00001%00", SIGNATURE),
    ("%41KIAMOORAGEROOT00001", SIGNATURE),
    ("akiamooragerootooooo1", SIGNATURE),
    ("AKIAMOORAGEROOT00001 ", SIGNATURE),
    ("AKIA' OR '1'='1", SIGNATURE),
    ("AKIA%\n", SIGNATURE),
    ("ASIAMOORAGEROOT00001%token", SIGNATURE),
    ("A" * 50_000, SIGNATURE),
    ("AKIA" + "A" * 124, SIGNATURE),
    ("\udcff\udcfe", SIGNATURE),
    ("AKIAMOORAGEROOT00001", "99999999T999999Z" + "0" * 64),
    ("AKIAMOORAGEROOT00001", "00000000T000000Z" + "0" * 64),
    ("AKIAMOORAGEROOT00001", "00010101T000000Z" + "0" * 64),
    ("AKIAMOORAGEROOT00001", "20260230T000000Z" + "0" * 64),
    ("AKIAMOORAGEROOT00001", "20260101T000000Z" + "F" * 64),
    ("AKIAMOORAGEROOT00001", SIGNATURE + "\n"),
    ("AKIAMOORAGEROOT00001", "\uff12\uff10260101T000000Z" + "0" * 64),
    ("AKIAMOORAGEROOT00001", "\ud83e\udd8a".encode("utf-16", "surrogatepass").decode("utf-16") * 1_000),
]


@pytest.mark.parametrize(("user", "password"), USERS, ids=range(len(USERS)))
def test_who_is_nobody_is_asked_again(attacker: Attacker, user: str, password: str) -> None:
    assert_refused(ask(attacker, basic(user, password)))


def test_a_secret_sent_as_a_password_is_refused_and_told_to_nobody(
    attacker: Attacker, victims: Victims
) -> None:
    assert_refused(ask(attacker, basic(*victims.root)))
    assert_refused(ask(attacker, basic(victims.root[0], victims.root[1][:-1])))


def test_one_wrong_digit_is_enough(attacker: Attacker, victims: Victims) -> None:
    _, value = attacker.password(PATH)
    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    for at in (0, 7, 13, 16, 40, len(password) - 1):
        other = "1" if password[at] == "0" else "0"
        if password[at] in "TZ":
            other = "t"
        assert_refused(ask(attacker, basic(user, password[:at] + other + password[at + 1 :])))
    assert ask(attacker, basic(user, password)).status == 200


@pytest.mark.parametrize("minutes", [-10_000_000, -60, -16, 16, 60, 10_000_000])
def test_a_password_of_another_time_is_refused(attacker: Attacker, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert_refused(ask(attacker, attacker.password(PATH, at=at)))


def test_a_password_opens_one_repository_in_one_region_of_one_account(
    attacker: Attacker, victims: Victims, watch: Watch
) -> None:
    with watch.changing():
        attacker.service.create_repository("other")
        attacker.service.create_repository(REPOSITORY, "eu-west-1")
    password = attacker.password(PATH)
    assert ask(attacker, password).status == 200
    assert_refused(ask(attacker, password, target=TARGET.replace("target", "other")))
    assert_refused(ask(attacker, password, target=TARGET.replace("target", "targe")))
    assert_refused(ask(attacker, password, host=attacker.git_host("eu-west-1")))
    assert_refused(ask(attacker, password, host=f"localhost:{attacker.service.port}"))
    assert_refused(ask(attacker, password, host="git-codecommit.us-east-2.amazonaws.com"))
    assert_refused(ask(attacker, password, host="evil.example"))
    assert_refused(ask(attacker, password, host="git-codecommit.cn-north-1.amazonaws.com.localhost"))


def test_equal_names_of_two_accounts_are_two_repositories(attacker: Attacker, victims: Victims) -> None:
    own = ask(attacker, attacker.password(PATH))
    strange = ask(attacker, attacker.password(PATH, victims.stranger))
    assert (own.status, strange.status) == (200, 200)
    assert victims.tip.encode() in own.body
    assert victims.tip.encode() not in strange.body


def test_an_object_of_another_account_cannot_be_fetched(attacker: Attacker, victims: Victims) -> None:
    body = f"0032want {victims.tip}\n00000009done\n".encode()
    for protocol in ("", "version=1", "version=2"):
        sent = body
        if protocol == "version=2":
            sent = f"0012command=fetch\n00010032want {victims.tip}\n0009done\n0000".replace(
                "0012", "0012"
            ).encode()
        answer = attacker.git(REPOSITORY, "git-upload-pack", sent, key=victims.stranger, protocol=protocol)
        assert b"PACK" not in answer.body


@pytest.mark.parametrize("phase", ["git-upload-pack", "git-receive-pack"])
def test_who_has_no_policy_may_nothing(attacker: Attacker, victims: Victims, phase: str) -> None:
    target = f"{PATH}/info/refs?service={phase}"
    answer = ask(attacker, attacker.password(PATH, victims.nobody), target=target)
    assert answer.status == 403
    body = command(ZERO, "1" * 40, b"refs/heads/a", first=True) + b"0000"
    posted = attacker.git("target", phase, body, key=victims.nobody)
    assert b"not authorized" in posted.body


def test_a_key_made_inactive_or_deleted_bites_on_the_next_request(attacker: Attacker, watch: Watch) -> None:
    with watch.changing():
        service = attacker.service
        iam = service.client("iam")
        key = service.create_user("leaver", "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
        assert ask(attacker, attacker.password(PATH, key)).status == 200
        iam.update_access_key(UserName="leaver", AccessKeyId=key[0], Status="Inactive")
        assert_refused(ask(attacker, attacker.password(PATH, key)))
        assert attacker.json("ListRepositories", {}, key=key).error == "UnrecognizedClientException"
        iam.update_access_key(UserName="leaver", AccessKeyId=key[0], Status="Active")
        assert ask(attacker, attacker.password(PATH, key)).status == 200
        iam.delete_access_key(UserName="leaver", AccessKeyId=key[0])
        assert_refused(ask(attacker, attacker.password(PATH, key)))
        again = iam.create_access_key(UserName="leaver")["AccessKey"]
        fresh = again["AccessKeyId"], again["SecretAccessKey"]
        assert ask(attacker, attacker.password(PATH, fresh)).status == 200
        policy = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
        iam.detach_user_policy(UserName="leaver", PolicyArn=policy)
        assert ask(attacker, attacker.password(PATH, fresh)).status == 403
        iam.delete_access_key(UserName="leaver", AccessKeyId=fresh[0])
        iam.delete_user(UserName="leaver")
        assert_refused(ask(attacker, attacker.password(PATH, fresh)))


def test_two_authorizations_are_one_too_many(attacker: Attacker) -> None:
    good = attacker.password(PATH)
    for pair in ((good, good), (good, basic("x", "y")), (basic("x", "y"), good)):
        assert ask(attacker, *pair).status == 400


@pytest.mark.parametrize("kilobytes", [64, 79, 81, 200, 1_000])
def test_a_header_of_any_length_is_answered(attacker: Attacker, kilobytes: int) -> None:
    user = "AKIAMOORAGEROOT00001%" + "A" * (kilobytes * 768)
    answer = ask(attacker, basic(user, SIGNATURE))
    assert answer.status in (401, 431)


def test_a_password_for_a_path_of_many_spellings_is_tried_within_bounds(attacker: Attacker) -> None:
    """Host and path are hashed for each form a client may have signed; long ones must not add up."""
    path = "/v1/repos/" + "%61" * 20_000
    target = f"{path}/info/refs?service=git-upload-pack"
    answer = ask(attacker, basic("AKIAMOORAGEROOT00001", SIGNATURE), target=target)
    assert answer.status in (401, 404)


def test_a_signature_for_another_service_is_no_password(attacker: Attacker, victims: Victims) -> None:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    host = attacker.service.host("us-east-2")
    for service in ("sts", "iam", "s3"):
        key = sigv4.signing_key(victims.root[1], now[:8], "us-east-2", service)
        scope = sigv4.credential_scope(now[:8], "us-east-2", service)
        text = f"{sigv4.ALGORITHM}\n{now}\n{scope}\n{sigv4.git_canonical_sha256(host, PATH)}"
        assert_refused(ask(attacker, basic(victims.root[0], f"{now}Z{sigv4.sign(key, text)}")))


def test_credentials_in_the_target_are_no_credentials(attacker: Attacker, victims: Victims) -> None:
    _, value = attacker.password(PATH)
    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    target = f"https://{user}:{password}@{attacker.git_host()}{TARGET}"
    head = request_head("GET", target, attacker.git_host(), [])
    assert attacker.raw(head).status in (400, 401)
