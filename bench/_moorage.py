"""A moorage of its own, as `moorage serve` starts it, spoken to over plain HTTP on loopback."""

from __future__ import annotations

import base64
import contextlib
import csv
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import _load
import boto3
from _measure import Account
from _repositories import MAIN, Git
from _rival import free_port, process, wait_for
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from moorage.core import sigv4

REGION = "us-east-1"
_HOST = "127.0.0.1"
_REFS_OF_A_PUSH = 4000  # the service's limit
_POLICY = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"


@dataclass(frozen=True)
class Moorage:
    """The running service, used by an IAM user whose rights come from an AWS-managed policy."""

    port: int
    account: Account
    access_key_id: str
    secret: str

    @property
    def endpoint(self) -> str:
        return f"http://{_HOST}:{self.port}"

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret,
        )

    def add(self, git: Git, repository: Path, name: str) -> None:
        """Make a repository and push a bare one into it.

        main is pushed by git. The other branches follow as raw requests, for git's own time grows
        with the number of its refs times that of the server's: minutes, for 20,000.
        """
        self.client("codecommit").create_repository(repositoryName=name)
        git("push", "--quiet", self.url(name), MAIN, at=repository)
        lines = git("for-each-ref", "--format=%(objectname) %(refname)", at=repository).splitlines()
        others = [line for line in lines if not line.endswith(f" {MAIN}")]
        for start in range(0, len(others), _REFS_OF_A_PUSH):
            part = others[start : start + _REFS_OF_A_PUSH]
            request = _load.made_refs(self.port, self.path(name), self.authorization(name), part)
            _load.run(self.port, [request], [200], connections=1, exchanges=1)

    def path(self, name: str) -> str:
        return f"/v1/repos/{name}"

    def password(self, name: str) -> str:
        """Return a fresh Git password, as the AWS CLI's credential helper makes them."""
        return sigv4.git_password(
            _HOST, self.path(name), secret=self.secret, region=REGION, now=datetime.now(UTC)
        )

    def url(self, name: str) -> str:
        """Return a repository's URL, with user and password in it."""
        credential = f"{quote(self.access_key_id, safe='')}:{quote(self.password(name), safe='')}"
        return f"http://{credential}@{_HOST}:{self.port}{self.path(name)}"

    def authorization(self, name: str) -> str:
        """Return the value of the Authorization header."""
        return "Basic " + base64.b64encode(f"{self.access_key_id}:{self.password(name)}".encode()).decode()

    def signed_call(self, operation: str, body: bytes) -> bytes:
        """Return a CodeCommit request, signed now, as the bytes that go over the wire."""
        return self.signed_call_at(self.port, operation, body)

    def signed_call_at(self, port: int, operation: str, body: bytes) -> bytes:
        """Return the same for any port of this machine."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"CodeCommit_20150413.{operation}",
        }
        return self._signed(port, "codecommit", headers, body)

    def signed_form(self, port: int, service: str, body: bytes) -> bytes:
        """Return a request of a Query service at any port of this machine, signed now."""
        return self._signed(port, service, {"Content-Type": "application/x-www-form-urlencoded"}, body)

    def _signed(self, port: int, service: str, headers: dict[str, str], body: bytes) -> bytes:
        request = AWSRequest(
            "POST",
            f"http://{_HOST}:{port}/",
            headers={**headers, "Host": f"{_HOST}:{port}"},
            data=body,
        )
        SigV4Auth(Credentials(self.access_key_id, self.secret), service, REGION).add_auth(request)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def running(folder: Path, *settings: str) -> Iterator[Moorage]:
    """Serve until the block ends. Every setting is the default one, but for those given."""
    data, port = folder / "data", free_port()
    command = [str(Path(sys.executable).with_name("moorage")), "serve", "--data", str(data)]
    command += ["--https", f"{_HOST}:{free_port()}", "--http", f"{_HOST}:{port}", *settings]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    folder.mkdir()
    with (
        contextlib.closing(Account("moorage")) as account,
        process(command, environment, account, folder / "log"),
    ):
        wait_for(port)
        # It binds first and accepts when all is there: this is answered then.
        urllib.request.urlopen(f"http://{_HOST}:{port}/readyz", timeout=30).close()
        with (data / "root-credentials.csv").open() as file:
            key, secret = list(csv.reader(file))[1]
        root = Moorage(port, account, key, secret)
        yield Moorage(port, account, *_user(root))


def _user(root: Moorage) -> tuple[str, str]:
    """Make a user that may push, pull and read, and an access key for it."""
    iam = root.client("iam")
    iam.create_user(UserName="bench")
    iam.attach_user_policy(UserName="bench", PolicyArn=_POLICY)
    # PowerUser may push and pull, and manage repositories short of deleting them.
    key = iam.create_access_key(UserName="bench")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
