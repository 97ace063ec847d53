"""The root key: all that a node must be given, and what every other secret is sealed under."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from moorage.crypto import envelope
from moorage.crypto.envelope import OpenFailed

_PREFIX = "moorage-root-key-1:"
_DERIVED_PREFIX = "moorage-derived-key-1:"
_ID_BYTES = 8


class RootKeyError(Exception):
    """The root key is missing, exposed or unreadable; the text says what to do."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The keys held at one moment, all replaced at once when the source has others."""

    keys: Mapping[bytes, bytes]
    primary: bytes
    # What was derived from root keys that are dropped: by key id (hex) and purpose.
    derived: Mapping[tuple[str, str], bytes]


class RootKey:
    """Seals secrets with AES-256-GCM. Several keys may be held: the first seals, all of them open.

    In text, as in a file or a variable, each key is one line: `moorage-root-key-1:` and 32 bytes in
    base64. To rotate, put a new line first and keep the old one until everything is sealed again.
    Lines of `moorage-derived-key-1:` hold what is still needed of keys that were dropped.

    Any thread may use it. One that is watched takes up what its source holds by itself.
    """

    __slots__ = ("_held", "_renewed")

    def __init__(self, *keys: bytes, derived: Mapping[tuple[str, str], bytes] | None = None) -> None:
        if not keys or any(len(key) != envelope.KEY_BYTES for key in keys):
            raise RootKeyError(f"A root key has {envelope.KEY_BYTES} bytes.")
        held = {_key_id(key): key for key in keys}
        self._held = _Held(held, _key_id(keys[0]), dict(derived or {}))
        self._renewed: Callable[[], RootKey | None] | None = None

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
        lines = [line for line in map(str.strip, text.splitlines()) if line]
        keys = [_parse_line(line) for line in lines if not line.startswith(_DERIVED_PREFIX)]
        if not keys:
            raise RootKeyError("The root key is empty.")
        derived = dict(_parse_derived(line) for line in lines if line.startswith(_DERIVED_PREFIX))
        return cls(*keys, derived=derived)

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
        _sync(path.parent)

    def replace(self, path: Path) -> None:
        """Put the key into the place of the one in a file, whole or not at all; durable on return.

        Raises:
            RootKeyError: the folder cannot be written to.
        """
        fresh = path.with_name(f"{path.name}.new")
        try:
            fresh.unlink(missing_ok=True)  # of a rotation that was killed
            self.save(fresh)
            fresh.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise RootKeyError(f"The root key cannot be saved to {path}: {error.strerror}.") from error

    def render(self) -> str:
        """Return the text form, the sealing key first. It is the secret itself."""
        held = self._held
        others = [key for key_id, key in held.keys.items() if key_id != held.primary]
        keys = [f"{_PREFIX}{base64.b64encode(key).decode()}" for key in (held.keys[held.primary], *others)]
        keys += [
            f"{_DERIVED_PREFIX}{key_id}:{purpose}:{base64.b64encode(key).decode()}"
            for (key_id, purpose), key in held.derived.items()
        ]
        return "".join(f"{line}\n" for line in keys)

    @property
    def key_id(self) -> str:
        """Names the key that seals, in hex; no secret."""
        return self._held.primary.hex()

    @property
    def old_key_ids(self) -> tuple[str, ...]:
        """Names the keys that only open, in hex."""
        held = self._held
        return tuple(key_id.hex() for key_id in held.keys if key_id != held.primary)

    @property
    def held_ids(self) -> tuple[bytes, ...]:
        """Tells which keys are held now: what was kept under others is worth nothing any more."""
        return tuple(self._held.keys)

    def watch(self, renewed: Callable[[], RootKey | None]) -> None:
        """Have the source asked before each sealing, and before a key is used that does not seal.

        `renewed` returns the key as the source has it now, None when that has not changed. When it
        raises RootKeyError the keys that are held go on being used.
        """
        self._renewed = renewed

    def rotated(self) -> RootKey:
        """Return a root key with a new key in front, which still opens what this one sealed."""
        held = self._held
        others = [key for key_id, key in held.keys.items() if key_id != held.primary]
        fresh = os.urandom(envelope.KEY_BYTES)
        return RootKey(fresh, held.keys[held.primary], *others, derived=held.derived)

    def finished(self, still_needed: Iterable[tuple[str, str]]) -> RootKey:
        """Return a root key without its old keys.

        `still_needed` names what others derived from them, by key id and purpose: it is kept.
        """
        held = self._held
        derived = {place: self.derive(place[1], place[0]) for place in still_needed}
        return RootKey(held.keys[held.primary], derived=derived)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal a secret for one place: `context` names the row and column, and must match to open."""
        self._renew()
        held = self._held
        return envelope.seal(held.keys[held.primary], held.primary, plaintext, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed for this place.

        Raises:
            OpenFailed: it was changed, moved, or sealed under a root key that is not held.
        """
        key_id = envelope.key_id_of(sealed, _ID_BYTES)
        if key_id != self._held.primary:  # one that is not held yet, or may have been dropped
            self._renew()
        key = self._held.keys.get(key_id)
        if key is None:
            raise OpenFailed(f"sealed under root key {key_id.hex()}, which is not held")
        return envelope.unseal(key, key_id, sealed, context.encode())

    def sealed_with_old(self, sealed: bytes) -> bool:
        """Tell whether a rotation has still to seal this again."""
        return envelope.key_id_of(sealed, _ID_BYTES) != self._held.primary

    def derive(self, purpose: str, key_id: str | None = None) -> bytes:
        """Return 32 bytes for one purpose (HKDF-SHA-256), from the sealing key or from a named one.

        Raises:
            RootKeyError: no key of that id is held.
        """
        if key_id != self.key_id:
            self._renew()
        held = self._held
        key = held.keys.get(held.primary if key_id is None else bytes.fromhex(key_id))
        if key is not None:
            return HKDF(SHA256(), 32, salt=None, info=b"moorage " + purpose.encode()).derive(key)
        kept = held.derived.get((key_id or "", purpose))
        if kept is None:
            raise RootKeyError(f"Root key {key_id} is not held.")
        return kept

    def refresh(self) -> None:
        """Ask the source now, as a service does from time to time: what it dropped is dropped."""
        self._renew()

    def _renew(self) -> None:
        if self._renewed is not None:
            with contextlib.suppress(RootKeyError):
                newer = self._renewed()
                if newer is not None:
                    self._held = newer._held  # noqa: SLF001 - the same class

    def __repr__(self) -> str:
        return f"RootKey({self.key_id})"


class FileWatch:
    """Tells when a root key's file was replaced: by its identity and time, which cost a microsecond."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()

    def __call__(self) -> RootKey | None:
        """Return the key if the file is another one than at the last call.

        Raises:
            RootKeyError: it cannot be read.
        """
        found = self._look()
        if found is None or found == self._seen:
            return None
        key = RootKey.parse(_read_private(self._path))
        self._seen = found
        return key

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


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


def _parse_derived(line: str) -> tuple[tuple[str, str], bytes]:
    parts = line.removeprefix(_DERIVED_PREFIX).split(":")
    try:
        key_id, purpose, key = parts
        return (bytes.fromhex(key_id).hex(), purpose), base64.b64decode(key, validate=True)
    except ValueError:
        raise RootKeyError("A line of the root key is no derived key.") from None


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
