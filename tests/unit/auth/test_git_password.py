from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.auth import git_password
from moorage.auth.git_password import GitCredential, GitSignature, Verified, read_basic, verify
from moorage.auth.signing_keys import SigningKeys
from moorage.core import faults, sigv4
from moorage.core.faults import Fault
from moorage.core.secrets import Secret

HOST = "git-codecommit.us-east-2.amazonaws.com.localhost:8443"
PATH = "/v1/repos/MyDemoRepo"
SECRET = "moorage/test+Secret/Key+0123456789abcdef"
NOW = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)


def basic(username: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def signed(
    now: datetime = NOW, path: str = PATH, host: str = HOST, region: str = "us-east-2"
) -> GitSignature:
    name = sigv4.host_without_port(host)
    password = sigv4.git_password(name, path, secret=SECRET, region=region, now=now)
    claim = read_basic(basic("AKIAEXAMPLE00000TEST", password))
    assert isinstance(claim, GitSignature)
    return claim


def verified(claim: GitSignature, **changes: object) -> Verified:
    arguments: dict[str, object] = {
        "host": HOST,
        "raw_path": f"{PATH}/info/refs",
        "regions": ["us-east-2"],
        "secret": Secret(SECRET),
        "keys": SigningKeys(),
        "now": NOW,
    }
    return verify(claim, **(arguments | changes))  # type: ignore[arg-type] # tests change one at a time


# --- what the header holds ----------------------------------------------------------------------


@pytest.mark.parametrize("authorization", [None, ""])
def test_no_header_is_told_to_sign_in(authorization: str | None) -> None:
    with pytest.raises(Fault, match="Authentication is required") as refused:
        read_basic(authorization)
    assert (refused.value.code, refused.value.status) == (faults.MISSING_AUTHENTICATION_TOKEN, 401)


def test_an_empty_password_is_a_case_of_its_own_and_401() -> None:
    """curl sends `name:` by itself before git asks any helper."""
    with pytest.raises(Fault, match="password is required") as refused:
        read_basic(basic("somebody", ""))
    assert (refused.value.code, refused.value.status) == (faults.MISSING_AUTHENTICATION_TOKEN, 401)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer abcdef",
        "Basic",
        "Basic !!!!",
        "Basic YWJj",  # abc: no colon
        "Basic Y",
        "Basic " + base64.b64encode(b"a\0b:password").decode(),
        "Basic é",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "Basic " + "A" * (64 * 1024),
    ],
)
def test_a_header_that_cannot_be_read_is_401(authorization: str) -> None:
    with pytest.raises(Fault) as refused:
        read_basic(authorization)
    assert (refused.value.code, refused.value.status) == (faults.INCOMPLETE_SIGNATURE, 401)


def test_the_scheme_may_be_in_any_case() -> None:
    assert isinstance(read_basic(basic("demo-at-1", "pass", scheme="bAsIc")), GitCredential)


def test_the_last_colon_ends_the_user_name_and_the_first_percent_sign_the_key() -> None:
    claim = read_basic(basic("ASIAKEY%to:k%en:", "20240229T123456Z" + "0" * 64))
    assert isinstance(claim, GitSignature)
    assert claim.access_key_id == "ASIAKEY"
    assert claim.session_token is not None
    assert claim.session_token.reveal() == "to:k%en:"


def test_a_token_of_forty_thousand_characters_is_read() -> None:
    token = "x" * 40_000
    claim = read_basic(basic(f"ASIAKEY%{token}", "20240229T123456Z" + "0" * 64))
    assert isinstance(claim, GitSignature)
    assert claim.session_token is not None
    assert claim.session_token.reveal() == token


def test_another_password_is_a_git_credential_and_its_secret_does_not_show() -> None:
    claim = read_basic(basic("demo-at-123456789012", "Zm9v+hunter2/="))
    assert isinstance(claim, GitCredential)
    assert claim.password.reveal() == "Zm9v+hunter2/="
    assert "hunter2" not in repr(claim)


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("AKIDEXAMPLE00000TEST", "20240229T123456Z" + "a" * 63, "cut short"),
        ("AKIDEXAMPLE00000TEST", "20240229T123456Z" + "A" * 64, "cut short"),
        ("AKIDEXAMPLE00000TEST", "20240230T123456Z" + "a" * 64, "no real time"),
        ("AKIAEXAMPLE00000TEST", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "never sent"),
        ("ASIAEXAMPLE00000TEST%token", "wJalrXUtnFEMI", "never sent"),
    ],
)
def test_what_looks_like_a_key_but_is_not_signed_is_explained(
    username: str, password: str, says: str
) -> None:
    with pytest.raises(Fault, match=says) as refused:
        read_basic(basic(username, password))
    assert refused.value.status == 401
    assert password not in refused.value.message


@given(st.text() | st.binary().map(lambda content: "Basic " + base64.b64encode(content).decode()))
def test_any_header_is_read_or_refused_with_401(authorization: str) -> None:
    status = 401
    try:
        read_basic(authorization)
    except Fault as fault:
        status = fault.status
    assert status == 401


# --- is it true? ---------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-15, -5, 0, 5, 15])
def test_a_password_is_good_for_fifteen_minutes_either_side(minutes: int) -> None:
    assert not verified(signed(), now=NOW + timedelta(minutes=minutes)).expired


