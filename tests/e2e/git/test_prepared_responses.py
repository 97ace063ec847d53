"""A response that was prepared for one is served to none who may not have it (any more)."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import pytest

from attacker import Answer, Attacker, Key
from e2e_names import POWER_USER
from git_attacks import ZERO, a_commit_with, command, pkt, report
from person import VENV_BIN
from service_process import ACCOUNT, Service

NUMBERS = itertools.count(1)
TIP, PACK = a_commit_with()
WORDS = (b"command=fetch", b"object-format=sha1")
ASKED = (b"no-progress", b"ofs-delta", f"want {TIP}".encode(), b"done")
CLONE = b"".join(map(pkt, WORDS)) + b"0001" + b"".join(map(pkt, ASKED)) + b"0000"


def cloned(service: Service, name: str, key: Key | None = None) -> Answer:
    return Attacker(service).git(name, "git-upload-pack", CLONE, key=key, protocol="version=2")


def responses(service: Service) -> set[Path]:
    return {path for path in (service.data / "cache").rglob("responses/*") if path.suffix != ".part"}


@pytest.fixture(scope="module")
def writer(service: Service) -> Key:
    return service.create_user("writer", POWER_USER)


@pytest.fixture
def name(service: Service) -> str:
    """Make a repository for a test, whose clone has been prepared."""
    made = f"repository-{next(NUMBERS)}"
    before = responses(service)
    service.create_repository(made)
    lines = command(ZERO, TIP, b"refs/heads/main", first=True) + b"0000"
    assert "ok refs/heads/main" in report(Attacker(service).push(made, lines, PACK))
    assert b"PACK" in cloned(service, made).body
    assert len(responses(service) - before) == 1
    return made


def assert_refused(answer: Answer, *told: str) -> None:
    assert b"PACK" not in answer.body
    assert answer.body[4:].startswith(b"ERR ")
    for words in told:
        assert words in answer.text


@pytest.mark.parametrize("actions", ["codecommit:GitPull", "kms:*"])
def test_a_deny_holds_for_what_was_prepared(service: Service, writer: Key, name: str, actions: str) -> None:
    iam = service.client("iam")
    assert cloned(service, name, writer).body == cloned(service, name).body
    statement = {"Sid": "NotNow", "Effect": "Deny", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="writer", PolicyName="Freeze", PolicyDocument=document)
    assert_refused(cloned(service, name, writer), "NotNow", actions.partition(":")[0])
    iam.delete_user_policy(UserName="writer", PolicyName="Freeze")
    assert cloned(service, name, writer).body == cloned(service, name).body


def test_a_disabled_key_closes_what_was_prepared(service: Service, name: str) -> None:
    kms = service.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    service.client("codecommit").update_repository_encryption_key(repositoryName=name, kmsKeyId=key)
    assert b"PACK" in cloned(service, name).body
    kms.disable_key(KeyId=key)
    assert_refused(cloned(service, name), "disabled")
    kms.enable_key(KeyId=key)
    assert b"PACK" in cloned(service, name).body


def test_what_was_prepared_goes_with_its_repository(service: Service, name: str) -> None:
    codecommit = service.client("codecommit")
    gone = codecommit.delete_repository(repositoryName=name)["repositoryId"]
    assert_refused(cloned(service, name), "does not exist")
    assert not (service.data / "cache" / "repositories" / gone).exists()
    service.create_repository(name)
    assert_refused(cloned(service, name), TIP)


def test_what_was_prepared_is_not_served_under_another_accounts_name(service: Service, name: str) -> None:
    words = ("account", "create", "--name", "other", "--json", "--data", str(service.data))
    done = subprocess.run([str(VENV_BIN / "moorage"), *words], capture_output=True, check=True)
    made = json.loads(done.stdout)
    other = made["accessKeyId"], made["secretAccessKey"]
    assert made["accountId"] != ACCOUNT
    assert_refused(cloned(service, name, other), "does not exist")
    service.client("codecommit", key=other).create_repository(repositoryName=name)
    assert_refused(cloned(service, name, other), TIP)
    closing = ("account", "close", made["accountId"], "--data", str(service.data))
    subprocess.run([str(VENV_BIN / "moorage"), *closing], capture_output=True, check=True)
    assert cloned(service, name, other).status == 401
