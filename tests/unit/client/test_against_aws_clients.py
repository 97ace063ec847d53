"""The helper beside the AWS CLI's own code and git-remote-codecommit's, run in this process."""

from __future__ import annotations

import argparse
import contextlib
import io
from types import SimpleNamespace
from urllib.parse import urlsplit

import git_remote_codecommit
import pytest
from awscli.customizations import codecommit
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from credentials_at_hand import ENVIRONMENT, HOST, KEY, MOMENT, PATH, SECRET, TOKEN, asked, message, pairs
from moorage.client.credential_answer import NoAnswer
from moorage.core import sigv4


class OfTheCli:
    """What the AWS CLI's helper asks its session for."""

    def __init__(self, token: str | None) -> None:
        self._credentials = Credentials(KEY, SECRET, token)

    def get_credentials(self) -> Credentials:
        return self._credentials

    def get_config_variable(self, name: str) -> str:
        assert name == "region"
        return ENVIRONMENT["AWS_DEFAULT_REGION"]


def of_the_cli(content: bytes, token: str | None, region: str | None) -> bytes:
    """Return what the AWS CLI's helper writes for a message, with the host check lifted."""
    command = codecommit.CodeCommitGetCommand(OfTheCli(token))
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as process, contextlib.redirect_stdout(written):
        process.setattr(codecommit, "get_current_datetime", lambda: MOMENT)
        process.setattr("sys.stdin", io.StringIO(content.decode()))
        command._run_main(argparse.Namespace(ignore_host_check=True), argparse.Namespace(region=region))
    return written.getvalue().encode()


HOSTS = st.sampled_from(
    [
        HOST,
        f"{HOST}:8443",
        f"{HOST}.localhost:8443",
        "git.example.org",
        "git.example.org:1",
        "vpce-a.git-codecommit-fips.eu-west-1.vpce.amazonaws.com",
        "git-codecommit.x.amazonaws.com.cn.example",
        "GIT-codecommit.eu-west-1.amazonaws.com",
        "[::1]:8443",
    ]
)
# The AWS CLI strips blanks around a line, so a path that ends in one is not compared.
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])
PATHS = st.text(CHARACTERS, min_size=1, max_size=30) | st.text("/a.%?#=&+~é ", min_size=1).map(
    lambda t: f"v{t}x"
)


@given(HOSTS, PATHS, st.sampled_from([None, TOKEN]), st.sampled_from([None, "sa-east-1"]))
@example(HOST, "v1/repos/a?b", None, None)
@example(HOST, "/v1/repos/a", TOKEN, None)
@example("[::1]:8443", PATH, None, "sa-east-1")
def test_the_answer_is_what_the_aws_clis_code_writes(
    host: str, path: str, token: str | None, region: str | None
) -> None:
    content = message(host, path)
    environment = {**ENVIRONMENT, **({"AWS_SESSION_TOKEN": token} if token else {})}
    options = ("--ignore-host-check", *(("--region", region) if region else ()))
    assert asked(content, *options, environment=environment) == of_the_cli(content, token, region)


def test_where_the_aws_cli_signs_for_a_stranger_this_helper_does_not() -> None:
    for host in (f"{HOST}.evil.example", f"{HOST}@evil.example", "amazon.com.evil.example"):
        assert b"password=" in of_the_cli(message(host), TOKEN, None)
        with pytest.raises(NoAnswer):
            asked(message(host))


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_name_and_password_in_git_remote_codecommits_url_are_ours(
    token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        @staticmethod
        def utcnow() -> object:
            return MOMENT

    monkeypatch.setattr(git_remote_codecommit, "datetime", SimpleNamespace(datetime=Clock))
    url = git_remote_codecommit.git_url("MyDemoRepo", "v1", "us-east-2", Credentials(KEY, SECRET, token))
    environment = {**ENVIRONMENT, **({"AWS_SESSION_TOKEN": token} if token else {})}
    told = pairs(asked(message(), environment=environment))
    assert urlsplit(url).username == sigv4.uri_encode(told["username"])
    assert urlsplit(url).password == told["password"]
