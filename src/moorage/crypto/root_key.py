"""The root key: all that a node must be given, and what every other secret is sealed under."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from moorage.crypto import envelope
from moorage.crypto.envelope import OpenFailed

_PREFIX = "moorage-root-key-1:"
_ID_BYTES = 8


class RootKeyError(Exception):
    """The root key is missing, exposed or unreadable; the text says what to do."""


class RootKey:
    """Seals secrets with AES-256-GCM. Several keys may be held: the first seals, all of them open.

    In text, as in a file or a variable, each key is one line: `moorage-root-key-1:` and 32 bytes in
    base64. To rotate, put a new line first and keep the old one until everything is sealed again.
    """

    __slots__ = ("_keys", "_primary")

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(len(key) != envelope.KEY_BYTES for key in keys):
            raise RootKeyError(f"A root key has {envelope.KEY_BYTES} bytes.")
        self._keys = {_key_id(key): key for key in keys}
        self._primary = _key_id(keys[0])

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's randomness."""
        return cls(os.urandom(envelope.KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the key's text form.

        Raises:
            RootKeyError: it has another form. The message shows nothing of it.
        """
        keys = [_parse_line(line) for line in map(str.strip, text.splitlines()) if line]
        if not keys:
            raise RootKeyError("The root key is empty.")
        return cls(*keys)

    @classmethod
    def load(cls, source: str, environ: Mapping[str, str]) -> Self:
        """Read the key from `file:PATH` or `env:NAME`.

        Raises:
            RootKeyError: nothing is there, or others may read the file.
        """
        kind, _, place = source.partition(":")
        if kind == "env":
            if not environ.get(place):
                raise RootKeyError(
                    f"The environment variable {place}, which should hold the root key, is not set."
                )
            return cls.parse(environ[place])
        if kind != "file" or not place:
            raise RootKeyError("The root key's source is neither file:PATH nor env:NAME.")
        return cls.parse(_read_private(Path(place)))

    def save(self, path: Path) -> None:
        """Write the key to a new file that its owner alone may read; it is durable on return.

        Raises:
            RootKeyError: a file is there already, or cannot be made.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise RootKeyError(f"{path} is there already; a root key is never overwritten.") from None
        except OSError as error:
            raise RootKeyError(f"The root key cannot be saved to {path}: {error.strerror}.") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self.render())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def render(self) -> str:
        """Return the text form, the sealing key first. It is the secret itself."""
        primary = self._keys[self._primary]
        others = [key for key_id, key in self._keys.items() if key_id != self._primary]
        return "".join(f"{_PREFIX}{base64.b64encode(key).decode()}\n" for key in (primary, *others))

    @property
    def key_id(self) -> str:
        """Names the key that seals, in hex; no secret."""
        return self._primary.hex()

    def rotated(self) -> RootKey:
        """Return a root key with a new key in front, which still opens what this one sealed."""
        primary = self._keys[self._primary]
        others = [key for key_id, key in self._keys.items() if key_id != self._primary]
        return RootKey(os.urandom(envelope.KEY_BYTES), primary, *others)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal a secret for one place: `context` names the row and column, and must match to open."""
        return envelope.seal(self._keys[self._primary], self._primary, plaintext, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed for this place.

        Raises:
            OpenFailed: it was changed, moved, or sealed under a root key that is not held.
        """
        key_id = envelope.key_id_of(sealed, _ID_BYTES)
        key = self._keys.get(key_id)
        if key is None:
            raise OpenFailed(f"sealed under root key {key_id.hex()}, which is not held")
        return envelope.unseal(key, key_id, sealed, context.encode())

    def sealed_with_old(self, sealed: bytes) -> bool:
        """Tell whether a rotation has still to seal this again."""
        return envelope.key_id_of(sealed, _ID_BYTES) != self._primary

    def derive(self, purpose: str, key_id: str | None = None) -> bytes:
        """Return 32 bytes for one purpose (HKDF-SHA-256), from the sealing key or from a named one.

        Raises:
            RootKeyError: no key of that id is held.
        """
        key = self._keys.get(self._primary if key_id is None else bytes.fromhex(key_id))
        if key is None:
            raise RootKeyError(f"Root key {key_id} is not held.")
        return HKDF(SHA256(), 32, salt=None, info=b"moorage " + purpose.encode()).derive(key)

    def __repr__(self) -> str:
        return f"RootKey({self.key_id})"


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"moorage root key id" + key).digest()[:_ID_BYTES]


def _parse_line(line: str) -> bytes:
    wrong = RootKeyError(f"A line of the root key is not {_PREFIX} followed by 32 bytes in base64.")
    if not line.startswith(_PREFIX):
        raise wrong
    try:
        return base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise wrong from None


def _read_private(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RootKeyError(
            f"The root key {path} is missing. Nothing stored can be read without it: restore its backup."
        ) from None
    except OSError as error:
        raise RootKeyError(f"The root key {path} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RootKeyError(f"The root key {path} is not a file.")
        if status.st_mode & 0o077:
            raise RootKeyError(
                f"The root key {path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}). "
                f"Run: chmod 600 {path}"
            )
        return file.read(1 << 16)
