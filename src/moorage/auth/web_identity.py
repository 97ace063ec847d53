"""Tokens of OpenID Connect issuers: whom they speak of, once their signature is true.

Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7519; IAM User Guide, "Passing session tags in STS"
and "Available keys for OIDC federation".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from moorage.core.faults import Fault
from moorage.storage.oidc_providers import SCHEME

if TYPE_CHECKING:
    from moorage.auth.web_identity_keys import IssuerKeys
    from moorage.storage.oidc_providers import OidcProviderRow

# What AWS takes: never "none", and no secret shared with the issuer.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"})
# How far ahead an issuer's clock may be. A token's end is exact.
SKEW = timedelta(minutes=1)
MAX_SUBJECT_CHARACTERS = 255

_TAGS = "https://aws.amazon.com/tags"
_SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """What a true token says."""

    issuer: str  # its iss
    subject: str
    audience: str  # the one audience it was made for
    methods: tuple[str, ...]  # amr: how the person signed in
    tags: Mapping[str, str]
    transitive_keys: tuple[str, ...]
    source_identity: str | None

    def facts(self, provider: OidcProviderRow) -> dict[str, tuple[str, ...]]:
        """Return the condition keys of the token, as `issuer.example.org:sub`."""
        said = {"aud": (self.audience,), "sub": (self.subject,), "amr": self.methods}
        return {f"{provider.url}:{claim}": values for claim, values in said.items() if values}


def issuer_of(token: str) -> str:
    """Return the issuer a token claims, without its scheme. Nothing of the token is believed yet.

    Raises:
        Fault: InvalidIdentityToken, it is no JSON Web Token of an https issuer.
    """
    _, claims = _read(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise _missing("iss")
    if not issuer.startswith(SCHEME) or not issuer.isascii() or not issuer.isprintable():
        raise invalid("The token's issuer is not an https URL.")
    return issuer.removeprefix(SCHEME)


def verify(token: str, provider: OidcProviderRow, keys: IssuerKeys, now: datetime) -> WebIdentity:
    """Return what a token says if the provider signed it, for one of its client ids, and for now.

    Raises:
        Fault: InvalidIdentityToken, ExpiredTokenException, IDPCommunicationError.
    """
    header, _ = _read(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise invalid("The token must be signed with RS256, RS384, RS512, ES256, ES384 or ES512.")
    if key_id is not None and not isinstance(key_id, str):
        raise _no_jwt()
    key = keys.find(provider, key_id, now)
    if key.get("alg", algorithm) != algorithm:
        raise invalid("The token's signature is of another algorithm than its key.")
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError) as error:
        raise invalid("The token's signature is not valid.") from error
    if claims.get("iss") != provider.issuer:
        raise invalid("The token is of another issuer.")
    _require_current(claims, now)
    return _identity(claims, provider)


def invalid(message: str) -> Fault:
    """Return the refusal of a token, in STS's name for it."""
    return Fault("InvalidIdentityToken", message)


def _no_jwt() -> Fault:
    return invalid(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
    )


def _missing(claim: str) -> Fault:
    return invalid(f"Missing a required claim: {claim}")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims as they are written, nothing verified."""
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise _no_jwt() from error
    if not isinstance(claims, dict):
        raise _no_jwt()
    return dict(parts.headers()), claims


def _require_current(claims: Mapping[str, Any], now: datetime) -> None:
    seconds, end = now.timestamp(), _moment(claims, "exp")
    starts = [_moment(claims, name) for name in ("iat", "nbf") if name == "iat" or name in claims]
    if seconds >= end:
        raise Fault(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(seconds)} must be before the expiration date/time "
            f"{int(end)}",
        )
    if max(starts) > seconds + SKEW.total_seconds():
        raise invalid("The token is not valid yet.")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if value is None:
        raise _missing(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise invalid(f"The claim {name} is no time.")
    return value


def _identity(claims: Mapping[str, Any], provider: OidcProviderRow) -> WebIdentity:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _missing("sub")
    _require_keepable(subject, "sub")
    if len(subject) > MAX_SUBJECT_CHARACTERS:
        raise invalid(f"The claim sub has more than {MAX_SUBJECT_CHARACTERS} characters.")
    methods = _texts(claims.get("amr", []), "amr")
    tags, transitive = _session_tags(claims)
    source = claims.get(_SOURCE_IDENTITY)
    if source is not None and not isinstance(source, str):
        raise invalid(f"The claim {_SOURCE_IDENTITY} is no text.")
    audience = _audience(claims, provider)
    return WebIdentity(provider.issuer, subject, audience, methods, tags, transitive, source)


def _audience(claims: Mapping[str, Any], provider: OidcProviderRow) -> str:
    """Return the audience that a token was made for, if the provider has it as a client id.

    Of several audiences the authorized party counts: the others are whom else it may be shown to.
    """
    audiences = _texts(claims.get("aud", []), "aud")
    if not audiences:
        raise _missing("aud")
    audience: object = audiences[0] if len(audiences) == 1 else claims.get("azp")
    if not isinstance(audience, str) or audience not in audiences or audience not in provider.client_ids:
        raise invalid("Incorrect token audience")
    return audience


def _session_tags(claims: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the session tags of a token, in either form: one nested claim, or one claim a tag."""
    nested = claims.get(_TAGS, {})
    if not isinstance(nested, dict):
        raise invalid(f"The claim {_TAGS} is no object.")
    tags = nested.get("principal_tags", {})
    if not isinstance(tags, dict):
        raise invalid("principal_tags is no object.")
    flat = f"{_TAGS}/principal_tags/"
    given = {**tags, **{name.removeprefix(flat): claims[name] for name in claims if name.startswith(flat)}}
    found = {key: _texts(value, "principal_tags") for key, value in given.items()}
    if any(len(values) != 1 for values in found.values()):
        raise invalid("Each session tag must have one value.")
    transitive = nested.get("transitive_tag_keys", claims.get(f"{_TAGS}/transitive_tag_keys", []))
    return {key: values[0] for key, values in found.items()}, _texts(transitive, "transitive_tag_keys")


def _texts(value: object, claim: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = tuple(each for each in values if isinstance(each, str))
    if len(texts) != len(values):
        raise invalid(f"The claim {claim} is neither a text nor a list of texts.")
    for text in texts:
        _require_keepable(text, claim)
    return texts


def _require_keepable(text: str, claim: str) -> None:
    """Refuse what JSON can spell and nothing else can hold: half a surrogate pair, and NUL."""
    try:
        unheld = b"\0" in text.encode()
    except UnicodeEncodeError:
        unheld = True
    if unheld:
        raise invalid(f"The claim {claim} is no text.")
