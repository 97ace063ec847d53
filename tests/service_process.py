"""Starts `moorage serve` as an operator does: a process, a data folder, a port."""

from __future__ import annotations

import contextlib
import csv
import functools
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from moorage.storage.database import Database

ROOT_KEY_ID = "AKIAMOORAGEROOT00001"
ROOT_SECRET = "moorage/root+Secret/Key+0123456789abcdefg"
ACCOUNT = "123456789012"
DOMAIN = "amazonaws.com.localhost"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass
class Service:
    """A service that is up, and what a client needs to know of it."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    key_id: str = ROOT_KEY_ID
    secret: str = ROOT_SECRET
    clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    @property
    def ca(self) -> Path:
        return self.data / "ca.pem"

    @property
    def endpoint(self) -> str:
        """What Python clients are given: they do not resolve names under localhost."""
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.data.parent / "serve.log").read_text(errors="replace")

    def host(self, region: str) -> str:
        # AWS's Chinese names end in .cn; here the partition follows the region, the domain stays one.
        return f"git-codecommit.{region}.{DOMAIN}"

    def url(self, name: str, region: str = "us-east-2") -> str:
        return f"https://{self.host(region)}:{self.port}/v1/repos/{name}"

    def client(self, service: str, region: str = "us-east-2", key: tuple[str, str] | None = None) -> Any:
        """A boto3 client: of the root user, unless another key is given."""
        key_id, secret = key or (self.key_id, self.secret)
        which = (service, region, key_id)
        if which not in self.clients:
            self.clients[which] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                verify=str(self.ca),
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
            )
        return self.clients[which]

    def create_repository(self, name: str, region: str = "us-east-2") -> str:
        """Create a repository as root; return its clone URL."""
        self.client("codecommit", region).create_repository(repositoryName=name)
        return self.url(name, region)

    def create_user(self, name: str, *policy_arns: str) -> tuple[str, str]:
        """Create an IAM user with managed policies; return its access key and secret."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for arn in policy_arns:
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the whole service at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def restart(self) -> None:
        """Start again on the same data folder and port."""
        self.process = _start(self.data, self.port, self.arguments, self.environment)
        _wait_until_ready(self)


@contextlib.contextmanager
def serving(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    with_tables: bool = True,
) -> Iterator[Service]:
    """Serve from `folder`/data until the block ends, then check that SIGTERM ends it cleanly.

    With `with_tables` a new folder has the empty tables already, unless `arguments` name a database.
    """
    data = folder / "data"
    if with_tables and not data.exists() and "--database" not in arguments:
        data.mkdir(mode=0o700)
        (data / "moorage.db").touch(0o600)
        (data / "moorage.db").write_bytes(empty_tables())
    port = free_port()
    settings = {
        "MOORAGE_ROOT_ACCESS_KEY_ID": ROOT_KEY_ID,
        "MOORAGE_ROOT_SECRET_ACCESS_KEY": ROOT_SECRET,
        "MOORAGE_ACCOUNT_ID": ACCOUNT,
        **(environment or {}),
    }
    service = Service(data, port, _start(data, port, arguments, settings), arguments, settings)
    try:
        _wait_until_ready(service)
        yield service
        if service.process.poll() is None:
            assert service.stop() in (0, -signal.SIGTERM), service.log[-4000:]
    finally:
        service.kill()


@functools.cache
def empty_tables() -> bytes:
    """Migrate once: each start that does it takes a third of a second more, most of it for Alembic."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "moorage.db")
        database = Database.open(f"sqlite:///{file}")
        database.migrate()
        database.close()
        return file.read_bytes()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def root_credentials(data: Path) -> tuple[str, str]:
    """Read the file that a first start without a preset root key leaves."""
    with (data / "root-credentials.csv").open(encoding="utf-8-sig") as file:
        row = next(csv.DictReader(file))
    return row["Access key ID"], row["Secret access key"]


def _start(
    data: Path, port: int, arguments: tuple[str, ...], settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("moorage")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **settings}
    with (data.parent / "serve.log").open("ab") as log:
        return subprocess.Popen(
            [program, "serve", "--data", data, "--https", f"127.0.0.1:{port}", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"moorage serve ended at once:\n{service.log[-4000:]}")
        if service.ca.exists() and _is_ready(service):
            return
        time.sleep(0.05)  # a process tells nobody that it is ready but by answering
    raise AssertionError(f"moorage serve was not ready in {READY_SECONDS:.0f} s:\n{service.log[-4000:]}")


def _is_ready(service: Service) -> bool:
    try:
        context = ssl.create_default_context(cafile=str(service.ca))
        with urllib.request.urlopen(f"{service.endpoint}/readyz", context=context, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
