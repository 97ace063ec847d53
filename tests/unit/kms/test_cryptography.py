from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from kms_at_hand import KmsDesk
from moorage.crypto import ciphertext, envelope
from moorage.crypto.ciphertext import Sealer
from moorage.crypto.envelope import OpenFailed

TEXT, CONTEXT = b"plaintext", {"team": "a", "b": "ü"}
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MATERIAL = bytes(range(32))


@given(place=st.integers(0, 80), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_ciphertext_with_any_bit_changed_does_not_open(place: int, bit: int) -> None:
    sealed = bytearray(ciphertext.seal(MATERIAL, Sealer(KEY_ID, 3), b"x" * 32, CONTEXT))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(OpenFailed):
        ciphertext.unseal(MATERIAL, bytes(sealed), CONTEXT)


def test_a_ciphertext_names_key_and_version_and_binds_its_context() -> None:
    sealed = ciphertext.seal(MATERIAL, Sealer(KEY_ID, 3), TEXT, CONTEXT)
    assert ciphertext.sealer_of(sealed) == Sealer(KEY_ID, 3)
    assert ciphertext.unseal(MATERIAL, sealed, dict(reversed(CONTEXT.items()))) == TEXT
    with pytest.raises(OpenFailed):
        ciphertext.unseal(MATERIAL, sealed, {**CONTEXT, "c": ""})


def test_what_the_first_release_wrapped_still_opens() -> None:
    key_id = bytes.fromhex(KEY_ID.replace("-", ""))
    sealed = envelope.seal(MATERIAL, key_id, TEXT, b'{"aws:codecommit:id":"r"}')
    assert ciphertext.sealer_of(sealed) == Sealer(KEY_ID, 0)
    assert ciphertext.unseal(MATERIAL, sealed, {"aws:codecommit:id": "r"}) == TEXT


def test_what_is_encrypted_is_decrypted_with_the_same_context_alone(desk: KmsDesk) -> None:
    key_id = desk.key()
    sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=TEXT, EncryptionContext=CONTEXT)["CiphertextBlob"]
    opened = desk.ask("Decrypt", CiphertextBlob=sealed, EncryptionContext=CONTEXT)
    assert (opened["Plaintext"], opened["KeyId"].endswith(key_id)) == (TEXT, True)
    for context in ({}, {"team": "b", "b": "ü"}, {"team": "a"}):
        fault = desk.refusal("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)
        assert fault.code == "InvalidCiphertextException"


def test_a_ciphertext_is_not_opened_by_another_key(desk: KmsDesk) -> None:
    one, two = desk.key(), desk.key()
    sealed = desk.ask("Encrypt", KeyId=one, Plaintext=TEXT)["CiphertextBlob"]
    assert desk.refusal("Decrypt", CiphertextBlob=sealed, KeyId=two).code == "IncorrectKeyException"
    assert desk.ask("Decrypt", CiphertextBlob=sealed, KeyId=one)["Plaintext"] == TEXT
    assert desk.refusal("Decrypt", CiphertextBlob=b"x" * 80).code == "InvalidCiphertextException"
    assert desk.refusal("Decrypt", CiphertextBlob=sealed[:40]).code == "InvalidCiphertextException"
    assert desk.in_region("eu-west-1").refusal("Decrypt", CiphertextBlob=sealed).code == "AccessDenied"


@pytest.mark.parametrize(("size", "fits"), [(1, True), (4096, True), (4097, False)])
def test_a_plaintext_has_up_to_4096_bytes(desk: KmsDesk, size: int, fits: bool) -> None:
    key_id = desk.key()
    if fits:
        sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=b"x" * size)["CiphertextBlob"]
        assert desk.ask("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"x" * size
    else:
        assert desk.refusal("Encrypt", KeyId=key_id, Plaintext=b"x" * size).code == "ValidationError"


def test_re_encryption_changes_key_and_context(desk: KmsDesk) -> None:
    one, two = desk.key(), desk.key()
    sealed = desk.ask("Encrypt", KeyId=one, Plaintext=TEXT, EncryptionContext=CONTEXT)["CiphertextBlob"]
    again = desk.ask(
        "ReEncrypt",
        CiphertextBlob=sealed,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=two,
        DestinationEncryptionContext={"new": "1"},
    )
    assert (again["SourceKeyId"].endswith(one), again["KeyId"].endswith(two)) == (True, True)
    opened = desk.ask("Decrypt", CiphertextBlob=again["CiphertextBlob"], EncryptionContext={"new": "1"})
    assert opened["Plaintext"] == TEXT


def test_re_encryption_takes_a_right_on_each_key(desk: KmsDesk) -> None:
    one, two = desk.key(), desk.key()
    sealed = desk.ask("Encrypt", KeyId=one, Plaintext=TEXT)["CiphertextBlob"]
    request = {"CiphertextBlob": sealed, "DestinationKeyId": two}
    for number, actions in enumerate((["kms:ReEncryptFrom"], ["kms:ReEncryptTo"], ["kms:ReEncrypt"])):
        half = desk.of_user(f"half{number}", {"Effect": "Allow", "Action": actions, "Resource": "*"})
        assert half.refusal("ReEncrypt", **request).code == "AccessDenied"
    whole = desk.of_user("whole", {"Effect": "Allow", "Action": "kms:ReEncrypt*", "Resource": "*"})
    whole.ask("ReEncrypt", **request)


@pytest.mark.parametrize(
    ("asked", "size"),
    [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 64}, 64)],
)
def test_a_data_key_comes_in_clear_and_encrypted(desk: KmsDesk, asked: dict[str, Any], size: int) -> None:
    key_id = desk.key()
    made = desk.ask("GenerateDataKey", KeyId=key_id, **asked)
    assert len(made["Plaintext"]) == size
    assert desk.ask("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    silent = desk.ask("GenerateDataKeyWithoutPlaintext", KeyId=key_id, **asked)
    assert "Plaintext" not in silent
    assert len(desk.ask("Decrypt", CiphertextBlob=silent["CiphertextBlob"])["Plaintext"]) == size


def test_a_data_key_has_one_size(desk: KmsDesk) -> None:
    key_id = desk.key()
    for asked in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 32}):
        assert desk.refusal("GenerateDataKey", KeyId=key_id, **asked).code == "ValidationError"
    assert len(desk.ask("GenerateRandom", NumberOfBytes=10)["Plaintext"]) == 10


