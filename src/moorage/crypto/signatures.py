"""What asymmetric and HMAC keys of KMS do: sign, verify, encrypt for themselves, authenticate messages."""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key

from moorage.crypto.envelope import OpenFailed

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_OAEP: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {
    "RSAES_OAEP_SHA_1": hashes.SHA1,
    "RSAES_OAEP_SHA_256": hashes.SHA256,
}


class WrongDigest(ValueError):
    """A message said to be a digest has not the length of one."""


def sign(material: bytes, algorithm: str, message: bytes, *, is_digest: bool) -> bytes:
    """Return a signature; of ECDSA in DER.

    Raises:
        WrongDigest: the message is said to be a digest, and has another length.
    """
    key = load_der_private_key(material, None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    hashed = _hash(algorithm, message, is_digest=is_digest)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, _padding(algorithm), hashed)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "no other kind of key signs"
    return key.sign(message, ec.ECDSA(hashed))


def verify(material: bytes, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool) -> bool:
    """Tell whether a signature is the key's, of this message.

    Raises:
        WrongDigest: as `sign`.
    """
    key = load_der_private_key(material, None)
    try:
        if isinstance(key, ed25519.Ed25519PrivateKey):
            key.public_key().verify(signature, message)
            return True
        hashed = _hash(algorithm, message, is_digest=is_digest)
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(signature, message, _padding(algorithm), hashed)
        else:
            assert isinstance(key, ec.EllipticCurvePrivateKey), "no other kind of key signs"
            key.public_key().verify(signature, message, ec.ECDSA(hashed))
    except InvalidSignature:
        return False
    return True


def mac(material: bytes, algorithm: str, message: bytes) -> bytes:
    """Return a message's authentication code."""
    return hmac.digest(material, message, f"sha{algorithm.rpartition('_')[2]}")


def encrypt(material: bytes, algorithm: str, plaintext: bytes) -> bytes:
    """Encrypt for an RSA key.

    Raises:
        ValueError: the text is too long for the key.
    """
    key = load_der_private_key(material, None)
    assert isinstance(key, rsa.RSAPrivateKey), "no other asymmetric key encrypts"
    return key.public_key().encrypt(plaintext, _oaep(algorithm))


def decrypt(material: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    """Decrypt what was encrypted for an RSA key.

    Raises:
        OpenFailed: it is no such ciphertext.
    """
    key = load_der_private_key(material, None)
    assert isinstance(key, rsa.RSAPrivateKey), "no other asymmetric key decrypts"
    try:
        return key.decrypt(ciphertext, _oaep(algorithm))
    except ValueError:
        raise OpenFailed("not encrypted for this key") from None


def _oaep(algorithm: str) -> padding.OAEP:
    chosen = _OAEP[algorithm]()
    return padding.OAEP(padding.MGF1(chosen), chosen, None)


def _padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm.startswith("RSASSA_PKCS1"):
        return padding.PKCS1v15()
    chosen = _HASHES[algorithm.rpartition("_")[2]]()
    return padding.PSS(padding.MGF1(chosen), padding.PSS.DIGEST_LENGTH)


def _hash(
    algorithm: str, message: bytes, *, is_digest: bool
) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | utils.Prehashed:
    chosen = _HASHES[algorithm.rpartition("_")[2]]()
    if not is_digest:
        return chosen
    if len(message) != chosen.digest_size:
        raise WrongDigest(f"Digest is invalid length for algorithm {algorithm}.")
    return utils.Prehashed(chosen)
