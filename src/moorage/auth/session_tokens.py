"""Session tokens: temporary credentials that carry all they are, sealed under the root key.

Nothing is stored to issue one, and any node opens it. A token is base64 of AES-GCM over compressed JSON,
bound to its access key id. The secret is not inside: it is derived from the token, so a token stays
short enough for the credential stores that Git uses (some hold 380 characters).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from moorage.auth import sigv4
from moorage.core.clock import from_milliseconds
from moorage.core.principal import NO_FACTS, NO_TAGS, PrincipalKind
from moorage.core.secrets import Secret
from moorage.crypto import envelope
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKeyError
from moorage.storage.identifiers import LONG_TERM_KEY, TEMPORARY_KEY, Entropy, access_key_id, account_of

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey

# The longest token that is looked at: twice what the largest session's is.
MAX_TOKEN_CHARACTERS = 16_384

_FORMAT = b"\x01"
_SECRET_BYTES = 30  # forty characters of base64's alphabet, as AWS's secrets are
_ROOT_KEY_ID_BYTES = 8
_PURPOSE = "session secrets"

# What most tokens hold, so that they need not spell it. A change of it needs a new _FORMAT.
_DICTIONARY = (
    b'"saml:sub":["https://accounts.google.comrepo:refs/heads/main"condition"aws:'
    b'arn:aws-us-gov:iam::aws:policy/arn:aws-cn:iam::aws:policy/AdministratorAccess'
    b'AWSCodeCommitFullAccess"AWSCodeCommitPowerUser"AWSCodeCommitReadOnly"'
    b'arn:aws:iam::arn:aws:codecommit:us-east-1:eu-west-1:*:key/"kms:Decrypt"'
    b'{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[{\\"Sid\\":\\"Condition\\":{\\"StringEquals\\":{'
    b'\\"Effect\\":\\"Deny\\",\\"Effect\\":\\"Allow\\",\\"Action\\":[\\"codecommit:GitPush\\",'
    b'\\"codecommit:GitPull\\"],\\"Resource\\":[\\"*\\"}]}'
    b'{"k":"federated-user","i":"AIDA","k":"user","k":"role-session","i":"AROA","t":17,"d":43200,'
    b'"d":3600,"m":0,"p":["a":["arn:aws:iam::aws:policy/"g":{"x":["s":"f":{"v":"n":"botocore-session-17'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SessionContents:
    """What a token says. Times are whole seconds; see `core.principal.Session` for the fields' sense.

    `issuer_id` is the unique id of the role or user, or the account's id for its root user.
    """

    kind: PrincipalKind
    account_id: str
    issuer_id: str
    issued_at: datetime
    expires_at: datetime
    name: str | None = None
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    mfa_authenticated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    transitive_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    provider: str | None = None
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_FACTS)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials as they are handed out; `expires_at` is exact to the second."""

    access_key_id: str
    secret: Secret
    session_token: Secret
    expires_at: datetime


