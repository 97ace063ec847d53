"""Public keys as users upload them: an ssh-rsa line, or PEM. IAM takes RSA alone."""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
    load_ssh_public_key,
)

from moorage.core.faults import Fault
from moorage.storage.ssh_keys import PublicKey

MIN_BITS = 2048
# Where ssh itself stops: checking a signature of a larger one takes seconds.
MAX_BITS = 16_384

_SSH_TYPE = "ssh-rsa"
_PEM = "-----BEGIN "
_PUBLIC_PEM = ("-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----")


def parse(body: str) -> PublicKey:
    """Read an uploaded public key.

    Raises:
        Fault: UnrecognizedPublicKeyEncoding, it is neither of the two forms; InvalidPublicKey, it is
            no RSA key of 2,048 bits or more. Neither repeats what was uploaded: it may be a private key.
    """
    text = body.strip()
    if text.startswith(_PEM):
        key = _from_pem(text)
    elif text.split(None, 1)[:1] == [_SSH_TYPE]:
        key = _from_line(text)
    else:
        raise _unrecognized()
    if not MIN_BITS <= key.key_size <= MAX_BITS:
        raise _invalid(f"The key has {key.key_size} bits; it must have {MIN_BITS} to {MAX_BITS}.")
    blob = base64.b64decode(_line(key).split()[1])
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return PublicKey(body, blob, ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)))


def rendered(body: str, blob: bytes, encoding: str) -> str:
    """Return a stored key in an encoding, SSH or PEM: as it was uploaded where it was in that one."""
    if (encoding == "PEM") == body.lstrip().startswith(_PEM):
        return body
    line = f"{_SSH_TYPE} {base64.b64encode(blob).decode()}"
    if encoding == "SSH":
        return line
    key = load_ssh_public_key(line.encode())
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _from_pem(text: str) -> RSAPublicKey:
    if not text.startswith(_PUBLIC_PEM):
        raise _invalid("The PEM text is not a public key.")
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("The PEM text cannot be read as a public key.") from None
    return _rsa(key)


def _from_line(text: str) -> RSAPublicKey:
    if "\n" in text or "\r" in text:
        raise _invalid("An ssh-rsa key is one line.")
    parts = text.split(None, 2)
    try:
        # The comment, which may hold anything, is not the reader's business.
        key = load_ssh_public_key(" ".join(parts[:2]).encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("What follows ssh-rsa is not such a key.") from None
    return _rsa(key)


def _rsa(key: object) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey):
        raise _invalid("The key is not an RSA key.")
    return key


def _line(key: RSAPublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _invalid(message: str) -> Fault:
    return Fault("InvalidPublicKey", message)


def _unrecognized() -> Fault:
    message = "The key is neither a line that begins with ssh-rsa nor a public key in PEM."
    return Fault("UnrecognizedPublicKeyEncoding", message)
