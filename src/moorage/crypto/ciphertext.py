"""What a KMS key encrypts: a blob that names the key and the version of its material that opens it.

The form is that of `envelope`, with a header of its own; the encryption context is authenticated.
"""

from __future__ import annotations

import json
import os
import struct
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from moorage.crypto import envelope
from moorage.crypto.envelope import OpenFailed

_FORM = b"\x02"
_HEADER = struct.Struct(">c16sI")  # form, key id, version of the material
_NONCE_BYTES = 12
_TAG_BYTES = 16
# What the first release wrapped data keys with: an envelope under the key's id alone.
_FIRST_FORM = b"\x01"
_KEY_ID_BYTES = 16

KMS_KEY_BYTES = envelope.KEY_BYTES


class Sealer(NamedTuple):
    """The key, and the version of its material, that a ciphertext says opens it."""

    key_id: str
    version: int


def seal(material: bytes, sealer: Sealer, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """Return the ciphertext of a text under one version of a key's material (AES-256-GCM).

    Nonces are random: one version is good for 2**32 texts (NIST SP 800-38D, section 8.3).
    """
    header = _HEADER.pack(_FORM, uuid.UUID(sealer.key_id).bytes, sealer.version)
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + AESGCM(material).encrypt(nonce, plaintext, header + _associated(context))


def sealer_of(sealed: bytes) -> Sealer:
    """Return what a ciphertext says opens it; nothing of that is proved yet.

    Raises:
        OpenFailed: it has no such form.
    """
    if sealed.startswith(_FIRST_FORM):
        return Sealer(str(uuid.UUID(bytes=envelope.key_id_of(sealed, _KEY_ID_BYTES))), 0)
    if not sealed.startswith(_FORM) or len(sealed) < _HEADER.size + _NONCE_BYTES + _TAG_BYTES:
        raise OpenFailed("not a ciphertext of a KMS key")
    _, key_id, version = _HEADER.unpack_from(sealed)
    return Sealer(str(uuid.UUID(bytes=key_id)), version)


def unseal(material: bytes, sealed: bytes, context: Mapping[str, str]) -> bytes:
    """Return the plaintext of a ciphertext.

    Raises:
        OpenFailed: any byte of it, the material or the context is another.
    """
    if sealed.startswith(_FIRST_FORM):
        key_id = envelope.key_id_of(sealed, _KEY_ID_BYTES)
        return envelope.unseal(material, key_id, sealed, _associated(context))
    sealer_of(sealed)
    header, rest = sealed[: _HEADER.size], sealed[_HEADER.size :]
    nonce, text = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    try:
        return AESGCM(material).decrypt(nonce, text, header + _associated(context))
    except InvalidTag:
        raise OpenFailed("changed, or sealed with another encryption context") from None


def _associated(context: Mapping[str, str]) -> bytes:
    """The order of an encryption context's pairs does not matter: it is sorted."""
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
