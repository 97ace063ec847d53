"""What keys and their parts look like in answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from moorage.core.clock import from_milliseconds
from moorage.crypto.key_specs import ENCRYPT, MAC, SIGN, SPECS, SYMMETRIC

if TYPE_CHECKING:
    from moorage.services.kms.service import Answer
    from moorage.storage.kms_keys import KmsKeyRow

_ALGORITHMS = {ENCRYPT: "EncryptionAlgorithms", SIGN: "SigningAlgorithms", MAC: "MacAlgorithms"}


def metadata(key: KmsKeyRow) -> Answer:
    """Return a key's metadata. What it has not is left out."""
    shown: Answer = {
        "AWSAccountId": key.account_id,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": from_milliseconds(key.created_at_ms),
        "Enabled": key.state == "Enabled",
        "Description": key.description,
        "KeyUsage": key.key_usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "MultiRegion": False,
        _ALGORITHMS[key.key_usage]: list(SPECS[key.key_spec].algorithms(key.key_usage)),
    }
    if key.key_spec == SYMMETRIC:
        shown["CurrentKeyMaterialId"] = material_id(key)
    if key.state == "PendingDeletion" and key.deletion_at_ms is not None:
        shown["DeletionDate"] = from_milliseconds(key.deletion_at_ms)
    return shown


def material_id(key: KmsKeyRow, version: int | None = None) -> str:
    """Return the id of a version of a key's material, of the newest by default: 64 hexadecimal digits."""
    shown = key.material_version if version is None else version
    return hashlib.sha256(f"{key.key_id}:{shown}".encode()).hexdigest()
