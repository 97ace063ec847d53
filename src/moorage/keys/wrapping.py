"""Data keys under KMS keys, and the keys' material under the root key."""

from __future__ import annotations

from collections.abc import Callable

from moorage.core.faults import Fault
from moorage.crypto import ciphertext, key_specs
from moorage.crypto.ciphertext import Sealer
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKey
from moorage.crypto.streams import DataKey
from moorage.storage.kms_keys import KmsKeyRow

# AWS says that the repository's id is the encryption context, not under which name [G].
ENCRYPTION_CONTEXT_KEY = "aws:codecommit:id"

# Returns a version's sealed material among those that rotations replaced, None where there is none.
OldMaterials = Callable[[int], bytes | None]


def place(key_id: str) -> str:
    """Return what a key's material, of whatever version, is sealed for."""
    return f"kms-key {key_id}"


def new_material(root_key: RootKey, key_id: str, spec: str = key_specs.SYMMETRIC) -> bytes:
    """Make a KMS key's material and seal it, as its row holds it."""
    return root_key.seal(key_specs.new_material(spec), place(key_id))


def encrypt(root_key: RootKey, key: KmsKeyRow, plaintext: bytes, context: dict[str, str]) -> bytes:
    """Return a ciphertext under the newest material of a symmetric key."""
    sealer = Sealer(key.key_id, key.material_version)
    return ciphertext.seal(material(root_key, key), sealer, plaintext, context)


def decrypt(
    root_key: RootKey, key: KmsKeyRow, sealed: bytes, context: dict[str, str], old: OldMaterials
) -> bytes:
    """Return the plaintext of what a symmetric key encrypted, under whichever of its materials.

    Raises:
        OpenFailed: it was changed, or key or context are others.
    """
    sealer = ciphertext.sealer_of(sealed)
    if sealer.key_id != key.key_id:
        raise OpenFailed("encrypted under another key")
    return ciphertext.unseal(material(root_key, key, sealer.version, old), sealed, context)


def wrap(root_key: RootKey, key: KmsKeyRow, data_key: DataKey, repository_id: str) -> bytes:
    """Return a data key wrapped by a KMS key, for one repository alone."""
    return encrypt(root_key, key, data_key.serialize(), _context(repository_id))


def unwrap(
    root_key: RootKey, key: KmsKeyRow, wrapped: bytes, repository_id: str, old: OldMaterials
) -> DataKey:
    """Return a repository's data key.

    Raises:
        Fault: EncryptionIntegrityChecksFailedException, it was changed, belongs to another
            repository, or is wrapped by another key.
    """
    try:
        return DataKey.parse(decrypt(root_key, key, wrapped, _context(repository_id), old))
    except (OpenFailed, ValueError) as error:
        raise _broken(key, "data key", error) from error


def material(
    root_key: RootKey, key: KmsKeyRow, version: int | None = None, old: OldMaterials = lambda _version: None
) -> bytes:
    """Return the newest material of a key, or that of a version.

    Raises:
        OpenFailed: there is no such version.
        Fault: EncryptionIntegrityChecksFailedException, what is stored was changed, or the root key is
            another.
    """
    newest = version is None or version == key.material_version
    sealed = key.material_sealed if newest else old(version or 0)
    if sealed is None:
        raise OpenFailed(f"the key has no material of version {version}")
    try:
        return root_key.open(sealed, place(key.key_id))
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


def _context(repository_id: str) -> dict[str, str]:
    return {ENCRYPTION_CONTEXT_KEY: repository_id}
