"""The SSH host keys of an installation: made once, sealed in the database, the same on every node."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)
from sqlalchemy.exc import IntegrityError

from moorage.server import installation

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database

FACT = "ssh_host_keys"
CONTEXT = "installation/ssh_host_keys"
RSA_BITS = 3072

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class HostKey:
    """One host key. `private` is its OpenSSH text; `public` is the line that known_hosts holds."""

    private: str
    public: str

    @property
    def fingerprint(self) -> str:
        """SHA256:… as ssh shows it."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def kind(self) -> str:
        """ED25519 or RSA, as ssh shows it."""
        return self.public.split()[0].removeprefix("ssh-").upper()

    def __repr__(self) -> str:
        return f"HostKey({self.public.split()[0]})"


def ensure(database: Database, root_key: RootKey) -> list[HostKey]:
    """Return the installation's host keys, making them where there are none. Ed25519 comes first."""
    with database.read() as connection:
        kept = installation.fact(connection, FACT)
    if kept is None:
        kept = _made(database, root_key)
    texts: list[str] = json.loads(root_key.open(base64.b64decode(kept), CONTEXT))
    return [_host_key(text) for text in texts]


def reseal(database: Database, root_key: RootKey) -> None:
    """Seal them under the root key that seals now, for a rotation of it; where there are none, do nothing."""
    with database.write() as connection:
        kept = installation.fact(connection, FACT)
        if kept is None or not root_key.sealed_with_old(base64.b64decode(kept)):
            return
        text = root_key.open(base64.b64decode(kept), CONTEXT)
        installation.replace_fact(connection, FACT, base64.b64encode(root_key.seal(text, CONTEXT)).decode())


def _made(database: Database, root_key: RootKey) -> str:
    keys: list[PrivateKey] = [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
    ]
    texts = [key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode() for key in keys]
    sealed = base64.b64encode(root_key.seal(json.dumps(texts).encode(), CONTEXT)).decode()
    try:
        with database.write() as connection:
            installation.set_fact(connection, FACT, sealed)
    except IntegrityError:  # another node was first
        with database.read() as connection:
            theirs = installation.fact(connection, FACT)
        assert theirs is not None
        return theirs
    return sealed


def _host_key(text: str) -> HostKey:
    key = load_ssh_private_key(text.encode(), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return HostKey(text, public)
