"""`moorage serve` as an operator meets it: first start, second start, refusals, workers, the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from service_process import Service, free_port, root_credentials, serving

MOORAGE = Path(sys.executable).with_name("moorage")
EMPTY = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
NO_ROOT = {"MOORAGE_ROOT_ACCESS_KEY_ID": "", "MOORAGE_ROOT_SECRET_ACCESS_KEY": ""}


def _fetch(service: Service, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        service.endpoint + path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    context = ssl.create_default_context(cafile=str(service.ca))
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _serve_in_vain(*arguments: object, **environment: str) -> str:
    """Run a `moorage serve` that must refuse; return its one line."""
    done = subprocess.run(
        [MOORAGE, "serve", *map(str, arguments)],
        env={**EMPTY, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def _arn(service: Service, key: tuple[str, str]) -> str:
    arn: str = service.client("sts", key=key).get_caller_identity()["Arn"]
    return arn


def _wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # a process gives no sign but what it does


def _workers(service: Service) -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(service.process.pid)], capture_output=True, text=True, check=False
    )
    return {int(word) for word in listed.stdout.split()}


def test_a_first_start_makes_root_credentials_that_a_second_start_keeps(tmp_path: Path) -> None:
    with serving(tmp_path, environment=NO_ROOT, with_tables=False) as service:
        key = root_credentials(service.data)
        arn = _arn(service, key)
        assert stat.S_IMODE((service.data / "root-credentials.csv").stat().st_mode) == 0o600
        assert stat.S_IMODE(service.data.stat().st_mode) == 0o700
        assert key[1] not in service.log, "a secret does not go where output is collected"
        ca = service.ca.read_bytes()
        assert service.stop() == 0
        service.restart()
        assert root_credentials(service.data) == key
        assert _arn(service, key) == arn
        assert service.ca.read_bytes() == ca


def test_nothing_in_the_data_folder_can_be_read_by_others(tmp_path: Path) -> None:
    with serving(tmp_path, with_tables=False) as service:
        service.create_repository("a")
        public = {"ca.pem", "server.pem"}
        for path in service.data.rglob("*"):
            if path.is_file() and path.name not in public:
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_service_on_the_same_data_is_kept_out(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        line = _serve_in_vain("--data", service.data, "--https", f"127.0.0.1:{free_port()}")
        assert f"in use by another moorage service (process {service.process.pid})" in line
        assert _fetch(service, "/readyz")[0] == 200


def test_an_address_in_use_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        line = _serve_in_vain("--data", tmp_path / "other", "--https", f"127.0.0.1:{service.port}")
        assert line.startswith(f"moorage serve: --https: cannot listen on 127.0.0.1:{service.port}")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--https", "0.0.0.0:8443"), "--tls-cert"),
        (("--http", "0.0.0.0:8080"), "--http"),
        (("--test-mode", "--workers", "2"), "--test-mode"),
        (("--region", "mars-north-1"), "--extra-region"),
        (("--root-key", "env:NOWHERE"), "--root-key"),
        (("--account-id", "12"), "--account-id"),
    ],
)
def test_wrong_settings_end_the_start_at_once_with_their_name(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    line = _serve_in_vain("--data", tmp_path / "data", "--https", f"127.0.0.1:{free_port()}", *arguments)
    assert line.startswith("moorage serve: ")
    assert named in line


def test_data_without_its_root_key_is_not_served(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.stop()
        (service.data / "root.key").unlink()
        line = _serve_in_vain("--data", service.data, "--https", f"127.0.0.1:{service.port}")
        assert "root.key is missing" in line


def test_a_killed_worker_is_replaced_while_the_other_serves(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        _wait_for(lambda: len(_workers(service)) == 2)
        before = _workers(service)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        for _ in range(10):
            assert _fetch(service, "/healthz")[0] == 200
        _wait_for(lambda: len(_workers(service)) == 2 and victim not in _workers(service))
        assert _arn(service, (service.key_id, service.secret)).endswith(":root")


def test_workers_add_their_metrics_up(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        for _ in range(20):
            assert _fetch(service, "/version")[0] == 200
        token = (service.data / "metrics-token").read_text().strip()
        content = _fetch(service, "/metrics", Authorization=f"Bearer {token}")[1].decode()
        line = next(line for line in content.splitlines() if line.startswith("moorage_request_seconds_count"))
        assert float(line.split()[-1]) >= 20
        assert _fetch(service, "/metrics")[0] == 401


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_lets_a_request_under_way_finish_and_takes_no_more(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers) as service:
        context = ssl.create_default_context(cafile=str(service.ca))
        raw = socket.create_connection(("127.0.0.1", service.port))
        slow = context.wrap_socket(raw, server_hostname="localhost")
        slow.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n12345"
        )
        # The server asks for the body once it reads it: the request is under way.
        assert slow.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        service.process.send_signal(signal.SIGTERM)
        _wait_for(lambda: not _accepts(service.port))
        slow.sendall(b"67890")
        assert slow.recv(100).startswith(b"HTTP/1.1 403 ")
        slow.close()
        assert service.process.wait(15) == 0


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionError:
        return False
    return True


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert _arn(service, (service.key_id, service.secret))  # boto3 keeps its connection
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 5


def test_accounts_are_made_and_closed_while_the_service_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        made = json.loads(_account("create", "--name", "second", "--json", "--data", service.data))
        key = (made["accessKeyId"], made["secretAccessKey"])
        assert _arn(service, key) == f"arn:aws:iam::{made['accountId']}:root"
        _account("close", made["accountId"], "--data", service.data)
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
            _arn(service, key)


def _account(*arguments: object) -> str:
    done = subprocess.run(
        [MOORAGE, "account", *map(str, arguments)], env=EMPTY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_http_is_served_on_loopback_when_asked_for(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, "--http", f"127.0.0.1:{port}") as service:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.read() == b"ok\n"
        plain: Any = boto3.client(
            "sts",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=service.key_id,
            aws_secret_access_key=service.secret,
        )
        assert plain.get_caller_identity()["Arn"].endswith(":root")


@pytest.mark.parametrize(("trusted", "told"), [("127.0.0.0/8", "192.0.2.9"), ("192.0.2.1", "127.0.0.1")])
def test_only_a_trusted_proxy_says_who_the_client_is(tmp_path: Path, trusted: str, told: str) -> None:
    with serving(tmp_path, "--trusted-proxy", trusted) as service:
        _fetch(service, "/version", X_Forwarded_For="192.0.2.9", X_Forwarded_Proto="http")
        _wait_for(lambda: '"/version"' in service.log)  # the line follows its answer
        line = next(line for line in service.log.splitlines() if '"/version"' in line)
        assert json.loads(line)["client"] == told


def test_clone_urls_come_from_the_public_url_and_never_from_the_host_header(tmp_path: Path) -> None:
    with serving(tmp_path, "--public-url", "https://git.example.org") as service:
        made = service.client("codecommit").create_repository(repositoryName="a")["repositoryMetadata"]
        assert made["cloneUrlHttp"] == "https://git.example.org/v1/repos/a"


def test_the_log_is_json_and_shows_neither_credentials_nor_query_strings(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        _fetch(service, "/?X-Amz-Signature=topsecret&password=topsecret", Authorization="Basic dG9wc2VjcmV0")
        _fetch(service, "/v1/repos/a/info/refs?service=git-upload-pack", Authorization="Basic dG9wc2VjcmV0")
        _wait_for(lambda: "/v1/repos/a/info/refs" in service.log)  # a line follows its answer
        lines = [line for line in service.log.splitlines() if line.startswith("{")]
        assert len(lines) >= 2
        for line in lines:
            assert json.loads(line)["timestamp"]
        assert "topsecret" not in service.log
        assert "dG9wc2VjcmV0" not in service.log


def test_the_start_page_is_served_to_browsers(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        status, page = _fetch(service, "/")
        assert status == 200
        assert f"git clone {service.url('NAME', 'us-east-1')}".encode() in page
        assert service.secret.encode() not in page
