"""Roles: chains of profiles, what STS is asked, its cache shared with the AWS CLI, MFA, web identity."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, SSOCredentialFetcher
from botocore.utils import JSONFileCache
from hypothesis import given
from hypothesis import strategies as st

from aws_home import NOW, REGION, Home, in_seconds
from moorage.client.sources import cache
from pretended_aws import PretendedAws, refusal

ARN = "arn:aws:iam::123456789012:role/build"
CONFIG = f"""
[profile build]
role_arn = {ARN}
source_profile = me
[profile me]
aws_access_key_id = AKIAME
aws_secret_access_key = my secret
"""
CLI = ("cli", "cache")
KEY = cache.role_key({"RoleArn": ARN})


@pytest.fixture
def home(tmp_path: Path, aws: PretendedAws) -> Home:
    made = Home(tmp_path / "home", aws)
    made.config(CONFIG)
    return made


def entry(seconds: float, access_key: str = "ASIAKEPT") -> dict[str, object]:
    held = {"AccessKeyId": access_key, "SecretAccessKey": "kept", "SessionToken": "kept"}
    return {"Credentials": {**held, "Expiration": in_seconds(seconds)}}


def test_a_role_is_assumed_once_and_then_found_in_the_cache(home: Home, aws: PretendedAws) -> None:
    first = home.key("build")
    assert home.key("build") == first
    assert aws.paths == ["POST /"]
    form = aws.requests[0].form
    assert (form["Action"], form["RoleArn"]) == ("AssumeRole", ARN)
    assert form["RoleSessionName"] == f"moorage-{int(NOW)}"
    assert f"Credential=AKIAME/20300317/{REGION}/sts/" in aws.requests[0].headers["authorization"]


def test_the_cache_is_for_its_owner_alone_and_holds_nothing_half_written(home: Home) -> None:
    home.key("build")
    path = home.cache_file(KEY, *CLI)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [path] == list(path.parent.iterdir())


def test_botocore_reads_what_is_written_and_the_other_way_round(home: Home) -> None:
    ours = home.key("build")
    theirs = JSONFileCache(str(home.folder / ".aws" / "cli" / "cache"))
    fetcher = AssumeRoleCredentialFetcher(None, Credentials("a", "b"), ARN, cache=theirs)
    assert fetcher.fetch_credentials()["access_key"] == ours.access_key
    theirs[KEY] = json.loads(json.dumps(entry(3600)).replace("Z", "UTC"))
    assert home.key("build").access_key == "ASIAKEPT"


@pytest.mark.parametrize(
    ("seconds", "asks"), [(cache.MIN_SECONDS_LEFT + 1, 0), (cache.MIN_SECONDS_LEFT, 1), (-1, 1)]
)
def test_kept_credentials_serve_while_they_have_minutes_left(
    home: Home, aws: PretendedAws, seconds: float, asks: int
) -> None:
    home.keep(KEY, entry(seconds), *CLI)
    assert (home.key("build").access_key == "ASIAKEPT") is (asks == 0)
    assert len(aws.requests) == asks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"Credentials": 1}',
        '{"Credentials": {"Expiration": 1}}',
        "[" * 100_000,
        " " * 1_048_577,
    ],
    ids=range(7),
)
def test_a_spoilt_cache_file_is_as_good_as_none(home: Home, aws: PretendedAws, text: str) -> None:
    home.keep(KEY, {}, *CLI).write_text(text)
    assert home.key("build").access_key.startswith("ASIA")
    assert len(aws.requests) == 1


def test_a_pipe_in_the_place_of_a_cache_file_is_not_waited_for(home: Home) -> None:
    path = home.keep(KEY, {}, *CLI)
    path.unlink()
    os.mkfifo(path)
    assert home.key("build").access_key.startswith("ASIA")


def test_a_home_that_cannot_be_written_costs_only_the_cache(home: Home, aws: PretendedAws) -> None:
    (home.folder / ".aws" / "cli").write_text("a file")
    assert home.key("build") == home.key("build")
    assert len(aws.requests) == 2


@given(
    st.fixed_dictionaries(
        {"RoleArn": st.text(min_size=1)},
        optional={
            "ExternalId": st.text(),
            "SerialNumber": st.text(),
            "DurationSeconds": st.integers(),
            "RoleSessionName": st.text(min_size=1),
        },
    )
)
def test_cache_files_are_named_as_botocore_names_them(arguments: dict[str, str | int]) -> None:
    rest = {name: value for name, value in arguments.items() if name != "RoleArn"}
    theirs = AssumeRoleCredentialFetcher(None, None, arguments["RoleArn"], extra_args=rest)
    assert cache.role_key(arguments) == theirs._cache_key


@pytest.mark.parametrize("session", [None, "main"])
def test_cache_files_of_sso_are_named_as_botocore_names_them(session: str | None) -> None:
    theirs = SSOCredentialFetcher("https://s", "r", "Dév", "1", None, sso_session_name=session)
    ours = cache.sso_role_key(role="Dév", account="1", session=session, start_url="https://s")
    assert ours == theirs._cache_key


def test_a_chain_begins_behind_the_last_role_that_is_kept(home: Home, aws: PretendedAws) -> None:
    home.config(CONFIG + f"[profile deploy]\nrole_arn = {ARN}2\nsource_profile = build\n")
    home.keep(KEY, entry(3600), *CLI)
    home.key("deploy")
    assert [request.form["RoleArn"] for request in aws.requests] == [f"{ARN}2"]
    assert "Credential=ASIAKEPT/" in aws.requests[0].headers["authorization"]
    assert aws.requests[0].headers["x-amz-security-token"] == "kept"


def test_the_profiles_settings_are_the_requests_arguments(home: Home, aws: PretendedAws) -> None:
    more = "external_id = a & b\nduration_seconds = 900\nrole_session_name = nightly\n"
    home.config(CONFIG.replace("source_profile", more + "source_profile"))
    home.key("build")
    form = aws.requests[0].form
    assert form["ExternalId"] == "a & b"
    assert (form["DurationSeconds"], form["RoleSessionName"]) == ("900", "nightly")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "needs source_profile"),
        ("source_profile = x\ncredential_source = Environment", "remove one"),
        ("source_profile = nobody", "there is none"),
        ("source_profile = build", "circle: build -> build"),
        ("source_profile = empty", "source_profile = empty, which has no key"),
        ("credential_source = Ec2", "Environment, EcsContainer, Ec2InstanceMetadata"),
        ("credential_source = Environment", "has no credentials here"),
        ("credential_source = EcsContainer", "has no credentials here"),
    ],
)
def test_a_profile_that_leads_nowhere_is_told_with_its_name(home: Home, lines: str, told: str) -> None:
    home.config(f"[profile build]\nrole_arn = {ARN}\n{lines}\n[profile empty]\nregion = x\n")
    assert told in home.why_not("build")
    assert "profile" in home.why_not("build")


def test_what_sts_says_is_told_in_one_line(home: Home, aws: PretendedAws) -> None:
    sentence = "User: arn is not authorized to perform: sts:AssumeRole\n\x1b[31mon resource"
    aws.instead["/"] = [(403, refusal("AccessDenied", sentence.replace("\x1b", "&#155;")))]
    told = home.why_not("build")
    assert told.startswith(f"profile build assumes {ARN}: STS says AccessDenied: User: arn is not authorized")
    assert "my secret" not in told


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "<html>"),
        (200, "<a/>"),
        (404, "nothing"),
        (200, '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'),
        (302, "elsewhere"),
        (200, "x" * 300_000),
    ],
)
def test_what_is_no_sts_is_told_and_never_followed(
    home: Home, aws: PretendedAws, status: int, text: str
) -> None:
    aws.instead["/"] = [(status, text)]
    told = home.why_not("build")
    assert "is it STS?" in told or "more than" in told
    assert set(aws.paths) == {"POST /"}


def test_a_fault_of_the_server_is_met_with_a_second_try(home: Home, aws: PretendedAws) -> None:
    aws.instead["/"] = [
        (503, refusal("ServiceUnavailable", "busy")),
        (400, refusal("ExpiredToken", "is over")),
    ]
    assert "ExpiredToken: is over" in home.why_not("build")
    assert len(aws.requests) == 2


def test_an_expired_answer_is_not_handed_on(home: Home, aws: PretendedAws) -> None:
    aws.expires = in_seconds(-60)
    assert "expired already" in home.why_not("build")
    assert not home.cache_file(KEY, *CLI).exists()


def test_an_mfa_code_without_a_terminal_says_where_to_type_it(home: Home, aws: PretendedAws) -> None:
    home.config(CONFIG.replace("source_profile", "mfa_serial = arn:aws:iam::1:mfa/me\nsource_profile"))
    home.environment["GIT_TERMINAL_PROMPT"] = "0"
    told = home.why_not("build")
    assert "arn:aws:iam::1:mfa/me" in told
    assert "run `aws sts get-caller-identity --profile build`" in told
    assert aws.requests == []


@pytest.mark.parametrize(("typed", "sent"), [("123456\n", "123456"), ("12345\n", None), ("\n", None)])
def test_an_mfa_code_is_asked_for_at_the_terminal(typed: str, sent: str | None) -> None:
    master, slave = pty.openpty()
    program = (
        "import os, sys\n"
        "os.open(sys.argv[1], os.O_RDWR)  # a new session's first terminal becomes its own\n"
        "from moorage.client.sources import Asked, NoCredentials, mfa\n"
        "try: print('sent', mfa.code(Asked({}, 'build', 0), 'arn:mfa/me', 'build'))\n"
        "except NoCredentials as error: print(error)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, os.ttyname(slave)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    shown = b""
    while b"MFA code for arn:mfa/me: " not in shown:
        shown += os.read(master, 1024)
    os.write(master, typed.encode())
    said, _ = running.communicate(timeout=20)
    os.close(master)
    os.close(slave)
    assert said == (
        f"sent {sent}\n" if sent else "an MFA code has 6 digits: try again with what the device shows now\n"
    )
    assert typed.encode() not in shown


WEB_KEY = cache.role_key({"RoleArn": ARN, "RoleSessionName": "job"})


def test_a_web_identity_is_asked_for_unsigned_with_the_files_token(home: Home, aws: PretendedAws) -> None:
    token = home.folder / "token"
    token.write_text("a.b.c")
    home.environment |= {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": ARN,
        "AWS_ROLE_SESSION_NAME": "job",
    }
    home.key()
    assert aws.requests[0].form["WebIdentityToken"] == "a.b.c"
    assert "authorization" not in aws.requests[0].headers
    assert home.cache_file(WEB_KEY, *CLI).exists()
    home.key()
    assert len(aws.requests) == 1


def test_a_web_identity_without_its_token_or_role_is_told(home: Home) -> None:
    home.config(f"[profile web]\nweb_identity_token_file = {home.folder}/no\nrole_arn = {ARN}\n")
    assert f"{home.folder}/no is no readable file" in home.why_not("web")
    home.config("[profile web]\nweb_identity_token_file = x\n")
    assert "set role_arn, or AWS_ROLE_ARN" in home.why_not("web")
