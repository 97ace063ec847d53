"""Encrypt, Decrypt and ReEncrypt. A ciphertext of a symmetric key names the key that opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.crypto import ciphertext, signatures
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.key_specs import ENCRYPT, SPECS, SYMMETRIC
from moorage.keys import wrapping
from moorage.keys.key_access import about_encryption_context
from moorage.services.kms import answers, names, refusals, targets
from moorage.services.kms.names import Named
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import key_target, on_key
from moorage.storage import kms_keys, kms_materials

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow
    from moorage.wire.dispatch import Target


def usable(call: Call, request: Request, name: str, usage: str, operation: str) -> KmsKeyRow:
    """Return the key that a cryptographic operation names, fit for it.

    Raises:
        Fault: NotFoundException, DisabledException, KMSInvalidStateException, InvalidKeyUsageException,
            InvalidGrantTokenException.
    """
    targets.require_grant_tokens(call, request)
    key = names.required(call, name)
    refusals.require_usable(key)
    refusals.require_usage(key, usage, operation)
    return key


def require_no_enclave(request: Mapping[str, Any]) -> None:
    """Refuse an answer for a Nitro enclave: there are none here."""
    if "Recipient" in request:
        raise refusals.invalid("This server has no enclaves: leave Recipient out.")


def encrypt_with(
    call: Call, key: KmsKeyRow, plaintext: bytes, context: dict[str, str], algorithm: str = SYMMETRIC
) -> bytes:
    """Return a ciphertext under a key.

    Raises:
        Fault: InvalidKeyUsageException, the key has no such algorithm; ValidationException.
    """
    _require_fit(key, context, algorithm)
    if key.key_spec == SYMMETRIC:
        return wrapping.encrypt(call.root_key, key, plaintext, context)
    try:
        return signatures.encrypt(wrapping.material(call.root_key, key), algorithm, plaintext)
    except ValueError:
        raise refusals.invalid(f"The plaintext is too long for {key.key_spec} with {algorithm}.") from None


def decrypt_with(
    call: Call, key: KmsKeyRow, sealed: bytes, context: dict[str, str], algorithm: str = SYMMETRIC
) -> bytes:
    """Return the plaintext of a ciphertext.

    Raises:
        Fault: InvalidCiphertextException, it was changed, or key or encryption context are others.
    """

    def old(version: int) -> bytes | None:
        with call.database.read() as connection:
            return kms_materials.sealed(connection, key.key_id, version)

    _require_fit(key, context, algorithm)
    try:
        if key.key_spec == SYMMETRIC:
            return wrapping.decrypt(call.root_key, key, sealed, context, old)
        return signatures.decrypt(wrapping.material(call.root_key, key), algorithm, sealed)
    except OpenFailed:
        raise Fault("InvalidCiphertextException") from None


def material_of(key: KmsKeyRow, sealed: bytes) -> str | None:
    """Return the id of the material that a ciphertext is of; None for an asymmetric key."""
    if key.key_spec != SYMMETRIC:
        return None
    return answers.material_id(key, ciphertext.sealer_of(sealed).version)


def _require_fit(key: KmsKeyRow, context: dict[str, str], algorithm: str) -> None:
    refusals.require_algorithm(key, algorithm, SPECS[key.key_spec].encryption)
    if context and key.key_spec != SYMMETRIC:
        raise refusals.invalid("An asymmetric key takes no encryption context.")


@kms.operation("Encrypt", resource=on_key(targets.encryption_context, aliases=True, abroad=True))
def encrypt(call: Call, request: Request) -> Answer:
    key = usable(call, request, request["KeyId"], ENCRYPT, "Encrypt")
    algorithm = request.get("EncryptionAlgorithm", SYMMETRIC)
    sealed = encrypt_with(call, key, request["Plaintext"], request.get("EncryptionContext", {}), algorithm)
    if request.get("DryRun", False):
        raise refusals.dry_run()
    return {"CiphertextBlob": sealed, "KeyId": key.arn, "EncryptionAlgorithm": algorithm}


def opener(
    call: Call, request: Mapping[str, Any], member: str = "KeyId", algorithm: str = "EncryptionAlgorithm"
) -> Named:
    """Return the key that opens the ciphertext of a request: by the ciphertext, else as named.

    Raises:
        Fault: InvalidCiphertextException; IncorrectKeyException, the key named is another;
            AccessDeniedException, the ciphertext's key is not there.
    """
    named = names.find(call, request[member], aliases=True) if member in request else None
    if named is not None and named.key is not None and named.key.key_spec != SYMMETRIC:
        return named
    if request.get(algorithm, SYMMETRIC) != SYMMETRIC:
        if named is None:
            raise refusals.invalid("A ciphertext of an asymmetric key takes a KeyId.")
        return named
    if named is not None and named.key is None:
        return named
    sealer = _sealer(request["CiphertextBlob"])
    if named is not None and named.key is not None:
        if named.key.key_id != sealer:
            raise Fault(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            )
        return named
    key = call.database.ask(kms_keys.find, sealer)
    if key is None or key.region != call.caller.region or key.state == "Deleted":
        raise refusals.unknown_ciphertext_key()
    return Named(key.arn, key.account_id, key, by_ciphertext=True)


def _sealer(sealed: bytes) -> str:
    try:
        return ciphertext.sealer_of(sealed).key_id
    except OpenFailed:
        raise Fault("InvalidCiphertextException") from None


def _opened(call: Call, request: Mapping[str, Any]) -> list[Target]:
    if "CiphertextBlob" not in request:
        raise refusals.invalid("CiphertextBlob is required.")
    return [key_target(call, opener(call, request), targets.encryption_context(request))]


def _require_ciphertext_tried(request: Mapping[str, Any]) -> None:
    if request.get("DryRunModifiers"):
        raise refusals.unsupported("This server tries the ciphertext as well: leave out DryRunModifiers.")


@kms.operation("Decrypt", resource=_opened)
def decrypt(call: Call, request: Request) -> Answer:
    require_no_enclave(request)
    _require_ciphertext_tried(request)
    key = usable(call, request, opener(call, request).arn, ENCRYPT, "Decrypt")
    sealed, algorithm = request["CiphertextBlob"], request.get("EncryptionAlgorithm", SYMMETRIC)
    plaintext = decrypt_with(call, key, sealed, request.get("EncryptionContext", {}), algorithm)
    if request.get("DryRun", False):
        raise refusals.dry_run()
    return {
        "KeyId": key.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": algorithm,
        "KeyMaterialId": material_of(key, sealed),
    }


def _both(call: Call, request: Mapping[str, Any]) -> Iterator[Target]:
    """ReEncrypt takes ReEncryptFrom on the one key and ReEncryptTo on the other."""
    if "CiphertextBlob" not in request:
        raise refusals.invalid("CiphertextBlob is required.")
    source = _source(call, request)
    target = names.find(call, request["DestinationKeyId"], aliases=True)
    same = source.key is not None and target.key is not None and source.key.key_id == target.key.key_id
    for action, named, side in (
        ("kms:ReEncryptFrom", source, "Source"),
        ("kms:ReEncryptTo", target, "Destination"),
    ):
        about: dict[str, tuple[str, ...]] = {
            **about_encryption_context(request.get(f"{side}EncryptionContext", {})),
            "kms:ReEncryptOnSameKey": (str(same).lower(),),
        }
        if algorithm := request.get(f"{side}EncryptionAlgorithm"):
            about["kms:EncryptionAlgorithm"] = (algorithm,)
        yield _as(action, key_target(call, named, about))


def _source(call: Call, request: Mapping[str, Any]) -> Named:
    return opener(call, request, "SourceKeyId", "SourceEncryptionAlgorithm")


def _as(action: str, target: Target) -> Target:
    ask = target.ask
    assert ask is not None, "a key is asked about in its own way"
    return target.__class__(target.arn, target.context, lambda _operation: ask(action))


@kms.operation("ReEncrypt", resource=_both)
def re_encrypt(call: Call, request: Request) -> Answer:
    """Decrypt and encrypt again within the service: the plaintext leaves it never."""
    _require_ciphertext_tried(request)
    source = usable(call, request, _source(call, request).arn, ENCRYPT, "ReEncrypt")
    target = usable(call, request, request["DestinationKeyId"], ENCRYPT, "ReEncrypt")
    source_algorithm = request.get("SourceEncryptionAlgorithm", SYMMETRIC)
    target_algorithm = request.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    given: bytes = request["CiphertextBlob"]
    plaintext = decrypt_with(
        call, source, given, request.get("SourceEncryptionContext", {}), source_algorithm
    )
    context = request.get("DestinationEncryptionContext", {})
    sealed = encrypt_with(call, target, plaintext, context, target_algorithm)
    if request.get("DryRun", False):
        raise refusals.dry_run()
    return {
        "CiphertextBlob": sealed,
        "SourceKeyId": source.arn,
        "KeyId": target.arn,
        "SourceEncryptionAlgorithm": source_algorithm,
        "DestinationEncryptionAlgorithm": target_algorithm,
        "SourceKeyMaterialId": material_of(source, given),
        "DestinationKeyMaterialId": material_of(target, sealed),
    }
