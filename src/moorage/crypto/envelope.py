"""AES-256-GCM for small secrets, with a header that says which key opens it."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class OpenFailed(Exception):
    """A sealed secret was changed, moved to another place, or sealed under another key."""


def seal(key: bytes, key_id: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Return version, key id, nonce and ciphertext. The header and `context` are authenticated.

    Nonces are random: one key is good for 2**32 secrets (NIST SP 800-38D, section 8.3).
    """
    header = _VERSION + key_id
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + context)


def key_id_of(sealed: bytes, length: int) -> bytes:
    """Return the id, `length` bytes long, of the key that seals it.

    Raises:
        OpenFailed: it has no such form.
    """
    if not sealed.startswith(_VERSION) or len(sealed) < 1 + length + _NONCE_BYTES + _TAG_BYTES:
        raise OpenFailed("not a sealed secret")
    return sealed[1 : 1 + length]


def unseal(key: bytes, key_id: bytes, sealed: bytes, context: bytes) -> bytes:
    """Return the plaintext.

    Raises:
        OpenFailed: any byte of it, the key or the context is another.
    """
    if key_id_of(sealed, len(key_id)) != key_id:
        raise OpenFailed("sealed under another key")
    header, rest = sealed[: 1 + len(key_id)], sealed[1 + len(key_id) :]
    try:
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + context)
    except InvalidTag:
        raise OpenFailed("changed, or not sealed for this place") from None
