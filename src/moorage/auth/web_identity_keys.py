"""The keys that issuers sign with: found by discovery, kept for a while, fetched again when unknown.

Source: OpenID Connect Discovery 1.0; RFC 7517 (JSON Web Key).
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from moorage.auth.web_identity_fetch import CertificateRefused, Document, FetchFailed
from moorage.core.faults import Fault, unavailable

if TYPE_CHECKING:
    from moorage.storage.oidc_providers import OidcProviderRow

log = structlog.get_logger(__name__)

Fetch = Callable[[str, Sequence[str]], Document]
Key = jwk.RSAKey | jwk.ECKey

# A key taken away is believed this long at most, whatever the issuer says of its document's age.
LONGEST_KEPT = timedelta(hours=1)
SHORTEST_KEPT = timedelta(minutes=1)
DEFAULT_KEPT = timedelta(minutes=10)
# A token with an unknown key makes nobody fetch more often than this, and neither does a failure.
REFETCH_PAUSE = timedelta(minutes=1)
FAILURE_KEPT = timedelta(seconds=10)
MAX_ISSUERS = 1_000
MAX_KEYS = 100
MIN_RSA_BITS = 2_048
_WAIT_S = 10.0
_DISCOVERY = "/.well-known/openid-configuration"

COMMUNICATION = "Couldn't retrieve verification key from your identity provider"


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: tuple[Key, ...] = ()
    fetched_at: datetime | None = None
    good_until: datetime | None = None
    failed_at: datetime | None = None
    failure: Callable[[], Fault] | None = None

    def is_good(self, now: datetime) -> bool:
        begin, end = self.fetched_at, self.good_until
        return begin is not None and end is not None and begin <= now < end


class IssuerKeys:
    """Finds the key a token names. Any thread may ask; one asks an issuer, the others wait for it."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], _Kept] = OrderedDict()

    def find(self, provider: OidcProviderRow, key_id: str | None, now: datetime) -> Key:
        """Return the key of that id; without an id, the issuer's only one.

        Raises:
            Fault: IDPCommunicationError, the issuer could not be asked; InvalidIdentityToken, it has no
                such key, its documents make no sense, or its certificate is not trusted.
        """
        kept = self._of(provider)
        if not kept.lock.acquire(timeout=_WAIT_S):
            raise unavailable("The identity provider is being asked already; try again.")
        try:
            if not kept.is_good(now):
                self._refresh(kept, provider, now)
            found = _named(kept.keys, key_id)
            if found is None and kept.fetched_at is not None and now - kept.fetched_at >= REFETCH_PAUSE:
                self._refresh(kept, provider, now)
                found = _named(kept.keys, key_id)
        finally:
            kept.lock.release()
        if found is None:
            raise Fault(
                "InvalidIdentityToken",
                f"{COMMUNICATION}: it has no key of that id, or several and the token names none.",
            )
        return found

    def _of(self, provider: OidcProviderRow) -> _Kept:
        # Another account may trust other certificates for the same issuer: its keys are its own affair.
        which = (provider.url, provider.thumbprints)
        with self._lock:
            kept = self._kept.setdefault(which, _Kept())
            self._kept.move_to_end(which)
            while len(self._kept) > MAX_ISSUERS:
                self._kept.popitem(last=False)
            return kept

    def _refresh(self, kept: _Kept, provider: OidcProviderRow, now: datetime) -> None:
        if kept.failure and kept.failed_at and kept.failed_at <= now < kept.failed_at + FAILURE_KEPT:
            raise kept.failure()
        try:
            kept.keys, age = self._asked(provider)
        except FetchFailed as error:
            log.warning("an identity provider gave no keys", issuer=provider.url, reason=str(error))
            refused = isinstance(error, CertificateRefused)
            kept.failure = _certificate_refused if refused else _not_reached
            kept.failed_at = now
            raise kept.failure() from error
        kept.failure, kept.fetched_at = None, now
        kept.good_until = now + min(max(age, SHORTEST_KEPT), LONGEST_KEPT)

    def _asked(self, provider: OidcProviderRow) -> tuple[tuple[Key, ...], timedelta]:
        found = _json(self._fetch(provider.issuer.rstrip("/") + _DISCOVERY, provider.thumbprints))
        if found.get("issuer") != provider.issuer:
            raise FetchFailed("its discovery document is of another issuer")
        place = found.get("jwks_uri")
        if not isinstance(place, str) or not place.isascii() or not place.isprintable() or " " in place:
            raise FetchFailed("its discovery document has no jwks_uri")
        document = self._fetch(place, provider.thumbprints)
        listed = _json(document).get("keys")
        if not isinstance(listed, list):
            raise FetchFailed("its key set has no keys")
        keys = tuple(key for each in listed[:MAX_KEYS] if (key := _usable(each)) is not None)
        return keys, DEFAULT_KEPT if document.max_age is None else timedelta(seconds=document.max_age)


def _json(document: Document) -> dict[str, Any]:
    try:
        found = json.loads(document.content)
    except (ValueError, RecursionError) as error:
        raise FetchFailed("it sent no JSON") from error
    if not isinstance(found, dict):
        raise FetchFailed("it sent no JSON object")
    return found


def _usable(listed: object) -> Key | None:
    """Return a key for signatures that tokens may be checked by; None for any other entry."""
    if not isinstance(listed, dict) or listed.get("use", "sig") != "sig" or "d" in listed:
        return None
    try:
        if listed.get("kty") == "RSA":
            key = jwk.RSAKey.import_key(listed)
            return key if key.public_key.key_size >= MIN_RSA_BITS else None
        return jwk.ECKey.import_key(listed) if listed.get("kty") == "EC" else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _named(keys: Sequence[Key], key_id: str | None) -> Key | None:
    if key_id is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.get("kid") == key_id), None)


def _not_reached() -> Fault:
    return Fault("IDPCommunicationError", f"{COMMUNICATION}; the server's log has the reason.", status=400)


def _certificate_refused() -> Fault:
    message = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
    return Fault("InvalidIdentityToken", message)
