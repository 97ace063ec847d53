"""Canonical forms and signatures, with botocore's signer as the oracle."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from moorage.core import sigv4

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNER = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "codecommit", "us-east-2")
STAMP = "20240229T123456Z"

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), max_size=12)
# Header values as clients may send them: any text with blanks, but for blanks that only Unicode knows.
VALUES = st.lists(TEXTS | st.sampled_from([" ", "  ", "\t", " \t "]), max_size=4).map("".join)
HEADER_NAMES = st.sampled_from(
    ["Content-Type", "X-Amz-Target", "X-Amz-Meta-One", "x-amz-date", "Accept", "If-Match"]
)
PATHS = st.lists(
    TEXTS | st.sampled_from(["", ".", "..", "a b", "%2F", "%C3%A9", "~", "+", "=", ":"]), max_size=6
).map(lambda parts: "/" + "/".join(part.replace("?", "").replace("#", "") for part in parts))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=5)


def canonical_by_botocore(request: AWSRequest) -> str:
    return str(SIGNER.canonical_request(request))


@given(
    path=PATHS,
    pairs=PAIRS,
    headers=st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=5),
    body=st.binary(max_size=20),
    method=st.sampled_from(["GET", "POST", "post"]),
)
def test_canonical_requests_are_botocores(
    path: str, pairs: list[tuple[str, str]], headers: list[tuple[str, str]], body: bytes, method: str
) -> None:
    query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
    url = f"https://codecommit.us-east-2.amazonaws.com{path}" + (f"?{query}" if query else "")
    if urlsplit(url).path != path:
        return  # botocore takes the path from the URL, where some texts mean something else
    request: Any = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    sent = [*request.headers.items(), ("Host", "codecommit.us-east-2.amazonaws.com")]
    signed = sorted({name.lower() for name, _ in sent})
    ours = sigv4.canonical_request(
        method=method,
        raw_path=path,
        raw_query=query,
        headers=sent,
        signed_headers=signed,
        payload_sha256=hashlib.sha256(body).hexdigest(),
    )
    assert ours == canonical_by_botocore(request)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", ""),
        ("a", "a="),
        ("a=", "a="),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&a=", "a=&a=1&a=2"),
        ("a=b=c", "a=b%3Dc"),
        ("&&a=1&", "a=1"),
        ("a=%7e%2f", "a=~%2F"),
        ("a=1+1", "a=1%2B1"),
        ("a=100%", "a=100%25"),
        ("a=%zz", "a=%25zz"),
        ("a=% 4", "a=%25%204"),
        ("a=é", "a=%C3%A9"),
        ("a=\udcff", "a=%FF"),
        ("A=1&a=1&_=1&-=1", "-=1&A=1&_=1&a=1"),
    ],
)
def test_query_strings_have_one_canonical_form(raw: str, canonical: str) -> None:
    assert sigv4.canonical_query(raw) == canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/a/", "/a/"),
        ("/a//b", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/../..", "/"),
        ("/a%20b", "/a%2520b"),
        ("/a b", "/a%20b"),
        ("/é", "/%C3%A9"),
    ],
)
def test_paths_are_normal_and_escaped_twice(raw: str, canonical: str) -> None:
    assert sigv4.canonical_path(raw) == canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [("  a  ", "a"), ("a   b", "a b"), ("a\t b", "a b"), ("a\r\n b", "a b"), ("", ""), ('"a  b"', '"a b"')],
)
def test_header_values_lose_what_folding_and_spaces_add(raw: str, canonical: str) -> None:
    assert sigv4.trimmed(raw) == canonical


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), max_size=200), text=TEXTS)
def test_signatures_are_botocores(secret: str, text: str) -> None:
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", secret or "x"), "iam", "us-east-1")
    request: Any = AWSRequest(method="POST", url="https://iam.amazonaws.com/")
    request.context["timestamp"] = STAMP
    key = sigv4.signing_key(secret or "x", STAMP[:8], "us-east-1", "iam")
    scope = sigv4.credential_scope(STAMP[:8], "us-east-1", "iam")
    ours = sigv4.string_to_sign(STAMP, scope, text)
    assert ours == signer.string_to_sign(request, text)
    assert sigv4.sign(key, ours) == signer.signature(ours, request)


@given(key=st.binary(max_size=200), content=st.binary(max_size=200))
def test_the_hmac_is_the_standard_librarys(key: bytes, content: bytes) -> None:
    assert sigv4.hmac_sha256(key, content) == hmac.digest(key, content, "sha256")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["", "/", "/+"]))
def test_percent_encoding_is_undone(text: str, also: str) -> None:
    assert sigv4.uri_encode(text, also) == quote(text, safe="-._~" + also)
    assert sigv4.uri_decode(sigv4.uri_encode(text, also)) == text


@given(st.binary())
def test_bytes_that_are_no_utf8_are_signed_as_they_came(content: bytes) -> None:
    assert sigv4.encode(content.decode("utf-8", "surrogateescape")) == content


def test_awss_published_example_of_a_signing_key_holds() -> None:
    """Source: AWS General Reference, "Examples of how to derive a signing key"."""
    key = sigv4.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_a_moment_in_another_zone_is_signed_in_utc() -> None:
    from datetime import timedelta, timezone

    there = datetime(2024, 2, 29, 21, 34, 56, tzinfo=timezone(timedelta(hours=9)))
    here = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)
    one, other = (
        sigv4.git_password("host", "/path", secret=SECRET, region="us-east-2", now=now)
        for now in (there, here)
    )
    assert one == other


def test_the_signer_needs_no_module_that_is_slow_to_load() -> None:
    import subprocess
    import sys

    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import moorage.core.sigv4;"
        "slow = {'hashlib', 'hmac', 're', 'typing', 'urllib.parse', 'json'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    source = sigv4.__file__.rpartition("/moorage/")[0]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, source], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
