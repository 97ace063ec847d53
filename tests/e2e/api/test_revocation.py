"""What one worker takes away, the other refuses at its very next request."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from service_process import ACCOUNT, Service, serving

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
# Connections that are open at once: the kernel deals them out among the workers.
CONNECTIONS = 12


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("two"), "--workers", "2") as up:
        yield up


@pytest.fixture
def lines(service: Service) -> Iterator[list[HTTPSConnection]]:
    """Connections that stay with the workers that took them."""
    context = ssl.create_default_context(cafile=str(service.ca))
    made = [
        HTTPSConnection("localhost", service.port, context=context, timeout=30) for _ in range(CONNECTIONS)
    ]
    # Opened at the same time, so that no worker is idle for all of them.
    threads = [threading.Thread(target=line.connect) for line in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield made
    for line in made:
        line.close()


def ask(line: HTTPSConnection, service: Service, credentials: Credentials) -> tuple[int, str]:
    request = AWSRequest("POST", f"{service.endpoint}/", data=BODY)
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(credentials, "sts", "us-east-1").add_auth(request)
    line.request("POST", "/", BODY, dict(request.headers.items()))
    answer = line.getresponse()
    return answer.status, answer.read().decode()


def of(answer: dict[str, Any]) -> Credentials:
    shown = answer["Credentials"]
    return Credentials(shown["AccessKeyId"], shown["SecretAccessKey"], shown["SessionToken"])


def assert_all(lines: list[HTTPSConnection], service: Service, credentials: Credentials, says: str) -> None:
    for line in lines:
        _, body = ask(line, service, credentials)
        assert says in body


def test_a_deleted_key_a_deleted_user_and_a_deleted_role_are_refused_by_every_worker(
    service: Service, lines: list[HTTPSConnection]
) -> None:
    iam = service.client("iam")
    key_id, secret = service.create_user("mary")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/mary"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    sts = service.client("sts", key=(key_id, secret))
    of_role = of(sts.assume_role(RoleArn=role, RoleSessionName="nightly"))
    of_mary = of(sts.get_session_token())
    long_term = Credentials(key_id, secret)
    for credentials in (long_term, of_role, of_mary):
        assert_all(lines, service, credentials, "<Arn>")

    iam.delete_access_key(UserName="mary", AccessKeyId=key_id)
    assert_all(lines, service, long_term, "InvalidClientTokenId")
    assert_all(lines, service, of_mary, "<Arn>")
    iam.delete_role(RoleName="build")
    assert_all(lines, service, of_role, "InvalidClientTokenId")
    iam.delete_user(UserName="mary")
    assert_all(lines, service, of_mary, "InvalidClientTokenId")