def test_a_second_past_its_time_it_is_expired_and_says_how_long_ago() -> None:
    with pytest.raises(Fault, match="signed 15 min ago and is good for 15 min") as refused:
        verified(signed(), now=NOW + timedelta(minutes=15, seconds=1))
    assert (refused.value.code, refused.value.status) == (faults.EXPIRED_TOKEN, 401)
    assert "2024-02-29 12:34:56 UTC" in refused.value.message
    assert "2024-02-29 12:49:57 UTC" in refused.value.message


def test_a_second_before_its_time_it_is_not_yet_valid_and_tells_the_skew() -> None:
    with pytest.raises(Fault, match="clock is 15 min ahead") as refused:
        verified(signed(), now=NOW - timedelta(minutes=15, seconds=1))
    assert (refused.value.code, refused.value.status) == (faults.SIGNATURE_DOES_NOT_MATCH, 401)


def test_the_lifetime_is_a_setting() -> None:
    late = NOW + timedelta(hours=1)
    assert not verified(signed(), now=late, lifetime=timedelta(hours=1)).expired
    with pytest.raises(Fault):
        verified(signed(), now=NOW + timedelta(seconds=61), lifetime=timedelta(minutes=1))


def test_who_allows_expired_ones_gets_the_truth_and_the_mark() -> None:
    assert verified(signed(), now=NOW + timedelta(hours=3), allow_expired=True).expired


def test_a_false_signature_of_long_ago_is_called_false_and_not_expired() -> None:
    claim = dataclasses.replace(signed(), signature="0" * 64)
    with pytest.raises(Fault) as refused:
        verified(claim, now=NOW + timedelta(days=3), allow_expired=True)
    assert refused.value.code == faults.SIGNATURE_DOES_NOT_MATCH


def test_a_time_to_come_is_refused_even_where_expired_ones_are_allowed() -> None:
    with pytest.raises(Fault):
        verified(signed(), now=NOW - timedelta(hours=1), allow_expired=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "git-codecommit.us-east-2.amazonaws.com.evil.example"},
        {"host": HOST.upper()},
        {"raw_path": "/v1/repos/MyDemoRepo2/info/refs"},
        {"raw_path": "/v1/repos/mydemorepo/info/refs"},
        {"raw_path": "/v1/repos/MyDemoRepo.git/info/refs"},
        {"raw_path": "/v1/repos/../repos/MyDemoRepo/info/refs"},
        {"regions": ["us-east-1"]},
        {"regions": []},
        {"secret": Secret(SECRET + "x")},
        {"secret": Secret("")},
    ],
)
def test_a_password_for_anything_else_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Fault) as refused:
        verified(signed(), **changes)
    assert (refused.value.code, refused.value.status) == (faults.SIGNATURE_DOES_NOT_MATCH, 401)


@pytest.mark.parametrize("position", range(64))
def test_changing_any_digit_of_the_signature_makes_it_false(position: int) -> None:
    claim = signed()
    digit = "0" if claim.signature[position] != "0" else "1"
    changed = claim.signature[:position] + digit + claim.signature[position + 1 :]
    with pytest.raises(Fault):
        verified(dataclasses.replace(claim, signature=changed))


def test_changing_the_time_makes_it_false() -> None:
    claim = signed()
    later = dataclasses.replace(claim, time="20240229T123457", signed_at=NOW + timedelta(seconds=1))
    with pytest.raises(Fault):
        verified(later)


def test_on_a_bare_host_the_region_that_verifies_is_told() -> None:
    claim = signed(host="localhost", region="eu-west-3")
    found = verified(claim, host="localhost", regions=["us-east-1", "eu-west-3", "eu-west-1"])
    assert found.region == "eu-west-3"


@pytest.mark.parametrize("host", ["[::1]:8443", "[::1]"])
@pytest.mark.parametrize("signed_host", ["[", "[::1]", "[::1]:8443"])
def test_an_ipv6_literal_is_taken_as_the_helper_signs_it(host: str, signed_host: str) -> None:
    if signed_host not in git_password.hosts(host):
        assert (host, signed_host) == ("[::1]", "[::1]:8443")
        return
    password = sigv4.git_password(signed_host, PATH, secret=SECRET, region="us-east-2", now=NOW)
    claim = read_basic(basic("AKIAEXAMPLE00000TEST", password))
    assert isinstance(claim, GitSignature)
    assert verified(claim, host=host).region == "us-east-2"


def test_the_port_443_is_signed_by_some_and_sent_by_none() -> None:
    assert git_password.hosts("git.example.org") == ["git.example.org", "git.example.org:443"]


def test_candidates_are_few() -> None:
    assert git_password.paths(f"{PATH}/info/refs") == [PATH, f"/{PATH}"]
    assert len(git_password.paths("//v1/repos/a%20b//git-upload-pack")) == 8


@pytest.mark.parametrize("raw_path", ["", "/", "//", "/info/refs", "/%", "/%zz%2", "/\udce9", "/%ff%00"])
def test_odd_paths_are_refused_and_break_nothing(raw_path: str) -> None:
    with pytest.raises(Fault):
        verified(signed(), raw_path=raw_path)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_whatever_the_repository_is_called_its_decoded_and_its_escaped_path_verify(name: str) -> None:
    escaped = "/v1/repos/" + sigv4.uri_encode(name)
    for path in (escaped, "/v1/repos/" + name):
        assert verified(signed(path=path), raw_path=f"{escaped}/info/refs").region == "us-east-2"


def test_the_hash_of_a_signature_tells_passwords_apart_and_holds_none() -> None:
    one, other = signed(), signed(path="/v1/repos/Other")
    assert one.hash != other.hash
    assert one.hash == verified(one).signature_hash
    assert one.signature not in one.hash
