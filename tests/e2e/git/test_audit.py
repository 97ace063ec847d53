"""What happens at the Git door can be read in the audit: who, what, of which repository, and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from attacker import Attacker, Key
from e2e_names import POWER_USER
from git_attacks import ZERO, a_commit_with, command, pkt, report
from moorage.storage import audit
from moorage.storage.audit import AuditEvent
from moorage.storage.database import Database
from service_process import ACCOUNT, Service

NAME = "watched"
ARN = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:{NAME}"
TIP, PACK = a_commit_with()
CLONE = pkt(f"want {TIP}\n".encode()) + b"0000" + pkt(b"done\n")


def push(branch: str) -> tuple[bytes, bytes]:
    return command(ZERO, TIP, f"refs/heads/{branch}".encode(), first=True) + b"0000", PACK


@pytest.fixture(scope="module")
def writer(service: Service) -> Key:
    service.create_repository(NAME)
    key = service.create_user("writer", POWER_USER)
    guard = {
        "Sid": "Guard",
        "Effect": "Deny",
        "Action": "codecommit:GitPush",
        "Resource": "*",
        "Condition": {"StringEquals": {"codecommit:References": "refs/heads/guarded"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [guard]})
    service.client("iam").put_user_policy(UserName="writer", PolicyName="G", PolicyDocument=document)
    return key


def row(service: Service, which: Callable[[AuditEvent], bool]) -> tuple[AuditEvent, dict[str, Any]]:
    """Return the newest row that is meant; what is no change is written within a second or so."""
    database = Database.open(f"sqlite:///{service.data}/moorage.db")
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            with database.read() as connection:
                events = audit.recent(connection, ACCOUNT)
            for event in events:
                if which(event):
                    return event, json.loads(event.detail)
            time.sleep(0.05)  # the batch is written by a thread of another process
    finally:
        database.close()
    raise AssertionError("the audit has no such row")


def test_a_push_is_kept_with_the_refs_that_it_moved(service: Service, writer: Key) -> None:
    answer = Attacker(service).git(NAME, "git-receive-pack", b"".join(push("kept")), key=writer)
    assert "ok refs/heads/kept" in report(answer)
    event, detail = row(
        service, lambda event: (event.action, event.outcome) == ("codecommit:GitPush", "allowed")
    )
    assert event.principal_arn == f"arn:aws:iam::{ACCOUNT}:user/writer"
    assert event.resource_arn == ARN
    assert detail["references"] == [{"ref": "refs/heads/kept", "commit": TIP}]


def test_a_refused_ref_is_kept_with_the_statement(service: Service, writer: Key) -> None:
    answer = Attacker(service).git(NAME, "git-receive-pack", b"".join(push("guarded")), key=writer)
    assert "ng refs/heads/guarded" in report(answer)
    event, detail = row(service, lambda event: event.outcome == "denied" and "guarded" in event.detail)
    assert (event.action, event.resource_arn) == ("codecommit:GitPush", ARN)
    assert "Guard" in event.detail
    assert detail["requestId"] in report(answer)


@pytest.mark.usefixtures("writer")
def test_a_fetch_is_kept_and_so_is_one_that_was_refused(service: Service) -> None:
    attacker = Attacker(service)
    attacker.push(NAME, *push("fetched"))
    assert b"PACK" in attacker.git(NAME, "git-upload-pack", CLONE).body
    event, _ = row(service, lambda event: event.action == "codecommit:GitPull")
    assert (event.outcome, event.resource_arn) == ("allowed", ARN)
    nobody = service.create_user("nobody")
    assert attacker.git(NAME, "git-upload-pack", CLONE, key=nobody).body[4:].startswith(b"ERR")
    event, _ = row(service, lambda event: (event.action, event.outcome) == ("codecommit:GitPull", "denied"))
    assert event.principal_arn == f"arn:aws:iam::{ACCOUNT}:user/nobody"


def test_a_keys_last_use_is_that_of_git_too(service: Service, writer: Key) -> None:
    Attacker(service).git(NAME, "git-receive-pack", b"0000", key=writer)
    iam = service.client("iam")
    deadline = time.monotonic() + 20
    used: dict[str, Any] = {}
    while used.get("ServiceName") != "codecommit" and time.monotonic() < deadline:
        used = iam.get_access_key_last_used(AccessKeyId=writer[0])["AccessKeyLastUsed"]
        time.sleep(0.05)  # written in a batch
    assert (used["ServiceName"], used["Region"]) == ("codecommit", "us-east-2")