def issue(
    root_key: RootKey, contents: SessionContents, entropy: Entropy, *, minimum_characters: int = 0
) -> Credentials:
    """Return credentials for a session. The key id tells the account, as long-term ones do.

    `minimum_characters` makes the token at least so long, for whoever tests how tools cope.
    """
    key_id = TEMPORARY_KEY + access_key_id(contents.account_id, entropy).removeprefix(LONG_TERM_KEY)
    packed = _FORMAT + packed_bytes(_fields(contents))
    overhead = len(root_key.seal(b"", ""))
    size = max(overhead + len(packed), -(-minimum_characters // 4) * 3)
    # A whole number of threes: base64 then ends without padding.
    padded = packed.ljust(size + -size % 3 - overhead, b"\0")
    sealed = root_key.seal(padded, _context(key_id))
    token = Secret(base64.b64encode(sealed).decode("ascii"))
    return Credentials(key_id, _secret(root_key, sealed), token, contents.expires_at)


def opened(root_key: RootKey, token: Secret, key_id: str) -> tuple[SessionContents, Secret]:
    """Return what a token says, whether its time is over or not, and the secret that goes with it.

    Raises:
        Fault: InvalidClientTokenId: it is no token of ours, was changed, belongs to another key id, or was
            sealed under a root key that is held no more.
    """
    account_id = account_of(key_id)
    if account_id is None or not key_id.startswith(TEMPORARY_KEY):
        raise sigv4.unknown_key(reason="the key id is not one of ours")
    sealed = _decoded(token)
    try:
        plaintext = root_key.open(sealed, _context(key_id))
        secret = _secret(root_key, sealed)
    except (OpenFailed, RootKeyError) as error:
        raise sigv4.unknown_key(reason=f"the session token does not open: {error}") from error
    if not plaintext.startswith(_FORMAT):
        raise sigv4.unknown_key(reason="the session token is of another version")
    return _contents(account_id, _unpacked(plaintext.removeprefix(_FORMAT))), secret


def require_current(contents: SessionContents, now: datetime) -> None:
    """Refuse a session from its last second on.

    Raises:
        Fault: ExpiredToken.
    """
    if now >= contents.expires_at:
        raise sigv4.expired_token(expired_at=contents.expires_at.isoformat())


def packed_bytes(fields: Mapping[str, object]) -> bytes:
    """Return a session's fields as they are packed into a token: what a packed size counts."""
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return packer.compress(text) + packer.flush()


def _unpacked(packed: bytes) -> dict[str, Any]:
    # What follows the compressed data is padding. Only our own tokens get here, so nothing is bounded.
    fields: dict[str, Any] = json.loads(zlib.decompressobj(-zlib.MAX_WBITS, _DICTIONARY).decompress(packed))
    return fields


def _context(key_id: str) -> str:
    return f"session-token:{key_id}"


def _decoded(token: Secret) -> bytes:
    text = token.reveal()
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise sigv4.unknown_key(reason="the session token is too long")
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise sigv4.unknown_key(reason="the session token is not base64") from None
    if (
        base64.b64encode(decoded).decode("ascii") != text
    ):  # padding without end, say: a token has one spelling
        raise sigv4.unknown_key(reason="the session token is not as it was issued")
    return decoded


def _secret(root_key: RootKey, sealed: bytes) -> Secret:
    key_id = envelope.key_id_of(sealed, _ROOT_KEY_ID_BYTES).hex()
    digest = hmac.digest(root_key.derive(_PURPOSE, key_id), sealed, hashlib.sha256)
    return Secret(base64.b64encode(digest[:_SECRET_BYTES]).decode("ascii"))


def _fields(contents: SessionContents) -> dict[str, object]:
    """Return a session's fields under short names; those that say nothing are left out."""
    issued = int(contents.issued_at.timestamp())
    authenticated = contents.mfa_authenticated_at
    fields: dict[str, object] = {
        "k": contents.kind,
        "i": contents.issuer_id,
        "t": issued,
        "d": int(contents.expires_at.timestamp()) - issued,
        "m": None if authenticated is None else issued - int(authenticated.timestamp()),
        "p": contents.policies,
        "a": contents.policy_arns,
        "g": dict(contents.tags),
        "x": contents.transitive_keys,
        "s": contents.source_identity,
        "v": contents.provider,
        "f": dict(contents.facts),
        "n": contents.name,
    }
    return {name: value for name, value in fields.items() if value not in (None, (), {})}


def _contents(account_id: str, fields: Mapping[str, Any]) -> SessionContents:
    issued_at = from_milliseconds(fields["t"] * 1000)
    since_mfa = fields.get("m")
    return SessionContents(
        kind=fields["k"],
        account_id=account_id,
        issuer_id=fields["i"],
        issued_at=issued_at,
        expires_at=issued_at + timedelta(seconds=fields["d"]),
        name=fields.get("n"),
        policies=tuple(fields.get("p", ())),
        policy_arns=tuple(fields.get("a", ())),
        mfa_authenticated_at=None if since_mfa is None else issued_at - timedelta(seconds=since_mfa),
        tags=MappingProxyType(fields.get("g", {})),
        transitive_keys=tuple(fields.get("x", ())),
        source_identity=fields.get("s"),
        provider=fields.get("v"),
        facts=MappingProxyType({key: tuple(values) for key, values in fields.get("f", {}).items()}),
    )
