"""Keys for use outside of the service: made here, handed out in clear, encrypted, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.crypto import key_specs
from moorage.crypto.key_specs import ENCRYPT, SYMMETRIC
from moorage.services.kms import pages, refusals, targets
from moorage.services.kms.encryption import encrypt_with, material_of, require_no_enclave, usable
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import anything, on_key

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow

_SIZES = {"AES_256": 32, "AES_128": 16}
_with_context = on_key(targets.encryption_context, aliases=True, abroad=True)


@kms.operation("GenerateDataKey", resource=_with_context)
def generate_data_key(call: Call, request: Request) -> Answer:
    require_no_enclave(request)
    plaintext, answer = _data_key(call, request, "GenerateDataKey")
    return {**answer, "Plaintext": plaintext}


@kms.operation("GenerateDataKeyWithoutPlaintext", resource=_with_context)
def generate_data_key_without_plaintext(call: Call, request: Request) -> Answer:
    _, answer = _data_key(call, request, "GenerateDataKeyWithoutPlaintext")
    return answer


def _data_key(call: Call, request: Request, operation: str) -> tuple[bytes, Answer]:
    key = _symmetric(call, request, operation)
    if ("KeySpec" in request) == ("NumberOfBytes" in request):
        raise refusals.invalid("Please specify either number of bytes or key spec.")
    size = request.get("NumberOfBytes") or _SIZES[request["KeySpec"]]
    plaintext = call.entropy(size)
    sealed = encrypt_with(call, key, plaintext, request.get("EncryptionContext", {}))
    if request.get("DryRun", False):
        raise refusals.dry_run()
    return plaintext, {
        "CiphertextBlob": sealed,
        "KeyId": key.arn,
        "KeyMaterialId": material_of(key, sealed),
    }


@kms.operation("GenerateDataKeyPair", resource=_with_context)
def generate_data_key_pair(call: Call, request: Request) -> Answer:
    require_no_enclave(request)
    private, answer = _pair(call, request, "GenerateDataKeyPair")
    return {**answer, "PrivateKeyPlaintext": private}


@kms.operation("GenerateDataKeyPairWithoutPlaintext", resource=_with_context)
def generate_data_key_pair_without_plaintext(call: Call, request: Request) -> Answer:
    _, answer = _pair(call, request, "GenerateDataKeyPairWithoutPlaintext")
    return answer


def _pair(call: Call, request: Request, operation: str) -> tuple[bytes, Answer]:
    key = _symmetric(call, request, operation)
    spec = request["KeyPairSpec"]
    if spec not in key_specs.SPECS:
        raise refusals.unsupported(f"This server has no key pairs of the spec {spec}.")
    if request.get("DryRun", False):
        raise refusals.dry_run()
    private = key_specs.new_private_key(spec)
    sealed = encrypt_with(call, key, private, request.get("EncryptionContext", {}))
    return private, {
        "PrivateKeyCiphertextBlob": sealed,
        "PublicKey": key_specs.public_key(private),
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": material_of(key, sealed),
    }


def _symmetric(call: Call, request: Request, operation: str) -> KmsKeyRow:
    key = usable(call, request, request["KeyId"], ENCRYPT, operation)
    refusals.require_algorithm(key, SYMMETRIC, key_specs.SPECS[key.key_spec].encryption)
    return key


@kms.operation("GenerateRandom", resource=anything())
def generate_random(call: Call, request: Request) -> Answer:
    pages.require_no_store(request)
    require_no_enclave(request)
    if "NumberOfBytes" not in request:
        raise refusals.invalid("NumberOfBytes is required.")
    return {"Plaintext": call.entropy(request["NumberOfBytes"])}
