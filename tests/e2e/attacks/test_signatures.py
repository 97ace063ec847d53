"""Attacks on Signature Version 4: one thing changed after signing, or signed for something else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest

from attacker import REGION, Answer, Attacker, Header, Signing, json_headers, query_fields, signed_headers
from e2e.attacks.conftest import Victims
from moorage.core import sigv4

BODY = b"{}"
OPERATION = json_headers("ListRepositories")


def refused(answer: Answer) -> None:
    assert 400 <= answer.status < 500, answer
    assert b"SignatureDoesNotMatch" not in answer.body or answer.status == 403
    assert b"repositories" not in answer.body


def good(attacker: Attacker) -> list[Header]:
    return signed_headers(Signing(attacker.root, "codecommit"), attacker.api_host, OPERATION, BODY)


def changed(headers: list[Header], name: str, value: str) -> list[Header]:
    return [(header, value if header.lower() == name else old) for header, old in headers]


def test_the_request_that_the_others_are_made_from_is_good(attacker: Attacker) -> None:
    assert attacker.ask("POST", "/", good(attacker), BODY).status == 200


def test_every_digit_of_the_signature_counts(attacker: Attacker) -> None:
    head = dict(good(attacker))["Authorization"]
    for at in range(len(head) - 64, len(head), 7):
        other = "0" if head[at] != "0" else "1"
        refused(
            attacker.ask(
                "POST",
                "/",
                changed(good(attacker), "authorization", head[:at] + other + head[at + 1 :]),
                BODY,
            )
        )


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"us-east-2", "us-east-1"),
        (r"/codecommit/", "/sts/"),
        (r"/codecommit/", "/iam/"),
        (r"aws4_request", "aws5_request"),
        (r"Credential=[^/]*", "Credential=AKIANOBODYATALL00000"),
        (r"Credential=[^/]*", "Credential="),
        (r"/\d{8}/", "/20200101/"),
        (r"/\d{8}/", "/99999999/"),
        (r"SignedHeaders=[^,]*", "SignedHeaders="),
        (r"SignedHeaders=[^,]*", "SignedHeaders=host"),
        (r"host;", ""),
        (r"host;", "host;host;"),
        (r"host;", "Host;"),
        (r"host;", "host;x-absent;"),
        (r"Signature=.*", "Signature="),
        (r"Signature=.*", "Signature=" + "A" * 64),
        (r"Signature=(.*)", r"Signature=\1,Signature=\1"),
        (r"Signature=.*", "Signature=\xff" * 3),
        (r"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        (r"AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        (r"AWS4-HMAC-SHA256", "Basic"),
        (r"AWS4-HMAC-SHA256 ", ""),
        (r".*", ""),
        (r"$", ", X=" + "y" * 60_000),
        (r"$", ",,,,,,"),
    ],
    ids=range(25),
)
def test_a_changed_authorization_is_refused(attacker: Attacker, pattern: str, replacement: str) -> None:
    head = re.sub(pattern, replacement, dict(good(attacker))["Authorization"], count=1)
    answer = attacker.ask("POST", "/", changed(good(attacker), "authorization", head), BODY)
    if pattern == "$" and "," in replacement and "X" not in replacement:
        assert answer.status in (200, 400)  # empty parts say nothing
    else:
        refused(answer)


STAMPS = [
    "",
    "x",
    "0",
    "20200101T000000Z",
    "99991231T235959Z",
    "00000101T000000Z",
    "00010101T000000Z",
    "20260230T000000Z",
    "Tue, 24 Nov 2020 00:00:00 GMT",
    ", , ,",
    ",",
    "Mon,",
    "1 Jan",
    "Mon, 99 Foo 99999 99:99:99 +9999999999999999999",
    "24 Nov 2026 20:00:00 +99999999",
    "1 Jan 0 0:0",
    "\uff12\uff10".encode().decode("latin-1"),
    "9" * 10_000,
]


@pytest.mark.parametrize("stamp", STAMPS, ids=range(len(STAMPS)))
@pytest.mark.parametrize("name", ["X-Amz-Date", "Date"])
def test_a_date_of_nonsense_is_refused(attacker: Attacker, name: str, stamp: str) -> None:
    head = [(key, value) for key, value in good(attacker) if key != "X-Amz-Date"]
    refused(attacker.ask("POST", "/", [*head, (name, stamp)], BODY))


@pytest.mark.parametrize("seconds", [-301 - 5, -3_600, -86_400 * 400, 301 + 5, 86_400 * 400])
def test_another_time_is_refused(attacker: Attacker, seconds: int) -> None:
    signing = Signing(attacker.root, "codecommit", shift=timedelta(seconds=seconds))
    refused(attacker.signed(signing, OPERATION, BODY))


@pytest.mark.parametrize("seconds", [-280, 280])
def test_clocks_may_differ_a_little(attacker: Attacker, seconds: int) -> None:
    signing = Signing(attacker.root, "codecommit", shift=timedelta(seconds=seconds))
    assert attacker.signed(signing, OPERATION, BODY).status == 200


def test_what_was_not_signed_does_not_count(attacker: Attacker) -> None:
    plain = Signing(attacker.root, "codecommit")
    for loose in (
        ("X-Amz-Security-Token", "x"),
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
        ("X-Amz-Target", "CodeCommit_20150413.DeleteRepository"),
        ("X-Amz-Anything", "x"),
    ):
        refused(attacker.signed(replace(plain, loose=[loose]), OPERATION, BODY))
    extra = [("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")]
    refused(attacker.signed(replace(plain, extra=extra), OPERATION, BODY))
    refused(attacker.signed(replace(plain, signed_body=b"other"), OPERATION, BODY))
    refused(attacker.signed(replace(plain, extra=[("X-Amz-Security-Token", "A" * 5_000)]), OPERATION, BODY))


def test_the_target_host_and_query_are_signed(attacker: Attacker) -> None:
    head = good(attacker)
    refused(
        attacker.ask("POST", "/", changed(head, "x-amz-target", "CodeCommit_20150413.GetRepository"), BODY)
    )
    refused(attacker.ask("POST", "/?x=1", head, BODY))
    refused(attacker.ask("PUT", "/", head, BODY))
    refused(attacker.ask("POST", "/", head, b"{} "))
    for host in (
        "localhost",
        f"codecommit.us-east-1.amazonaws.com.localhost:{attacker.service.port}",
        "x" * 300,
        "\xff",
    ):
        refused(attacker.ask("POST", "/", head, BODY, host=host))


@pytest.mark.parametrize(
    ("signed_service", "region"),
    [
        ("sts", REGION),
        ("iam", "us-east-1"),
        ("kms", REGION),
        ("s3", REGION),
        ("codecommit", "mars-north-1"),
        ("codecommit", "cn-north-1"),
        ("codecommit", "us-gov-west-1"),
        ("codecommit", "x" * 5_000),
    ],
)
def test_a_scope_of_another_service_or_region_is_refused(
    attacker: Attacker, signed_service: str, region: str
) -> None:
    signing = Signing(attacker.root, "codecommit", region, scope_service=signed_service)
    refused(attacker.signed(signing, OPERATION, BODY))


def test_a_scope_of_another_day_is_refused(attacker: Attacker) -> None:
    refused(attacker.signed(Signing(attacker.root, "codecommit", scope_date="20200101"), OPERATION, BODY))


def test_a_wrong_secret_of_a_known_key_and_a_known_secret_of_a_wrong_key_are_refused(
    attacker: Attacker, victims: Victims
) -> None:
    for key in (
        (victims.root[0], victims.nobody[1]),
        (victims.stranger[0], victims.root[1]),
        (victims.root[0], ""),
        ("", victims.root[1]),
        ("AKIA" + "X" * 124, "x"),
        ("ASIAXXXXXXXXXXXXXXXX", "x"),
        ("AKIA\x7f", "x"),
    ):
        refused(attacker.json("ListRepositories", {}, key=key))


def test_repeated_headers_are_refused(attacker: Attacker) -> None:
    head = good(attacker)
    for name, value in head:
        if name.lower() in ("authorization", "x-amz-date", "x-amz-target", "content-type"):
            refused(attacker.ask("POST", "/", [*head, (name, value)], BODY))
            refused(attacker.ask("POST", "/", [(name, "x"), *head], BODY))


# --- presigned -------------------------------------------------------------------------------


def presigned(attacker: Attacker, **changes: str) -> str:
    """Return the query of a presigned GetCallerIdentity, changed before it is signed."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = sigv4.credential_scope(stamp[:8], "us-east-1", "sts")
    fields = {
        **query_fields("sts", "GetCallerIdentity", {}),
        "X-Amz-Algorithm": sigv4.ALGORITHM,
        "X-Amz-Credential": f"{attacker.root[0]}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "host",
        **changes,
    }
    query = urlencode(fields, quote_via=quote, safe="")
    canonical = sigv4.canonical_request(
        method="GET",
        raw_path="/",
        raw_query=query,
        headers=[("host", attacker.api_host)],
        signed_headers=["host"],
        payload_sha256=sigv4.EMPTY_SHA256,
    )
    key = sigv4.signing_key(attacker.root[1], stamp[:8], "us-east-1", "sts")
    return f"{query}&X-Amz-Signature={sigv4.sign(key, sigv4.string_to_sign(stamp, scope, canonical))}"


