"""What asymmetric and HMAC keys do."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.crypto import key_specs, signatures
from moorage.crypto.key_specs import ENCRYPT, MAC, SIGN, SPECS
from moorage.crypto.signatures import WrongDigest
from moorage.keys import wrapping
from moorage.services.kms import names, refusals, targets
from moorage.services.kms.encryption import usable
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import on_key

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow

_with_algorithm = on_key(targets.algorithm, aliases=True, abroad=True)


@kms.operation("GetPublicKey", resource=on_key(aliases=True, abroad=True))
def get_public_key(call: Call, request: Request) -> Answer:
    targets.require_grant_tokens(call, request)
    key = names.required(call, request["KeyId"])
    refusals.require_usable(key)
    spec = SPECS[key.key_spec]
    if not spec.is_asymmetric:
        raise refusals.unsupported(f"{key.arn} has no public key: its spec is {key.key_spec}.")
    shown = {ENCRYPT: "EncryptionAlgorithms", SIGN: "SigningAlgorithms"}[key.key_usage]
    return {
        "KeyId": key.arn,
        "PublicKey": key_specs.public_key(wrapping.material(call.root_key, key)),
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "KeyUsage": key.key_usage,
        shown: list(spec.algorithms(key.key_usage)),
    }


@kms.operation("Sign", resource=_with_algorithm)
def sign(call: Call, request: Request) -> Answer:
    key, algorithm, is_digest = _signing(call, request, "Sign")
    if request.get("DryRun", False):
        raise refusals.dry_run()
    material = wrapping.material(call.root_key, key)
    try:
        signature = signatures.sign(material, algorithm, request["Message"], is_digest=is_digest)
    except WrongDigest as error:
        raise refusals.invalid(str(error)) from None
    return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}


@kms.operation("Verify", resource=_with_algorithm)
def verify(call: Call, request: Request) -> Answer:
    key, algorithm, is_digest = _signing(call, request, "Verify")
    if request.get("DryRun", False):
        raise refusals.dry_run()
    material = wrapping.material(call.root_key, key)
    message, signature = request["Message"], request["Signature"]
    try:
        good = signatures.verify(material, algorithm, message, signature, is_digest=is_digest)
    except WrongDigest as error:
        raise refusals.invalid(str(error)) from None
    if not good:
        raise Fault("KMSInvalidSignatureException")
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


def _signing(call: Call, request: Request, operation: str) -> tuple[KmsKeyRow, str, bool]:
    key = usable(call, request, request["KeyId"], SIGN, operation)
    algorithm = request["SigningAlgorithm"]
    refusals.require_algorithm(key, algorithm, SPECS[key.key_spec].signing)
    kind = request.get("MessageType", "RAW")
    if kind not in {"RAW", "DIGEST"} or (kind == "DIGEST" and key.key_spec == key_specs.EDWARDS):
        raise refusals.invalid(f"MessageType {kind} is not valid for {algorithm}.")
    return key, algorithm, kind == "DIGEST"


@kms.operation("GenerateMac", resource=_with_algorithm)
def generate_mac(call: Call, request: Request) -> Answer:
    key, made = _mac(call, request, "GenerateMac")
    return {"Mac": made, "MacAlgorithm": request["MacAlgorithm"], "KeyId": key.arn}


@kms.operation("VerifyMac", resource=_with_algorithm)
def verify_mac(call: Call, request: Request) -> Answer:
    key, made = _mac(call, request, "VerifyMac")
    if not hmac.compare_digest(made, request["Mac"]):
        raise Fault("KMSInvalidMacException")
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": request["MacAlgorithm"]}


def _mac(call: Call, request: Request, operation: str) -> tuple[KmsKeyRow, bytes]:
    key = usable(call, request, request["KeyId"], MAC, operation)
    refusals.require_algorithm(key, request["MacAlgorithm"], SPECS[key.key_spec].macs)
    if request.get("DryRun", False):
        raise refusals.dry_run()
    material = wrapping.material(call.root_key, key)
    return key, signatures.mac(material, request["MacAlgorithm"], request["Message"])