def test_a_data_key_pair_belongs_together(desk: KmsDesk) -> None:
    key_id = desk.key()
    made = desk.ask("GenerateDataKeyPair", KeyId=key_id, KeyPairSpec="ECC_NIST_P256")
    opened = desk.ask("Decrypt", CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert opened == made["PrivateKeyPlaintext"]
    private, public = load_der_private_key(opened, None), load_der_public_key(made["PublicKey"])
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.public_key() == public


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [
        ("RSA_2048", "RSASSA_PSS_SHA_256"),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512"),
        ("ECC_NIST_P256", "ECDSA_SHA_256"),
        ("ECC_NIST_P384", "ECDSA_SHA_384"),
        ("ECC_NIST_P521", "ECDSA_SHA_512"),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"),
    ],
)
def test_an_asymmetric_key_signs_what_it_verifies(desk: KmsDesk, spec: str, algorithm: str) -> None:
    key_id = desk.key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    request = {"KeyId": key_id, "Message": TEXT, "SigningAlgorithm": algorithm}
    signature = desk.ask("Sign", **request)["Signature"]
    assert desk.ask("Verify", **request, Signature=signature)["SignatureValid"] is True
    changed = {**request, "Message": b"other"}
    assert desk.refusal("Verify", **changed, Signature=signature).code == "KMSInvalidSignatureException"
    assert desk.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "InvalidKeyUsageException"
    assert desk.ask("GetPublicKey", KeyId=key_id)["SigningAlgorithms"].count(algorithm) == 1


def test_a_signature_verifies_outside_by_the_public_key_also_of_a_digest(desk: KmsDesk) -> None:
    key_id = desk.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    public = load_der_public_key(desk.ask("GetPublicKey", KeyId=key_id)["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    digest = hashlib.sha256(TEXT).digest()
    request = {"KeyId": key_id, "MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
    signature = desk.ask("Sign", Message=digest, **request)["Signature"]
    public.verify(signature, TEXT, padding.PKCS1v15(), hashes.SHA256())
    assert desk.refusal("Sign", Message=b"short", **request).code == "ValidationError"


def test_an_rsa_key_decrypts_what_its_public_half_encrypted(desk: KmsDesk) -> None:
    key_id = desk.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    algorithm = "RSAES_OAEP_SHA_256"
    sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=TEXT, EncryptionAlgorithm=algorithm)[
        "CiphertextBlob"
    ]
    request = {"CiphertextBlob": sealed, "KeyId": key_id, "EncryptionAlgorithm": algorithm}
    assert desk.ask("Decrypt", **request)["Plaintext"] == TEXT
    broken = {**request, "CiphertextBlob": bytes(len(sealed))}
    assert desk.refusal("Decrypt", **broken).code == "InvalidCiphertextException"
    assert desk.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "InvalidKeyUsageException"
    assert desk.refusal("GenerateDataKey", KeyId=key_id, KeySpec="AES_256").code == "InvalidKeyUsageException"


def test_a_mac_is_that_of_the_standard_library_and_verified(desk: KmsDesk) -> None:
    key_id = desk.key(KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")
    request = {"KeyId": key_id, "Message": TEXT, "MacAlgorithm": "HMAC_SHA_384"}
    made = desk.ask("GenerateMac", **request)["Mac"]
    assert len(made) == hmac.new(b"", b"", "sha384").digest_size
    assert desk.ask("VerifyMac", **request, Mac=made)["MacValid"] is True
    assert desk.refusal("VerifyMac", **request, Mac=b"x").code == "KMSInvalidMacException"
    wrong = {**request, "MacAlgorithm": "HMAC_SHA_256"}
    assert desk.refusal("GenerateMac", **wrong).code == "InvalidKeyUsageException"


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("Encrypt", {"Plaintext": TEXT}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", {"KeyPairSpec": "RSA_2048"}),
    ],
)
def test_a_dry_run_answers_nothing_but_that_it_would_have_worked(
    desk: KmsDesk, operation: str, more: dict[str, Any]
) -> None:
    key_id = desk.key()
    assert desk.refusal(operation, KeyId=key_id, DryRun=True, **more).code == "DryRunOperationException"
    nobody = desk.of_user("nobody")
    assert nobody.refusal(operation, KeyId=key_id, DryRun=True, **more).code == "AccessDenied"


def test_a_dry_run_that_would_leave_the_ciphertext_out_is_not_passed_over(desk: KmsDesk) -> None:
    key_id = desk.key()
    sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=TEXT)["CiphertextBlob"]
    tried = {"CiphertextBlob": sealed, "DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    assert desk.refusal("Decrypt", **tried).code == "UnsupportedOperationException"
    again = desk.refusal("ReEncrypt", DestinationKeyId=key_id, **tried)
    assert again.code == "UnsupportedOperationException"