def test_a_presigned_request_is_taken_whole_or_not_at_all(attacker: Attacker) -> None:
    query = presigned(attacker)
    assert attacker.ask("GET", f"/?{query}").status == 200
    for other in (
        query + "&x=1",
        query + "&Action=ListUsers",
        query.replace("GetCallerIdentity", "GetSessionToken"),
        query + "&" + query,
        query + "&X-Amz-Signature=" + "0" * 64,
        query[:-1],
        query.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
        query.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
    ):
        refused(attacker.ask("GET", f"/?{other}"))
    refused(
        attacker.ask("POST", f"/?{query}", [("Content-Type", "application/x-www-form-urlencoded")], b"x=1")
    )
    refused(attacker.ask("GET", f"/?{query}", good(attacker)))
    refused(attacker.ask("GET", f"/?{query}", [("X-Amz-Security-Token", "x")]))


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "99999999999", "1e3", "", "x", "0x10", "\u0663"])
def test_a_presigned_request_is_good_for_a_week_at_most(attacker: Attacker, expires: str) -> None:
    refused(attacker.ask("GET", "/?" + presigned(attacker, **{"X-Amz-Expires": expires})))


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_presigned_request_of_another_time_is_refused(attacker: Attacker, hours: int) -> None:
    stamp = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ")
    refused(attacker.ask("GET", "/?" + presigned(attacker, **{"X-Amz-Date": stamp})))
