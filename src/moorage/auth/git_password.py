"""Git passwords: what a Basic header holds, and whether its signature is true for this request.

Pure, like `auth.sigv4`. The signature does not say which host, path form and region were signed, so
it is compared with each that a real client would have used for this very request (`hosts`, `paths`).

Source: AWS CLI `codecommit credential-helper` and git-remote-codecommit, as measured; every vector of
those measurements is a unit test.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from moorage.core import faults, sigv4
from moorage.core.faults import Fault
from moorage.core.secrets import Secret

if TYPE_CHECKING:
    from moorage.auth.signing_keys import SigningKeys

# How long a password is good for, either side of its time, unless the setting says otherwise.
LIFETIME = timedelta(minutes=15)
# Git sends headers up to this long; session tokens of tens of kilobytes were seen to pass.
MAX_AUTHORIZATION_BYTES = 64 * 1024

# What Git appends to the URL that was signed.
_SERVICE_SUFFIXES = ("/info/refs", "/git-upload-pack", "/git-receive-pack")
_PASSWORD = re.compile(r"([0-9]{8}T[0-9]{6})Z([0-9a-f]{64})")
_CUT_PASSWORD = re.compile(r"[0-9]{8}T[0-9]{6}Z.*", re.DOTALL)
_ACCESS_KEY_ID = re.compile(r"A(KIA|SIA)[A-Z0-9]{12,124}")
_HELP = "Check that Git asks the credential helper: git config --get-all credential.helper"


@dataclass(frozen=True, slots=True)
class GitSignature:
    """A Git password: who signed, when and what the signature is."""

    access_key_id: str
    session_token: Secret | None
    signed_at: datetime
    time: str  # YYYYMMDDTHHMMSS as signed
    signature: str

    @property
    def hash(self) -> str:
        """What stands for this password in a row: SHA-256 in hex, of no use to sign in with."""
        text = f"{self.access_key_id}\n{self.time}Z{self.signature}"
        return hashlib.sha256(sigv4.encode(text)).hexdigest()


@dataclass(frozen=True, slots=True)
class GitCredential:
    """A user name and password that are no signature: perhaps a service-specific credential."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that is true: which region it is for, and whether its time is over.

    `expired` is only ever True where the caller allowed it.
    """

    region: str
    signature_hash: str
    expired: bool


def unauthorized(code: str, message: str, **detail: object) -> Fault:
    """A refusal that Git heals from: HTTP 401, so that it drops the credential and asks anew."""
    return Fault(code, message, status=401, **detail)


def read_basic(authorization: str | None) -> GitSignature | GitCredential:
    """Return what an Authorization header holds (its value as UTF-8 with `surrogateescape`).

    The last colon ends the user name, for a password has none and a session token may; the first
    percent sign ends the access key, and the token follows.

    Raises:
        Fault: with status 401, for no header, another scheme, no password (as curl sends by itself
            for https://name@host/), a cut signature, or an access key with another password.
    """
    if not authorization:
        raise unauthorized(faults.MISSING_AUTHENTICATION_TOKEN, "Authentication is required.")
    username, password = _user_and_password(authorization)
    if not password:
        raise unauthorized(faults.MISSING_AUTHENTICATION_TOKEN, "A password is required.")
    found = _PASSWORD.fullmatch(password)
    if found is not None:
        return _signature(username, found[1], found[2])
    if _CUT_PASSWORD.fullmatch(password):
        message = f"The password starts as a signature and is not one: it may have been cut short. {_HELP}"
        raise unauthorized(faults.INCOMPLETE_SIGNATURE, message)
    if _ACCESS_KEY_ID.fullmatch(username.partition("%")[0]):
        message = (
            "The user name is an access key, and the password is not a signature made with it. "
            f"An access key's secret is never sent to a server. {_HELP}"
        )
        raise unauthorized(faults.INCOMPLETE_SIGNATURE, message)
    return GitCredential(username, Secret(password))


def _user_and_password(authorization: str) -> tuple[str, str]:
    unreadable = unauthorized(faults.INCOMPLETE_SIGNATURE, "The Authorization header is not valid Basic.")
    if len(authorization) > MAX_AUTHORIZATION_BYTES:
        raise unauthorized(faults.INCOMPLETE_SIGNATURE, "The Authorization header is too long.")
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        raise unauthorized(faults.INCOMPLETE_SIGNATURE, "Only Basic authentication is spoken here.")
    try:
        decoded = base64.b64decode(sigv4.encode(encoded.strip()), validate=True)
    except (binascii.Error, ValueError):
        raise unreadable from None
    username, colon, password = decoded.decode("utf-8", "surrogateescape").rpartition(":")
    if not colon or "\0" in username:
        raise unreadable
    return username, password


def _signature(username: str, time: str, signature: str) -> GitSignature:
    access_key_id, percent, token = username.partition("%")
    try:
        signed_at = datetime.strptime(time, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # as 30 February
        message = f"The password is a signature of no real time. {_HELP}"
        raise unauthorized(faults.INCOMPLETE_SIGNATURE, message) from None
    return GitSignature(access_key_id, Secret(token) if percent else None, signed_at, time, signature)


def signed_path(raw_path: str) -> str:
    """Return the part of a request's path that is signed: without what Git appended for a service."""
    for suffix in _SERVICE_SUFFIXES:
        if raw_path.endswith(suffix):
            return raw_path.removesuffix(suffix)
    return raw_path


def hosts(host: str) -> list[str]:
    """Return the hosts that clients sign for a Host header, the likeliest first. Case is kept.

    The AWS CLI's helper signs what stands before the first colon, of an IPv6 literal therefore `[`;
    git-remote-codecommit signs host and port, while curl does not send the port 443.
    """
    found = [sigv4.host_without_port(host), host]
    has_port = re.search(r":[0-9]+$", host) is not None
    if not has_port:
        found.append(f"{host}:443")
    elif host.startswith("["):
        found.append(host.rpartition(":")[0])
    return list(dict.fromkeys(found))


def paths(raw_path: str) -> list[str]:
    """Return the paths that clients sign for a request, the likeliest first.

    Git hands its helper the decoded path without leading and trailing slashes; git-remote-codecommit
    signs the escapes. Called by hand with a leading slash, the helper signs two.
    """
    bare = "/" + signed_path(raw_path).lstrip("/")
    forms = [form for text in (sigv4.uri_decode(bare), bare) for form in (text.rstrip("/"), text)]
    once = list(dict.fromkeys(form for form in forms if form))
    return once + ["/" + form for form in once]


def verify(
    claim: GitSignature,
    *,
    host: str,
    raw_path: str,
    regions: Iterable[str],
    secret: Secret,
    keys: SigningKeys,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    allow_expired: bool = False,
) -> Verified:
    """Return the region a password was signed for, of `regions` in the order they are likely.

    `allow_expired` lets a signature pass whose time is over, for a push that began in time; whoever
    allows it must check that it did.

    Raises:
        Fault: with status 401. SignatureDoesNotMatch when no candidate's signature is this one,
            ExpiredToken when it is true and too old, SignatureDoesNotMatch with the clocks' difference
            when it is true and of a time to come.
    """
    # The canonical request does not name the region: hash it once for all of them.
    candidates = [sigv4.git_canonical_sha256(name, path) for name in hosts(host) for path in paths(raw_path)]
    region = _region(claim, candidates, regions, secret, keys)
    if region is None:
        raise unauthorized(faults.SIGNATURE_DOES_NOT_MATCH, _mismatch(host))
    if now.utcoffset() is None:
        raise ValueError("now must have a time zone")
    age = now - claim.signed_at
    if -age > lifetime:
        raise unauthorized(faults.SIGNATURE_DOES_NOT_MATCH, _not_yet(claim, now))
    if age > lifetime and not allow_expired:
        raise unauthorized(faults.EXPIRED_TOKEN, _expired(claim, now, lifetime))
    return Verified(region, claim.hash, expired=age > lifetime)


def _region(
    claim: GitSignature, candidates: list[str], regions: Iterable[str], secret: Secret, keys: SigningKeys
) -> str | None:
    date = claim.time[:8]
    given = claim.signature.encode("ascii")
    for region in regions:
        key = keys.derive(claim.access_key_id, secret, date, region, sigv4.GIT_SERVICE)
        for canonical in candidates:
            text = sigv4.git_string_to_sign(canonical, time=claim.time, region=region)
            if hmac.compare_digest(sigv4.sign(key, text).encode("ascii"), given):
                return region
    return None


def _mismatch(host: str) -> str:
    shown = host[:100].encode("ascii", "replace").decode("ascii")
    return (
        f"The signature is not that of this access key for this repository at {shown}. Check the secret "
        "access key in your profile, that credential.UseHttpPath is true, and, on a host name without a "
        "region, that your region is one this server serves."
    )


def _expired(claim: GitSignature, now: datetime, lifetime: timedelta) -> str:
    return (
        f"The password was signed {_span(now - claim.signed_at)} ago and is good for {_span(lifetime)}. "
        f"{_clocks(claim, now)} Run the command again; if that does not help, a credential store keeps the "
        "old password, or your clock is wrong."
    )


def _not_yet(claim: GitSignature, now: datetime) -> str:
    ahead = _span(claim.signed_at - now)
    return f"Your clock is {ahead} ahead of the server's. {_clocks(claim, now)} Set your clock."


def _clocks(claim: GitSignature, now: datetime) -> str:
    return (
        f"Signed at {claim.signed_at:%Y-%m-%d %H:%M:%S} UTC; the server's clock says "
        f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
    )


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 120 * 60:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} days"
