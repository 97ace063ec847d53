"""Verifying header and presigned signatures; the signer is botocore's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from moorage.auth import sigv4
from moorage.auth.claims import Claim, read_claim
from moorage.auth.signed_request import SignedRequest
from moorage.auth.signing_keys import SigningKeys
from moorage.core import faults
from moorage.core import sigv4 as core_sigv4
from moorage.core.faults import Fault
from moorage.core.secrets import Secret

KEY_ID = "AKIAEXAMPLE00000TEST"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEMOORAGE//////////8BEaCXVzLWVhc3QtMiJ+token/with==chars"
NOW = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)
STAMP = "20240229T123456Z"
HOST = "codecommit.us-east-2.amazonaws.com.localhost:8443"
BODY = b'{"repositoryName":"demo"}'
KEYS = SigningKeys()


def frozen(signer: Any, request: Any) -> None:
    """Sign as botocore does, at NOW."""
    request.context["timestamp"] = STAMP
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


def received(request: Any) -> SignedRequest:
    url = urlsplit(request.url)
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    return SignedRequest.of(
        request.method,
        url.path.encode(),
        url.query.encode(),
        [*headers, (b"Host", url.netloc.encode()), (b"User-Agent", b"aws-cli")],
        request.data or b"",
    )


def signed(
    headers: Mapping[str, str] | None = None, *, token: str | None = None, service: str = "codecommit"
) -> SignedRequest:
    request: Any = AWSRequest(method="POST", url=f"https://{HOST}/?b=2&a=1", data=BODY)
    request.headers["X-Amz-Target"] = "CodeCommit_20150413.GetRepository"
    request.headers["Content-Type"] = "application/x-amz-json-1.1"
    for name, value in (headers or {}).items():
        request.headers[name] = value
    frozen(SigV4Auth(Credentials(KEY_ID, SECRET, token), service, "us-east-2"), request)
    return received(request)


def presigned(*, token: str | None = None, expires: int = 3600) -> SignedRequest:
    url = f"https://{HOST}/?Action=GetCallerIdentity&Version=2011-06-15"
    request: Any = AWSRequest(method="GET", url=url)
    frozen(SigV4QueryAuth(Credentials(KEY_ID, SECRET, token), "sts", "us-east-2", expires), request)
    return received(request)


def secret_of(claim: Claim) -> Secret | None:
    return Secret(SECRET) if claim.access_key_id == KEY_ID else None


def verify(
    request: SignedRequest,
    *,
    service: str = "codecommit",
    region: str | None = "us-east-2",
    now: datetime = NOW,
) -> Claim:
    claim = read_claim(request)
    sigv4.verify(claim, request, service=service, region=region, now=now, secret_of=secret_of, keys=KEYS)
    return claim


def refusal(request: SignedRequest, **expected: Any) -> Fault:
    with pytest.raises(Fault) as refused:
        verify(request, **expected)
    return refused.value


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    """The request with a header replaced, or without it."""
    kept = [(other, text) for other, text in request.headers if other != name]
    added = [] if value is None else [(name, value)]
    return dataclasses.replace(request, headers=(*kept, *added))


def with_another(request: SignedRequest, name: str, value: str) -> SignedRequest:
    return dataclasses.replace(request, headers=(*request.headers, (name, value)))


# --- what is accepted ----------------------------------------------------------------------------


def test_what_botocore_signs_is_accepted() -> None:
    claim = verify(signed())
    assert (claim.access_key_id, claim.region, claim.service) == (KEY_ID, "us-east-2", "codecommit")
    assert claim.session_token is None


def test_a_session_token_is_handed_on_and_does_not_show() -> None:
    claim = verify(signed(token=TOKEN))
    assert claim.session_token is not None
    assert claim.session_token.reveal() == TOKEN
    assert TOKEN not in repr(claim)


def test_what_botocore_presigns_is_accepted() -> None:
    claim = verify(presigned(token=TOKEN), service="sts")
    assert claim.session_token is not None
    assert claim.session_token.reveal() == TOKEN
    assert claim.expires_in == timedelta(hours=1)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amz-Meta": "  two   words  "},
        {"X-Amz-Meta": "a\tb"},
        {"X-Amz-Meta": ""},
        {"X-Amz-Meta": "grün €"},
        {"Date": "anything: botocore replaces it"},
    ],
)
def test_odd_headers_are_signed_as_botocore_signs_them(headers: Mapping[str, str]) -> None:
    verify(signed(headers))


def test_a_header_given_twice_is_signed_as_a_list() -> None:
    request: Any = AWSRequest(method="POST", url=f"https://{HOST}/", data=BODY)
    request.headers.add_header("X-Amz-Meta", " one ")
    request.headers.add_header("X-Amz-Meta", "two")
    frozen(SigV4Auth(Credentials(KEY_ID, SECRET), "codecommit", "us-east-2"), request)
    verify(received(request))


def test_the_payloads_hash_may_be_declared_and_is_checked() -> None:
    from hashlib import sha256

    verify(signed({"X-Amz-Content-SHA256": sha256(BODY).hexdigest()}))


def test_a_region_not_expected_in_advance_is_told_by_the_claim() -> None:
    assert verify(signed(), region=None).region == "us-east-2"


@pytest.mark.parametrize("skew", [timedelta(minutes=5), timedelta(minutes=-5), timedelta(0)])
def test_clocks_may_differ_by_five_minutes_either_way(skew: timedelta) -> None:
    verify(signed(), now=NOW + skew)


@pytest.mark.parametrize("later", [-300, 0, 3600])
def test_a_presigned_request_is_good_until_it_expires(later: int) -> None:
    verify(presigned(), service="sts", now=NOW + timedelta(seconds=later))


def test_a_presigned_request_may_live_for_a_week() -> None:
    verify(presigned(expires=604_800), service="sts", now=NOW + timedelta(days=7))


# --- what is refused -----------------------------------------------------------------------------


def test_a_request_without_a_signature_is_told_so() -> None:
    fault = refusal(with_header(signed(), "authorization", None))
    assert fault.code == faults.MISSING_AUTHENTICATION_TOKEN


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (301, "expired: 20240229T123456Z is now earlier than 20240229T123457Z (20240229T123957Z - 5 min.)"),
        (-301, "not yet current: 20240229T123456Z is still later than 20240229T123455Z (20240229T122955Z + "),
    ],
)
def test_a_second_more_of_skew_is_refused_and_told(seconds: int, says: str) -> None:
    fault = refusal(signed(), now=NOW + timedelta(seconds=seconds))
    assert fault.code == faults.SIGNATURE_DOES_NOT_MATCH
    assert fault.message.startswith(f"Signature {says}")
    assert fault.message.endswith("5 min.)")


@pytest.mark.parametrize("seconds", [3601, -301])
def test_a_presigned_request_is_refused_out_of_its_time(seconds: int) -> None:
    fault = refusal(presigned(), service="sts", now=NOW + timedelta(seconds=seconds))
    assert fault.code == faults.SIGNATURE_DOES_NOT_MATCH


@pytest.mark.parametrize("expires", [0, -1, 604_801, 10**12])
def test_a_presigned_request_may_not_live_for_ever(expires: int) -> None:
    assert refusal(presigned(expires=expires), service="sts").code == faults.INCOMPLETE_SIGNATURE


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ({"region": "us-east-1"}, "valid region, not 'us-east-2'"),
        ({"service": "kms"}, "correct service: 'kms'"),
    ],
)
def test_a_scope_that_is_not_ours_is_refused(expected: Mapping[str, str], says: str) -> None:
    fault = refusal(signed(), **expected)
    assert fault.code == faults.SIGNATURE_DOES_NOT_MATCH
    assert says in fault.message


def test_an_unknown_key_is_refused() -> None:
    request = signed()
    header = request.values("authorization")[0].replace(KEY_ID, "AKIASOMEBODYELSE0000")
    fault = refusal(with_header(request, "authorization", header))
    assert fault.code == faults.INVALID_CLIENT_TOKEN_ID


def test_the_secret_is_not_asked_for_when_the_claim_is_stale() -> None:
    request = signed()
    asked: list[Claim] = []
    with pytest.raises(Fault):
        sigv4.verify(
            read_claim(request),
            request,
            service="codecommit",
            region=None,
            now=NOW + timedelta(days=1),
            secret_of=asked.append,
            keys=KEYS,
        )
    assert asked == []


def _edited(request: SignedRequest, old: str, new: str) -> SignedRequest:
    """The request with its Authorization header edited."""
    header = request.values("authorization")[0]
    assert old in header
    return with_header(request, "authorization", header.replace(old, new))


OTHER_TARGET = "CodeCommit_20150413.DeleteRepository"
MUTATIONS = {
    "method": lambda request: dataclasses.replace(request, method="PUT"),
    "path": lambda request: dataclasses.replace(request, raw_path="/x"),
    "query value": lambda request: dataclasses.replace(request, raw_query="b=2&a=2"),
    "query name": lambda request: dataclasses.replace(request, raw_query="b=2&A=1"),
    "query lost": lambda request: dataclasses.replace(request, raw_query="b=2"),
    "query repeated": lambda request: dataclasses.replace(request, raw_query="b=2&a=1&a=1"),
    "body": lambda request: dataclasses.replace(request, body_sha256="0" * 64),
    "host": lambda request: with_header(request, "host", "kms.us-east-2.amazonaws.com.localhost:8443"),
    "host's case": lambda request: with_header(request, "host", HOST.upper()),
    "host lost": lambda request: with_header(request, "host", None),
    "host twice": lambda request: with_another(request, "host", HOST),
    "target": lambda request: with_header(request, "x-amz-target", OTHER_TARGET),
    "target lost": lambda request: with_header(request, "x-amz-target", None),
    "target twice": lambda request: with_another(request, "x-amz-target", OTHER_TARGET),
    "content type": lambda request: with_header(request, "content-type", "text/plain"),
    "token": lambda request: with_header(request, "x-amz-security-token", TOKEN + "x"),
    "token lost": lambda request: with_header(request, "x-amz-security-token", None),
    "date": lambda request: with_header(request, "x-amz-date", "20240229T123457Z"),
    "date's day": lambda request: with_header(request, "x-amz-date", "20240301T123456Z"),
    "new x-amz header": lambda request: with_another(request, "x-amz-meta-new", "1"),
    "key": lambda request: _edited(request, KEY_ID, KEY_ID[:-1] + "U"),
    "scope's date": lambda request: _edited(request, "/20240229/", "/20240228/"),
    "scope's region": lambda request: _edited(request, "/us-east-2/", "/us-east-1/"),
    "scope's service": lambda request: _edited(request, "/codecommit/", "/kms/"),
    "scope's end": lambda request: _edited(request, "/aws4_request", "/aws4_other"),
    "host unsigned": lambda request: _edited(request, "content-type;host;", "content-type;"),
    "signed header lost": lambda request: _edited(request, "content-type;host", "host"),
    "signed header added": lambda request: _edited(request, "content-type;host", "accept;content-type;host"),
    "signed header there added": lambda request: _edited(request, "x-amz-target", "user-agent;x-amz-target"),
    "token unsigned": lambda request: _edited(request, ";x-amz-security-token", ""),
    "signature cut": lambda request: _edited(request, request.values("authorization")[0][-2:], ""),
    "signature in capitals": lambda request: with_header(
        request, "authorization", (header := request.values("authorization")[0])[:-64] + header[-64:].upper()
    ),
    "signature no ASCII": lambda request: with_header(
        request, "authorization", request.values("authorization")[0][:-1] + "é"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_change_of_any_signed_field_is_refused(mutation: Any) -> None:
    request = signed(token=TOKEN)
    verify(request)
    assert refusal(mutation(request), region=None).code in {
        faults.SIGNATURE_DOES_NOT_MATCH,
        faults.INCOMPLETE_SIGNATURE,
        faults.INVALID_CLIENT_TOKEN_ID,
    }


@pytest.mark.parametrize("position", range(64))
def test_a_change_of_any_digit_of_the_signature_is_refused(position: int) -> None:
    request = signed()
    header = request.values("authorization")[0]
    place = len(header) - 64 + position
    digit = "0" if header[place] != "0" else "1"
    changed = header[:place] + digit + header[place + 1 :]
    assert refusal(with_header(request, "authorization", changed)).message == sigv4.MISMATCH


PRESIGNED_MUTATIONS = {
    "action": ("Action=GetCallerIdentity", "Action=AssumeRole"),
    "lifetime": ("X-Amz-Expires=3600", "X-Amz-Expires=604800"),
    "date": ("X-Amz-Date=20240229T123456Z", "X-Amz-Date=20240229T123457Z"),
    "key": (KEY_ID, KEY_ID[:-1] + "U"),
    "token": ("X-Amz-Security-Token=IQ", "X-Amz-Security-Token=IR"),
    "parameter added": ("Action=", "Extra=1&Action="),
    "parameter lost": ("&Version=2011-06-15", ""),
    "signature": ("X-Amz-Signature=", "X-Amz-Signature=0"),
    "signed headers": ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=user-agent"),
    "algorithm": ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
}


@pytest.mark.parametrize("change", PRESIGNED_MUTATIONS.values(), ids=PRESIGNED_MUTATIONS.keys())
def test_a_change_of_any_part_of_a_presigned_request_is_refused(change: tuple[str, str]) -> None:
    request = presigned(token=TOKEN)
    assert change[0] in request.raw_query
    changed = dataclasses.replace(request, raw_query=request.raw_query.replace(*change))
    refusal(changed, service="sts")


def test_a_presigned_request_may_not_bring_a_body_or_headers_that_are_not_signed() -> None:
    request = presigned()
    refusal(dataclasses.replace(request, body_sha256="0" * 64), service="sts")
    refusal(with_another(request, "x-amz-target", "TrentService.Decrypt"), service="sts")
    refusal(with_another(request, "x-amz-security-token", TOKEN), service="sts")


@pytest.mark.parametrize(
    "name", ["X-Amz-Signature", "X-Amz-Date", "X-Amz-Credential", "X-Amz-Algorithm", "X-Amz-Expires"]
)
def test_a_presigned_request_needs_each_parameter_once(name: str) -> None:
    request = presigned()
    pairs = request.raw_query.split("&")
    kept = [pair for pair in pairs if not pair.startswith(name)]
    lost = dataclasses.replace(request, raw_query="&".join(kept))
    assert refusal(lost, service="sts").code == faults.INCOMPLETE_SIGNATURE
    twice = dataclasses.replace(request, raw_query="&".join(pairs + [p for p in pairs if p.startswith(name)]))
    assert refusal(twice, service="sts").code == faults.INCOMPLETE_SIGNATURE


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64, ""])
def test_an_unsigned_or_another_payload_is_refused(payload: str) -> None:
    fault = refusal(signed({"X-Amz-Content-SHA256": payload}))
    assert "x-amz-content-sha256" in fault.message


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("AWS4-HMAC-SHA256", "requires 'Credential' parameter"),
        ("AWS4-HMAC-SHA256 Credential=a/20240229/us-east-2/iam/aws4_request", "requires 'Signature'"),
        ("AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host,Signature=0", "exactly 5 slash-delimited"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,Signature=0", "valid terminator"),
        ("AWS4-HMAC-SHA256 Credential=a/b//d/aws4_request,SignedHeaders=host,Signature=0", "exactly 5"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=Host,Signature=0", "lower-case"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=host;accept,Signature=0", "sorted"),
        ("AWS4-HMAC-SHA256 Credential=a,Credential=b,SignedHeaders=host,Signature=0", "cannot be read"),
        ("AWS4-HMAC-SHA256 nonsense", "cannot be read"),
        ("AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/aws4_request", "Unsupported AWS 'algorithm'"),
        ("AWS AKIDEXAMPLE:c2lnbmF0dXJl", "Unsupported AWS 'algorithm'"),
        ("Basic dXNlcjpwYXNz", "Unsupported AWS 'algorithm'"),
        ("AWS4-HMAC-SHA256 " + "x" * 70_000, "too long"),
    ],
)  # fmt: skip
def test_half_a_signature_is_told_what_it_lacks(header: str, says: str) -> None:
    fault = refusal(with_header(signed(), "authorization", header))
    assert fault.code == faults.INCOMPLETE_SIGNATURE
    assert says in fault.message
    assert "c2lnbmF0dXJl" not in fault.message
    assert "dXNlcjpwYXNz" not in fault.message


@pytest.mark.parametrize("name", ["authorization", "x-amz-date", "x-amz-security-token"])
def test_two_headers_where_one_counts_are_refused(name: str) -> None:
    request = signed(token=TOKEN)
    assert refusal(with_another(request, name, request.values(name)[0])).code == faults.INCOMPLETE_SIGNATURE


def test_a_header_and_a_presigned_signature_together_are_refused() -> None:
    request = signed()
    both = dataclasses.replace(request, raw_query=presigned().raw_query)
    assert refusal(both).code == faults.INCOMPLETE_SIGNATURE


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "2024-02-29T12:34:56Z",
        "20240230T123456Z",
        "20240229T123456",
        "\u0662\u0660240229T123456Z",  # Arabic digits
        "99999999T999999Z",
    ],
)
def test_a_date_of_another_form_is_refused(date: str) -> None:
    fault = refusal(with_header(signed(), "x-amz-date", date))
    assert fault.code == faults.INCOMPLETE_SIGNATURE


def test_without_x_amz_date_the_date_header_counts() -> None:
    request = signed({"Date": "replaced by botocore"})
    assert request.values("x-amz-date") == []
    assert request.values("date") == ["Thu, 29 Feb 2024 12:34:56 -0000"]
    verify(request)
    assert refusal(with_header(request, "date", None)).code == faults.INCOMPLETE_SIGNATURE


@given(
    header=st.text(max_size=200) | st.text(max_size=200).map(lambda text: f"AWS4-HMAC-SHA256 {text}"),
    query=st.text(max_size=100) | st.text(max_size=100).map(lambda text: f"X-Amz-Signature=0&{text}"),
    date=st.text(max_size=40),
)
def test_no_header_query_or_date_breaks_the_verifier(header: str, query: str, date: str) -> None:
    request = SignedRequest(
        "POST", "/", query, (("host", HOST), ("authorization", header), ("date", date)), "0" * 64
    )
    refusal(request)


def test_a_time_without_zone_is_a_bug_and_not_a_refusal() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verify(signed(), now=NOW.replace(tzinfo=None))


# --- signing keys --------------------------------------------------------------------------------


def test_signing_keys_are_kept_apart_by_all_they_derive_from() -> None:
    keys = SigningKeys()
    base = ("AKIA1", Secret("one"), "20240229", "us-east-1", "iam")
    derived = {keys.derive(*base)}
    for index, other in enumerate(("AKIA2", Secret("two"), "20240301", "us-east-2", "sts")):
        changed = [*base]
        changed[index] = other
        derived.add(keys.derive(*changed))  # type: ignore[arg-type] # one argument at a time
    # The key id is not part of the derivation, so its entry is another with the same key.
    assert (len(derived), len(keys)) == (5, 6)
    assert keys.derive(*base) in derived
    assert len(keys) == 6


def test_the_cache_is_bounded_and_drops_the_least_used() -> None:
    keys = SigningKeys(kept=2)
    for name in ("A", "B", "A", "C"):
        keys.derive(name, Secret("s"), "20240229", "us-east-1", "iam")
    assert len(keys) == 2
    assert [place[0] for place in keys._keys] == ["A", "C"]


def test_no_secret_stands_in_the_cache() -> None:
    keys = SigningKeys()
    keys.derive("AKIA1", Secret("very-secret"), "20240229", "us-east-1", "iam")
    assert "very-secret" not in repr(vars(keys))


def resigned(request: SignedRequest, date: str = STAMP[:8]) -> SignedRequest:
    """The request signed anew by hand, with all its headers, under the scope of a day."""
    claim = read_claim(request)
    canonical = core_sigv4.canonical_request(
        method=request.method,
        raw_path=request.raw_path,
        raw_query=request.raw_query,
        headers=request.headers,
        signed_headers=claim.signed_headers,
        payload_sha256=request.body_sha256,
    )
    scope = core_sigv4.credential_scope(date, "us-east-2", "codecommit")
    key = core_sigv4.signing_key(SECRET, date, "us-east-2", "codecommit")
    signature = core_sigv4.sign(key, core_sigv4.string_to_sign(STAMP, scope, canonical))
    made = _edited(_edited(request, "/20240229/", f"/{date}/"), claim.signature, signature)
    sigv4.check_signature(read_claim(made), made, Secret(SECRET), KEYS)  # true by itself
    return made


def test_a_signing_key_of_another_day_signs_nothing_today() -> None:
    """Whoever holds a day's derived key must not be able to use it for ever."""
    assert "Date in Credential scope does not match" in refusal(resigned(signed(), "20240228")).message


def test_two_hosts_are_refused_even_when_both_are_signed() -> None:
    request = resigned(with_another(signed(), "host", "kms.us-east-2.amazonaws.com"))
    assert "exactly one Host" in refusal(request).message


def test_a_host_or_target_that_is_not_signed_is_refused_even_when_the_rest_is() -> None:
    without_host = resigned(_edited(signed(), "content-type;host;", "content-type;"))
    assert "'Host' or ':authority' must be" in refusal(without_host).message
    without_target = resigned(_edited(signed(), ";x-amz-target", ""))
    assert "which were not signed: x-amz-target" in refusal(without_target).message
