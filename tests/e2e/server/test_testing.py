"""The public fixtures, used as any user's suite would, and what test mode refuses."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from moorage.testing import ACCOUNT_ID, Server, server


def _client(moorage: Server, service: str, region: str | None = None) -> Any:
    return boto3.client(service, **moorage.boto3_arguments(region))


def test_the_root_user_of_the_usual_account_calls(moorage: Server) -> None:
    assert _client(moorage, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:root"


def test_git_clones_and_pushes_with_the_environment_given(moorage: Server, tmp_path: Path) -> None:
    _client(moorage, "codecommit").create_repository(repositoryName="a")
    presets = {
        "HTTPS_PROXY": "http://localhost:9",
        "https_proxy": "http://localhost:9",
        "AWS_PROFILE": "work",
        "AWS_DEFAULT_PROFILE": "work",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "GIT_SSL_CAINFO": "/etc/ssl/certs/ca-certificates.crt",
    }
    environment = moorage.environment({**os.environ, **presets}) | {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    git = shutil.which("git")
    assert git is not None

    def run(*arguments: str) -> None:
        subprocess.run([git, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)

    run("clone", moorage.clone_url("a"), "one")
    run("-C", "one", "commit", "--allow-empty", "-m", "first")
    run("-C", "one", "push", "origin", "HEAD:refs/heads/main")
    run("clone", moorage.clone_url("a"), "two")
    assert (tmp_path / "two/.git/refs/heads/main").exists()


def test_the_environment_given_leads_nowhere_else(moorage: Server) -> None:
    base = {
        "AWS_ENDPOINT_URL_STS": "http://localhost:9",
        "AWS_DEFAULT_PROFILE": "work",
        "NO_PROXY": "intranet",
    }
    made = moorage.environment(base)
    assert made.keys().isdisjoint({"AWS_ENDPOINT_URL_STS", "AWS_DEFAULT_PROFILE"})
    assert made["NO_PROXY"] == "localhost,intranet"


def test_a_reset_leaves_an_empty_account_within_a_tenth_of_a_second(moorage: Server) -> None:
    iam, codecommit = _client(moorage, "iam"), _client(moorage, "codecommit")
    iam.create_user(UserName="demo")
    key = iam.create_access_key(UserName="demo")["AccessKey"]
    for number in range(5):
        codecommit.create_repository(repositoryName=f"r{number}")
    moorage.reset()  # opens the connection's way: certificates are read once
    codecommit.create_repository(repositoryName="again")
    started = time.perf_counter()
    moorage.reset()
    assert time.perf_counter() - started < 0.1
    assert codecommit.list_repositories()["repositories"] == []
    assert iam.list_users()["Users"] == []
    assert not [path for path in (moorage.data / "blobs").rglob("*") if path.is_file()]
    user = boto3.client(
        "sts",
        **{
            **moorage.boto3_arguments(),
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        },
    )
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
        user.get_caller_identity()


def test_a_reset_gives_back_a_root_key_that_was_deleted(moorage: Server) -> None:
    iam = _client(moorage, "iam")
    iam.delete_access_key(AccessKeyId=moorage.access_key_id)
    with pytest.raises(botocore.exceptions.ClientError):
        iam.list_users()
    moorage.reset()
    assert iam.list_users()["Users"] == []


def test_a_name_is_free_again_after_a_reset_and_its_repository_is_empty(
    moorage: Server, tmp_path: Path
) -> None:
    codecommit = _client(moorage, "codecommit")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]

    def run(*arguments: str) -> str:
        command, environment = [*git, *arguments], moorage.environment()
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    run("init", "--quiet")
    run("commit", "--quiet", "--allow-empty", "--message", "first")
    made = set()
    for _ in range(2):
        metadata = codecommit.create_repository(repositoryName="a")["repositoryMetadata"]
        made.add(metadata["repositoryId"])
        assert run("ls-remote", moorage.clone_url("a")) == ""
        run("push", "--quiet", moorage.clone_url("a"), "HEAD:refs/heads/main")
        assert "refs/heads/main" in run("ls-remote", moorage.clone_url("a"))
        moorage.reset()
    assert len(made) == 2


def test_the_clock_is_shifted_and_a_reset_sets_it_right(moorage: Server) -> None:
    sts = _client(moorage, "sts")
    told = moorage.shift_clock(timedelta(hours=1))
    assert timedelta(minutes=59) < told - datetime.now(UTC) < timedelta(minutes=61)
    with pytest.raises(botocore.exceptions.ClientError, match="Signature expired"):
        sts.get_caller_identity()
    moorage.reset()
    assert sts.get_caller_identity()["Account"] == ACCOUNT_ID


def _post(moorage: Server, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(
        moorage.endpoint_url + path,
        data=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        method="POST",
    )
    context = ssl.create_default_context(cafile=str(moorage.ca_file))
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Moorage_Test": "0"},
        {"X_Moorage_Test": "1", "Origin": "https://evil.example"},
        {"X_Moorage_Test": "1", "Origin": "null"},
        {"X_Moorage_Test": "1", "Sec_Fetch_Site": "cross-site"},
        {"X_Moorage_Test": "1", "Host": "evil.example"},
        {"X_Moorage_Test": "1", "Host": "evil.example:443"},
    ],
)
@pytest.mark.parametrize("path", ["/_moorage/reset", "/_moorage/clock"])
def test_what_a_page_could_send_is_refused(moorage: Server, path: str, headers: dict[str, str]) -> None:
    codecommit = _client(moorage, "codecommit")
    codecommit.create_repository(repositoryName="kept")
    assert _post(moorage, path, b'{"shiftSeconds": 99999}', **headers)[0] == 403
    assert [found["repositoryName"] for found in codecommit.list_repositories()["repositories"]] == ["kept"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"shiftSeconds": "1"}',
        b'{"shiftSeconds": true}',
        b'{"shiftSeconds": 1e300}',
        b"\xff",
        b"NaN",
    ],
)
def test_a_clock_shift_that_is_none_is_refused(moorage: Server, body: bytes) -> None:
    status, said = _post(moorage, "/_moorage/clock", body, X_Moorage_Test="1")
    assert status == 400
    assert "shiftSeconds" in said


def test_an_oversized_body_is_refused(moorage: Server) -> None:
    assert _post(moorage, "/_moorage/clock", b" " * 5000, X_Moorage_Test="1")[0] == 413


def test_the_endpoints_take_only_posts(moorage: Server) -> None:
    request = urllib.request.Request(
        moorage.endpoint_url + "/_moorage/reset", headers={"X-Moorage-Test": "1"}
    )
    context = ssl.create_default_context(cafile=str(moorage.ca_file))
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, context=context, timeout=10)


def test_a_server_without_test_mode_has_no_such_endpoints() -> None:
    with server(test_mode=False) as plain:
        assert _post(plain, "/_moorage/reset", X_Moorage_Test="1")[0] == 404


def test_two_servers_side_by_side_share_nothing_and_a_further_one_is_up_in_a_second(moorage: Server) -> None:
    _client(moorage, "codecommit").create_repository(repositoryName="here")
    started = time.perf_counter()
    with server(region="eu-west-1", compat="strict") as other:
        assert time.perf_counter() - started < 1
        assert other.region == "eu-west-1"
        assert _client(other, "codecommit", "us-east-1").list_repositories()["repositories"] == []
        data = other.data
    assert not data.exists()
