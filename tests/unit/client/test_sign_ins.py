"""IAM Identity Center and `aws login`: tokens and credentials of the AWS CLI's caches, renewed or told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from aws_home import NOW, Home, in_seconds
from moorage.client.sources import cache, delegated
from pretended_aws import PretendedAws, Request

START = "https://d-1.awsapps.com/start"
CONFIG = f"""
[profile session]
sso_session = main
sso_account_id = 111122223333
sso_role_name = Dev & Ops
[sso-session main]
sso_start_url = {START}
sso_region = eu-west-1
[profile legacy]
sso_start_url = {START}
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Dev & Ops
[profile signed-in]
login_session = arn:aws:iam::1:user/me
"""
TOKENS = ("sso", "cache")
SESSION_KEY = cache.sso_token_key(session="main", start_url=START)
LEGACY_KEY = cache.sso_token_key(session=None, start_url=START)
LOGIN_KEY = cache.login_key("arn:aws:iam::1:user/me")


@pytest.fixture
def home(tmp_path: Path, aws: PretendedAws) -> Home:
    made = Home(tmp_path / "home", aws)
    made.config(CONFIG)
    return made


def token(seconds: float, registered: float = 99_999) -> dict[str, object]:
    return {
        "accessToken": "signed-in",
        "expiresAt": in_seconds(seconds),
        "refreshToken": "refresh-secret",
        "clientId": "client",
        "clientSecret": "client-secret",
        "registrationExpiresAt": in_seconds(registered),
    }


@pytest.mark.parametrize(("profile", "key"), [("session", SESSION_KEY), ("legacy", LEGACY_KEY)])
def test_a_sign_in_brings_a_roles_credentials_and_they_are_kept(
    home: Home, aws: PretendedAws, profile: str, key: str
) -> None:
    home.keep(key, token(3600), *TOKENS)
    first = home.key(profile)
    assert home.key(profile) == first
    assert aws.paths == ["GET /federation/credentials?role_name=Dev%20%26%20Ops&account_id=111122223333"]
    assert aws.requests[0].headers["x-amz-sso_bearer_token"] == "signed-in"
    kept = list((home.folder / ".aws" / "cli" / "cache").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]
    assert json.loads(kept[0].read_text())["ProviderType"] == "sso"


@pytest.mark.parametrize("profile", ["session", "legacy"])
def test_without_a_sign_in_the_person_is_told_to_make_one(home: Home, profile: str) -> None:
    assert home.why_not(profile).endswith(f"not signed in: run `aws sso login --profile {profile}`")


def test_a_command_that_is_told_can_be_run_as_it_stands(home: Home) -> None:
    home.config(CONFIG.replace("[profile session]", """[profile "it's mine"]"""))
    assert home.why_not("it's mine").endswith(r"run `aws sso login --profile 'it'\''s mine'`")


def test_a_token_about_to_end_is_renewed_and_kept_as_the_cli_keeps_it(home: Home, aws: PretendedAws) -> None:
    path = home.keep(SESSION_KEY, token(600), *TOKENS)
    home.key("session")
    assert aws.paths[0] == "POST /token"
    assert json.loads(aws.requests[0].body) == {
        "clientId": "client",
        "clientSecret": "client-secret",
        "grantType": "refresh_token",
        "refreshToken": "refresh-secret",
    }
    assert aws.requests[1].headers["x-amz-sso_bearer_token"] == "renewed"
    kept = json.loads(path.read_text())
    assert (kept["accessToken"], kept["refreshToken"]) == ("renewed", "next")
    assert cache.moment(kept["expiresAt"]) == NOW + 3600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_that_cannot_be_renewed_serves_to_its_end(home: Home, aws: PretendedAws) -> None:
    aws.instead["/token"] = [(400, '{"error": "invalid_grant"}')]
    home.keep(SESSION_KEY, token(60), *TOKENS)
    home.key("session")
    assert aws.requests[-1].headers["x-amz-sso_bearer_token"] == "signed-in"


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (token(-1), "cannot be renewed (AWS says invalid_grant: token expired)"),
        (token(-1, registered=-1), "has expired: run"),
        ({**token(-1), "refreshToken": None}, "has expired: run"),
        ({"accessToken": "x"}, "is not signed in"),
    ],
)
def test_a_sign_in_that_is_over_says_how_to_begin_anew(
    home: Home, aws: PretendedAws, held: dict[str, object], told: str
) -> None:
    aws.instead["/token"] = [(400, '{"error": "invalid_grant", "error_description": "token\\nexpired"}')]
    home.keep(SESSION_KEY, held, *TOKENS)
    said = home.why_not("session")
    assert told in said
    assert said.endswith("run `aws sso login --profile session`")
    assert "secret" not in said


def test_a_token_that_another_helper_has_just_renewed_is_used(
    home: Home, aws: PretendedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.keep(SESSION_KEY, token(-1), *TOKENS)
    usual = aws.answer

    def answer(request: Request) -> tuple[int, str]:
        if request.path == "/token":
            home.keep(SESSION_KEY, {**token(3600), "accessToken": "by another"}, *TOKENS)
            return 400, '{"error": "invalid_grant"}'
        return usual(request)

    monkeypatch.setattr(aws, "answer", answer)
    home.key("session")
    assert aws.requests[-1].headers["x-amz-sso_bearer_token"] == "by another"


def test_the_older_form_is_not_renewed(home: Home, aws: PretendedAws) -> None:
    home.keep(LEGACY_KEY, token(-1), *TOKENS)
    assert "has expired" in home.why_not("legacy")
    assert aws.requests == []


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (401, '{"message": "Session token not found"}', "run `aws sso login --profile legacy`"),
        (403, '{"message": "No access\\u001b[2J"}', "AWS says No access"),
        (404, "{}", "status 404"),
        (200, '{"roleCredentials": {}}', "incomplete"),
        (200, '{"roleCredentials": {"expiration": 1e400}}', "incomplete"),
        (302, "", "status 302"),
    ],
)
def test_a_refusal_of_identity_center_is_told(
    home: Home, aws: PretendedAws, status: int, text: str, told: str
) -> None:
    home.keep(LEGACY_KEY, token(3600), *TOKENS)
    aws.instead["/federation/credentials"] = [(status, text)]
    said = home.why_not("legacy")
    assert told in said
    assert "signed-in" not in said


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[profile x]\nsso_account_id = 1\n", "lacks sso_role_name, sso_start_url, sso_region"),
        ("[profile x]\nsso_account_id = 1\nsso_session = none\n", "there is no [sso-session none]"),
        (
            "[profile x]\nsso_account_id=1\nsso_session=m\nsso_region=a\n[sso-session m]\nsso_region=b\n",
            "differ in sso_region",
        ),
        (
            "[profile x]\nsso_account_id=1\nsso_role_name=r\nsso_start_url=s\nsso_region=evil.example/\n",
            "no AWS region",
        ),
    ],
)
def test_an_incomplete_profile_is_told(home: Home, config: str, told: str) -> None:
    home.config(config)
    assert told in home.why_not("x")


def login(seconds: float) -> dict[str, object]:
    held = {"accessKeyId": "ASIALOGIN", "secretAccessKey": "s", "sessionToken": "t"}
    return {"accessToken": {**held, "expiresAt": in_seconds(seconds)}, "refreshToken": "r"}


def test_a_login_session_is_read_while_it_lives(home: Home) -> None:
    home.keep(LOGIN_KEY, login(600), "login", "cache")
    assert home.key("signed-in").access_key == "ASIALOGIN"


def test_a_login_session_may_lie_in_a_folder_that_the_environment_names(home: Home) -> None:
    path = home.keep(LOGIN_KEY, login(600), "elsewhere")
    home.environment["AWS_LOGIN_CACHE_DIRECTORY"] = "~/.aws/elsewhere"
    assert home.key("signed-in").access_key == "ASIALOGIN"
    path.unlink()
    assert "run `aws login --profile signed-in`" in home.why_not("signed-in")


def aws_program(home: Home, script: str) -> None:
    programs = home.folder / "bin"
    programs.mkdir()
    program = programs / "aws"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    home.environment["PATH"] = f"{programs}:/bin"


def test_a_login_session_that_has_ended_is_renewed_by_the_aws_cli(home: Home) -> None:
    home.keep(LOGIN_KEY, login(60), "login", "cache")
    aws_program(
        home,
        """echo '{"Version": 1, "AccessKeyId": "'"$*"'", "SecretAccessKey": "s", "SessionToken": "t"}'""",
    )
    assert home.key("signed-in").access_key == "configure export-credentials --profile signed-in"


def test_a_login_session_that_the_aws_cli_cannot_renew_says_how_to_begin_anew(home: Home) -> None:
    home.keep(LOGIN_KEY, login(60), "login", "cache")
    aws_program(home, "echo usage >&2; echo 'Your session has expired' >&2; exit 255")
    assert home.why_not("signed-in") == (
        "the sign-in of profile signed-in has to be renewed, and aws ended with status 255: "
        "Your session has expired: run `aws login --profile signed-in`"
    )


def test_without_an_aws_cli_nothing_is_guessed(home: Home) -> None:
    home.keep(LOGIN_KEY, login(60), "login", "cache")
    home.environment["PATH"] = "bin:/nonexistent"
    assert "there is no AWS CLI that could do it" in home.why_not("signed-in")


def test_botocore_beside_the_package_is_never_taken_from_the_folder_one_stands_in(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.environment["PATH"] = "/nonexistent"
    monkeypatch.setattr(delegated, "_has_botocore", lambda: True)
    (words,) = delegated._commands(home.asked("signed-in"))
    assert words[1:3] == ["-P", "-c"]
    (home.folder / "botocore").mkdir()
    (home.folder / "botocore" / "__init__.py").write_text("raise SystemExit('hostile')")
    (home.folder / "botocore" / "session.py").write_text("")
    monkeypatch.chdir(home.folder)
    home.environment |= {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
    home.config("[profile signed-in]\naws_access_key_id = AKIAFILE\naws_secret_access_key = f\n")
    assert delegated.credentials(home.asked("signed-in"), "why", "remedy").access_key == "AKIAFILE"
