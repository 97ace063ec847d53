"""Verifies Signature Version 4: in the Authorization header or, presigned, in the query string.

Pure: the secret, the time and what is expected come in as arguments. A request passes `read_claim`
(what does it say?), `check_claim` (is it meant for us, now?) and `check_signature` (is it true?);
`verify` is all three. Each way to fail is a Fault of its own, worded as AWS words it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moorage.auth.signing_keys import SigningKeys
from moorage.core import faults, sigv4
from moorage.core.faults import Fault
from moorage.core.secrets import Secret

if TYPE_CHECKING:
    from moorage.auth.claims import Claim
    from moorage.auth.signed_request import SignedRequest

# How far a request's time may be from ours, either way. Source: IAM User Guide.
SKEW = timedelta(minutes=5)

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
UNKNOWN_KEY = "The security token included in the request is invalid."


def mismatch(message: str = MISMATCH, **detail: object) -> Fault:
    """The refusal of a signature that is not right, or not right here and now."""
    return Fault(faults.SIGNATURE_DOES_NOT_MATCH, message, status=403, **detail)


def unknown_key(**detail: object) -> Fault:
    """The refusal of an access key or session token that is not known, or not active."""
    return Fault(faults.INVALID_CLIENT_TOKEN_ID, UNKNOWN_KEY, status=403, **detail)


def expired_token(**detail: object) -> Fault:
    """The refusal of temporary credentials whose time is over."""
    message = "The security token included in the request is expired"
    return Fault(faults.EXPIRED_TOKEN, message, status=403, **detail)


def check_claim(
    claim: Claim, request: SignedRequest, *, service: str, region: str | None, now: datetime
) -> None:
    """Refuse a claim that is not for this service and region, is not fresh, or covers too little.

    `region` None accepts any region; the caller must then take it from the claim and check it.

    Raises:
        Fault: SignatureDoesNotMatch, with what is wrong.
    """
    if claim.scope_date != claim.timestamp[:8]:
        raise mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.scope_date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if region is not None and claim.region != region:
        raise mismatch(f"Credential should be scoped to a valid region, not '{claim.region}'.")
    if claim.service != service:
        raise mismatch(f"Credential should be scoped to correct service: '{service}'.")
    _check_coverage(claim, request)
    _check_time(claim, now)


def _check_coverage(claim: Claim, request: SignedRequest) -> None:
    if "host" not in claim.signed_headers:
        raise mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    present = {name.lower() for name, _ in request.headers}
    unsigned = sorted(
        name for name in present if name.startswith("x-amz-") and name not in claim.signed_headers
    )
    if unsigned:
        raise mismatch(
            f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        )
    if not present.issuperset(claim.signed_headers):
        raise mismatch(absent_headers=sorted(set(claim.signed_headers) - present))
    if len(request.values("host")) != 1:
        raise mismatch("The request must have exactly one Host header.")
    for declared in request.values("x-amz-content-sha256"):
        # None of our services takes an unsigned payload, so UNSIGNED-PAYLOAD fails here as well.
        if not hmac.compare_digest(sigv4.encode(declared), sigv4.encode(request.body_sha256)):
            raise mismatch("The provided 'x-amz-content-sha256' header does not match what was computed.")


def _check_time(claim: Claim, now: datetime) -> None:
    if now.utcoffset() is None:
        raise ValueError("now must have a time zone")
    lifetime = SKEW if claim.expires_in is None else claim.expires_in
    if now - claim.signed_at > lifetime:
        raise mismatch(
            f"Signature expired: {claim.timestamp} is now earlier than {_stamp(now - lifetime)} "
            f"({_stamp(now)} - {_span(lifetime)}.)"
        )
    if claim.signed_at - now > SKEW:
        raise mismatch(
            f"Signature not yet current: {claim.timestamp} is still later than {_stamp(now + SKEW)} "
            f"({_stamp(now)} + {_span(SKEW)}.)"
        )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def check_signature(claim: Claim, request: SignedRequest, secret: Secret, keys: SigningKeys) -> None:
    """Refuse a claim whose signature this secret did not make.

    Raises:
        Fault: SignatureDoesNotMatch.
    """
    canonical = sigv4.canonical_request(
        method=request.method,
        raw_path=request.raw_path,
        raw_query=claim.signed_query,
        headers=request.headers,
        signed_headers=claim.signed_headers,
        payload_sha256=request.body_sha256,
    )
    scope = sigv4.credential_scope(claim.scope_date, claim.region, claim.service)
    key = keys.derive(claim.access_key_id, secret, claim.scope_date, claim.region, claim.service)
    expected = sigv4.sign(key, sigv4.string_to_sign(claim.timestamp, scope, canonical))
    if not hmac.compare_digest(expected.encode("ascii"), sigv4.encode(claim.signature)):
        raise mismatch()


def verify(
    claim: Claim,
    request: SignedRequest,
    *,
    service: str,
    region: str | None,
    now: datetime,
    secret_of: Callable[[Claim], Secret | None],
    keys: SigningKeys,
) -> None:
    """Refuse a request that is not what the holder of the claimed key signed, for us, just now.

    `secret_of` returns the secret of the claim's key and session token, None when it knows none; it
    may raise a Fault of its own, as for an expired token. It is asked only for fresh claims.

    Raises:
        Fault: SignatureDoesNotMatch or InvalidClientTokenId.
    """
    check_claim(claim, request, service=service, region=region, now=now)
    secret = secret_of(claim)
    if secret is None:
        raise unknown_key()
    check_signature(claim, request, secret, keys)
