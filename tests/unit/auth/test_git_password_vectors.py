"""Passwords that real clients made: the AWS CLI's helper, v1 and v2, and git-remote-codecommit."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from moorage.auth.git_password import GitSignature, read_basic, verify
from moorage.auth.signing_keys import SigningKeys
from moorage.core import sigv4
from moorage.core.secrets import Secret
from moorage.wire.regions import Regions

KEY_ID = "AKIDEXAMPLE00000TEST"
SECRET = "moorage/test+Secret/Key+0123456789abcdef"
NOW = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)
TOKEN = "FwoGZXIvYXdzEMOORAGE//////////wEaDTest+Token/With=Chars%25=="

OHIO = "git-codecommit.us-east-2.amazonaws.com"
DEMO = "/v1/repos/MyDemoRepo"
V1 = "ef57d2dfdd4d609736c7e512b68c61963d3bac270503e441e793cf554e9dabf5"


@dataclass(frozen=True)
class Vector:
    """`host` and `path` as the client signed them; `sent_host` and `sent_path` as the request has them."""

    host: str
    path: str
    region: str
    signature: str
    sent_host: str
    sent_path: str
    token: str | None = None


def vector(
    host: str,
    signature: str,
    *,
    region: str = "us-east-2",
    path: str = DEMO,
    sent_host: str | None = None,
    sent_path: str | None = None,
    token: str | None = None,
) -> Vector:
    return Vector(host, path, region, signature, sent_host or host, sent_path or path, token)


CHINA = "git-codecommit.cn-north-1.amazonaws.com.cn"
VPC = "vpce-0b47ea360adebf88a-jkl88hez.git-codecommit.us-west-2.vpce.amazonaws.com"
VECTORS = {
    "V1": vector(OHIO, V1),
    "V2": vector(OHIO, V1, token=TOKEN),
    "V3": vector(OHIO, V1, sent_host=f"{OHIO}:8443"),
    "V4": vector(f"{OHIO}.localhost", "434170fc3c92071c596a75f3f14030f4506ef81acbdce78060f7d37d092eac1a"),
    "V4 with a port": vector(
        f"{OHIO}.localhost",
        "434170fc3c92071c596a75f3f14030f4506ef81acbdce78060f7d37d092eac1a",
        sent_host=f"{OHIO}.localhost:8443",
    ),
    "V5": vector(
        OHIO,
        "98f4c3c440c4e6c26ed9a0b32efa1f8422cc7c3355fb2b5e4c450f5f0c3b5455",
        path="/v1/repos/d%C3%A9mo%20repo",
    ),
    "V5b": vector(
        OHIO,
        "d4f4f1a0b6c92e3085cca6d9ca72471de6105c0c6bc2d145b21dba4252c1088a",
        path="/v1/repos/démo repo",
        sent_path="/v1/repos/d%C3%A9mo%20repo",
    ),
    "V6": vector(
        "git-codecommit-fips.us-gov-west-1.amazonaws.com",
        "9576de1d6e5bcdfe3e16c9252ef19a54359a5e22ffb0269780426a364673643d",
        region="us-gov-west-1",
    ),
    "V7": vector(
        CHINA, "cc55b3d7f2d2dee9f46866933dce440433cfcfe82f90e64b8877ad11360b63b8", region="cn-north-1"
    ),
    "V8": vector(
        OHIO,
        "03a2e067f4af32b0bc0d7fd29c1fb8878234494cf437063e1a8391b523f6c2b6",
        path=f"/{DEMO}",
        sent_path=DEMO,
    ),
    "V9": vector(
        OHIO, "558ca036e9476f2d20be16a1f8e00a03b4973cf8d3cb8ba0ee49fe7ded578c26", path=f"{DEMO}.git"
    ),
    "V10": vector(
        VPC, "bc43d175648c97a38a6e0e44b2474c9e008dceeac10897a7f60277bcb6bcf2a1", region="us-west-2"
    ),
    "V11": vector(
        "git.example.org",
        "650e57842792d0434a33ef27b6f697138645831f0b826797977d82730625b797",
        region="eu-west-1",
        sent_host="git.example.org:8443",
    ),
    "V12": vector(
        OHIO.upper(), "ed432e015774c80bdc0d4965fcc2166433360d2bad4d7b8df95cae192092853c", region="eu-west-1"
    ),
    "V13": vector(OHIO, "08d5664ff3d9d8501c3c859963571bddcceb4653b41bcce7dff52df471c53d23", path=f"{DEMO}/"),
    "G1": vector("localhost:8443", "d73779b676e2bac0475700976b3083ec18bfa6822186f0ae4bc25a0a74735ef9"),
    "G2": vector(OHIO, V1, token=TOKEN),
}
ALL_VECTORS = pytest.mark.parametrize("given", VECTORS.values(), ids=VECTORS.keys())


def header(given: Vector) -> str:
    user = KEY_ID if given.token is None else f"{KEY_ID}%{given.token}"
    return "Basic " + base64.b64encode(f"{user}:20240229T123456Z{given.signature}".encode()).decode()


@ALL_VECTORS
def test_the_signer_makes_the_very_password(given: Vector) -> None:
    made = sigv4.git_password(given.host, given.path, secret=SECRET, region=given.region, now=NOW)
    assert made == f"20240229T123456Z{given.signature}"


@ALL_VECTORS
@pytest.mark.parametrize("suffix", ["/info/refs", "/git-upload-pack", "/git-receive-pack", ""])
def test_a_request_with_that_password_is_verified_and_tells_its_region(given: Vector, suffix: str) -> None:
    claim = read_basic(header(given))
    assert isinstance(claim, GitSignature)
    assert claim.access_key_id == KEY_ID
    assert (claim.session_token.reveal() if claim.session_token else None) == given.token
    regions = Regions()
    named = regions.parse_host(given.sent_host)
    verified = verify(
        claim,
        host=given.sent_host,
        raw_path=given.sent_path + suffix,
        regions=regions if named is None or named.region is None else [named.region],
        secret=Secret(SECRET),
        keys=SigningKeys(),
        now=NOW,
    )
    assert (verified.region, verified.expired) == (given.region, False)


@pytest.mark.parametrize(
    ("host", "starts", "ends"),
    [
        ("git-codecommit.us-west-2.amazonaws.com", "b6df2d75", "3f1959a"),
        ("land.called.honahlee", "a14a37a5", ""),
    ],
)
def test_git_remote_codecommits_own_tests_hold(host: str, starts: str, ends: str) -> None:
    now = datetime(2017, 12, 24, 11, 53, 20, tzinfo=UTC)
    password = sigv4.git_password(host, "/v1/repos/test_repo", secret="secret", region="us-west-2", now=now)
    assert password.startswith(f"20171224T115320Z{starts}")
    assert password.endswith(ends)


def test_git_sends_two_slashes_where_its_helper_was_given_none() -> None:
    claim = read_basic(header(VECTORS["V1"]))
    assert isinstance(claim, GitSignature)
    verified = verify(
        claim,
        host=OHIO,
        raw_path=f"/{DEMO}/info/refs",
        regions=["us-east-2"],
        secret=Secret(SECRET),
        keys=SigningKeys(),
        now=NOW,
    )
    assert verified.region == "us-east-2"


def test_a_time_without_zone_signs_nothing() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sigv4.git_password(OHIO, DEMO, secret=SECRET, region="us-east-2", now=NOW.replace(tzinfo=None))
