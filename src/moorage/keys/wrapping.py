"""Data keys under KMS keys, and the keys' material under the root key."""

from __future__ import annotations

import json
import os
import uuid

from moorage.core.faults import Fault
from moorage.crypto import envelope
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKey
from moorage.crypto.streams import DataKey
from moorage.storage.kms_keys import KmsKeyRow

# AWS says that the repository's id is the encryption context, not under which name [G].
ENCRYPTION_CONTEXT_KEY = "aws:codecommit:id"


def new_material(root_key: RootKey, key_id: str) -> bytes:
    """Make a KMS key's material and seal it, as its row holds it."""
    return root_key.seal(os.urandom(envelope.KEY_BYTES), _place(key_id))


def reseal_material(root_key: RootKey, key: KmsKeyRow) -> bytes:
    """Return a key's material sealed under the root key that seals now."""
    return root_key.seal(root_key.open(key.material_sealed, _place(key.key_id)), _place(key.key_id))


def wrap(root_key: RootKey, key: KmsKeyRow, data_key: DataKey, repository_id: str) -> bytes:
    """Return a data key wrapped by a KMS key, for one repository alone."""
    material = _material(root_key, key)
    return envelope.seal(material, _header(key), data_key.serialize(), _context(repository_id))


def unwrap(root_key: RootKey, key: KmsKeyRow, wrapped: bytes, repository_id: str) -> DataKey:
    """Return a repository's data key.

    Raises:
        Fault: EncryptionIntegrityChecksFailedException, it was changed, belongs to another
            repository, or is wrapped by another key.
    """
    material = _material(root_key, key)
    try:
        serialized = envelope.unseal(material, _header(key), wrapped, _context(repository_id))
        return DataKey.parse(serialized)
    except (OpenFailed, ValueError) as error:
        raise _broken(key, "data key", error) from error


def _material(root_key: RootKey, key: KmsKeyRow) -> bytes:
    try:
        return root_key.open(key.material_sealed, _place(key.key_id))
    except OpenFailed as error:
        raise _broken(key, "key material", error) from error


def _broken(key: KmsKeyRow, what: str, error: Exception) -> Fault:
    return Fault(
        "EncryptionIntegrityChecksFailedException",
        "An encryption integrity check failed.",
        status=500,
        key_arn=key.arn,
        what=what,
        cause=str(error),
    )


def _place(key_id: str) -> str:
    return f"kms-key {key_id}"


def _header(key: KmsKeyRow) -> bytes:
    return uuid.UUID(key.key_id).bytes


def _context(repository_id: str) -> bytes:
    return json.dumps({ENCRYPTION_CONTEXT_KEY: repository_id}, sort_keys=True, separators=(",", ":")).encode()
