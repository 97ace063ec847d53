"""What a request says of its signature, before any of it is believed."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from moorage.core import faults, sigv4
from moorage.core.faults import Fault
from moorage.core.secrets import Secret

if TYPE_CHECKING:
    from moorage.auth.signed_request import SignedRequest

# Longest that a presigned URL may be good for. Source: AWS General Reference, X-Amz-Expires.
MAX_EXPIRES = timedelta(days=7)
# An Authorization header, whose length AWS's own temporary credentials stay far below.
MAX_AUTHORIZATION_BYTES = 64 * 1024

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_PART = re.compile(r"\s*(Credential|SignedHeaders|Signature)\s*=\s*([^,\s]+)\s*")
_QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The signature of a request and what it says it covers.

    `timestamp` is as signed (YYYYMMDDTHHMMSSZ); `signed_query` is the query string that it covers.
    `expires_in` is set for presigned requests only.
    """

    access_key_id: str
    scope_date: str
    region: str
    service: str
    timestamp: str
    signed_at: datetime
    signed_headers: tuple[str, ...]
    signature: str
    signed_query: str
    session_token: Secret | None = None
    expires_in: timedelta | None = None


def read_claim(request: SignedRequest) -> Claim:
    """Return the one claim that a request makes, from its Authorization header or its query string.

    Raises:
        Fault: MissingAuthenticationToken when it makes none, IncompleteSignature for half a one or two.
    """
    authorizations = request.values("authorization")
    presigned = _query_values(request.raw_query)
    if authorizations and presigned:
        raise incomplete(
            "Only one of the Authorization header and the X-Amz-Signature parameter may be given."
        )
    if presigned:
        return _presigned(request, presigned)
    if not authorizations:
        raise missing()
    if len(authorizations) > 1:
        raise incomplete("The request has more than one Authorization header.")
    return _from_header(request, authorizations[0])


def missing() -> Fault:
    """The refusal of a request that is not signed."""
    return Fault(faults.MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token", status=403)


def incomplete(message: str) -> Fault:
    """The refusal of a signature that cannot be read."""
    return Fault(faults.INCOMPLETE_SIGNATURE, message)


def _from_header(request: SignedRequest, authorization: str) -> Claim:
    if len(authorization) > MAX_AUTHORIZATION_BYTES:
        raise incomplete("The Authorization header is too long.")
    algorithm, _, rest = authorization.strip().partition(" ")
    if algorithm != sigv4.ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:40]}'. {_hashed(authorization)}")
    parts: dict[str, str] = {}
    for text in filter(str.strip, rest.split(",")):
        found = _PART.fullmatch(text)
        if found is None or found[1] in parts:
            raise incomplete(f"The Authorization header cannot be read. {_hashed(authorization)}")
        parts[found[1]] = found[2]
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if name not in parts]
    stamp = _header_stamp(request)
    complaints = [f"Authorization header requires '{name}' parameter." for name in absent]
    if stamp is None:
        complaints.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if complaints or stamp is None:
        raise incomplete(f"{' '.join(complaints)} {_hashed(authorization)}")
    token = _single(request.values("x-amz-security-token"), "X-Amz-Security-Token")
    return _claim(
        parts["Credential"], stamp, parts["SignedHeaders"], parts["Signature"],
        query=request.raw_query, token=token, expires_in=None,
    )  # fmt: skip


def _hashed(authorization: str) -> str:
    digest = base64.b64encode(hashlib.sha256(sigv4.encode(authorization)).digest()).decode("ascii")
    return f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"


def _header_stamp(request: SignedRequest) -> str | None:
    stamp = _single(request.values("x-amz-date"), "X-Amz-Date")
    if stamp is not None:
        return stamp.strip()
    date = _single(request.values("date"), "Date")
    if date is None or _STAMP.fullmatch(date.strip()):
        return date and date.strip()
    try:
        # RFC 9110's form; a time without zone counts as UTC.
        moment = parsedate_to_datetime(date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return date


def _single(values: list[str], name: str) -> str | None:
    if len(values) > 1:
        raise incomplete(f"The request has more than one {name}.")
    return values[0] if values else None


def _query_values(raw_query: str) -> dict[str, list[str]]:
    """Return the signature's parameters of a query string; none when it is not presigned."""
    found: dict[str, list[str]] = {}
    for pair in raw_query.split("&"):
        name, _, value = pair.partition("=")
        decoded = sigv4.uri_decode(name)
        if decoded.startswith("X-Amz-"):
            found.setdefault(decoded, []).append(sigv4.uri_decode(value))
    signed = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"}
    return found if signed & found.keys() else {}


def _presigned(request: SignedRequest, values: dict[str, list[str]]) -> Claim:
    given = {name: _single(several, f"{name} parameter") for name, several in values.items()}
    absent = [name for name in _QUERY_PARTS if not given.get(name)]
    if absent:
        complaints = " ".join(f"AWS query-string parameters must include '{name}'." for name in absent)
        raise incomplete(f"{complaints} Re-examine the query-string parameters.")
    if given["X-Amz-Algorithm"] != sigv4.ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{str(given['X-Amz-Algorithm'])[:40]}'.")
    if request.values("x-amz-security-token"):
        raise incomplete("A presigned request carries its security token in the query string.")
    signed_query = "&".join(
        pair
        for pair in request.raw_query.split("&")
        if sigv4.uri_decode(pair.partition("=")[0]) != "X-Amz-Signature"
    )
    return _claim(
        given["X-Amz-Credential"] or "", given["X-Amz-Date"] or "",
        given["X-Amz-SignedHeaders"] or "", given["X-Amz-Signature"] or "",
        query=signed_query, token=given.get("X-Amz-Security-Token"),
        expires_in=_expires_in(given["X-Amz-Expires"] or ""),
    )  # fmt: skip


def _expires_in(text: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise incomplete("X-Amz-Expires must be a number of seconds.")
    length = timedelta(seconds=int(text))
    if not timedelta(seconds=1) <= length <= MAX_EXPIRES:
        raise incomplete("X-Amz-Expires must be between 1 second and a week (604800 seconds).")
    return length


def _claim(
    credential: str,
    stamp: str,
    signed_headers: str,
    signature: str,
    *,
    query: str,
    token: str | None,
    expires_in: timedelta | None,
) -> Claim:
    elements = credential.split("/")
    if len(elements) != 5 or not all(elements):
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    access_key_id, date, region, service, terminator = elements
    if terminator != sigv4.TERMINATOR:
        raise incomplete(f"Credential should be scoped with a valid terminator: '{sigv4.TERMINATOR}'.")
    names = tuple(signed_headers.split(";"))
    if list(names) != sorted({name.lower() for name in names}):
        raise incomplete("SignedHeaders must be lower-case names, sorted, each once.")
    return Claim(
        access_key_id, date, region, service, stamp, _moment(stamp), names, signature, query,
        Secret(token) if token else None, expires_in,
    )  # fmt: skip


def _moment(stamp: str) -> datetime:
    unreadable = incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp[:40]}'.")
    if _STAMP.fullmatch(stamp) is None:
        raise unreadable
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # as 30 February
        raise unreadable from None
