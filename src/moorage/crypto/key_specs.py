"""The kinds of KMS key there are: what material each has, and what it is good for.

Source: AWS KMS Developer Guide, "Key spec reference".
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from moorage.core.turns import Turns
from moorage.crypto.ciphertext import KMS_KEY_BYTES

ENCRYPT, SIGN, MAC = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"
SYMMETRIC = "SYMMETRIC_DEFAULT"

RSA_KEYS_AT_ONCE = 2
_rsa_turns = Turns("RSA keys are being made", at_once=RSA_KEYS_AT_ONCE, waiting=2, seconds=10.0)

RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
EDWARDS = "ECC_NIST_EDWARDS25519"
# The length of a made key is that of its hash (RFC 2104, section 3).
HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}

_RSA_SIGNING = tuple(
    f"{scheme}_SHA_{bits}" for scheme in ("RSASSA_PKCS1_V1_5", "RSASSA_PSS") for bits in (256, 384, 512)
)
_ECDSA = {
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
    "ECC_SECG_P256K1": "ECDSA_SHA_256",
}


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One kind of key. `usages` has its usages, the one meant by default first, if there is one."""

    name: str
    usages: tuple[str, ...]
    encryption: tuple[str, ...] = ()
    signing: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    usage_has_default: bool = False

    @property
    def is_asymmetric(self) -> bool:
        return self.name in RSA_BITS or self.name in CURVES or self.name == EDWARDS

    def algorithms(self, usage: str) -> tuple[str, ...]:
        """Return the algorithms of a key of this kind that is used so."""
        return {ENCRYPT: self.encryption, SIGN: self.signing, MAC: self.macs}[usage]


def _specs() -> dict[str, KeySpec]:
    made = [KeySpec(SYMMETRIC, (ENCRYPT,), encryption=(SYMMETRIC,), usage_has_default=True)]
    oaep = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
    made += [KeySpec(name, (ENCRYPT, SIGN), encryption=oaep, signing=_RSA_SIGNING) for name in RSA_BITS]
    made += [KeySpec(name, (SIGN,), signing=(_ECDSA[name],)) for name in CURVES]
    made += [KeySpec(EDWARDS, (SIGN,), signing=("ED25519_SHA_512",))]
    made += [KeySpec(name, (MAC,), macs=(name.replace("HMAC_", "HMAC_SHA_"),)) for name in HMAC_BYTES]
    return {spec.name: spec for spec in made}


SPECS = _specs()


def new_material(spec: str) -> bytes:
    """Make the material of a key: raw bytes, or a private key in PKCS #8.

    Raises:
        KeyError: there is no such kind.
    """
    if SPECS[spec].is_asymmetric:
        return new_private_key(spec)
    return os.urandom(HMAC_BYTES.get(spec, KMS_KEY_BYTES))


def new_private_key(spec: str) -> bytes:
    """Make a private key, in PKCS #8 (DER).

    Raises:
        Fault: ServiceUnavailable, too many RSA keys are being made: one takes a core for a second or more.
    """
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if spec in RSA_BITS:
        with _rsa_turns.taken():
            key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[spec])
    elif spec in CURVES:
        key = ec.generate_private_key(CURVES[spec]())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_key(material: bytes) -> bytes:
    """Return the public half of a private key, as SubjectPublicKeyInfo (DER)."""
    return (
        load_der_private_key(material, None)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
