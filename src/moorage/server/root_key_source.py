"""Where the root key comes from: a file, a variable, or another KMS that keeps it wrapped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.crypto.root_key import FileWatch, RootKey, RootKeyError
from moorage.server import installation
from moorage.server.external_kms import ExternalKms

if TYPE_CHECKING:
    from moorage.storage.database import Database


@dataclass(frozen=True, slots=True)
class RootKeySource:
    """The source that the setting `root_key` names: `file:PATH`, `env:NAME` or `kms:ARN[@ENDPOINT]`."""

    text: str
    environ: Mapping[str, str]
    database: Database

    @property
    def kind(self) -> str:
        return self.text.partition(":")[0]

    @property
    def can_be_written(self) -> bool:
        """Whether a rotation can put a new key there; into a variable it cannot."""
        return self.kind != "env"

    @property
    def _path(self) -> Path:
        return Path(self.text.partition(":")[2])

    def load(self) -> RootKey:
        """Return the root key, which follows its source from then on.

        Raises:
            RootKeyError: it is missing, exposed or cannot be read; the text says what to do.
        """
        if self.kind == "kms":
            return self._load_wrapped()
        watch: Callable[[], RootKey | None] | None = FileWatch(self._path) if self.kind == "file" else None
        key = RootKey.load(self.text, self.environ)
        if watch is not None:
            key.watch(watch)
        return key

    def load_or_make(self) -> RootKey:
        """Return the root key of a new installation, making it where the source has none.

        Raises:
            RootKeyError: as `load`.
        """
        if self.kind == "kms":
            if self.wrapped() is None:
                made = RootKey.generate()
                wrapped = ExternalKms.parse(self.text).wrap(made.render().encode())
                with self.database.write() as connection:
                    text = base64.b64encode(wrapped).decode()
                    installation.set_fact(connection, installation.ROOT_KEY_WRAPPED, text)
        elif self.kind == "file" and not self._path.exists():
            RootKey.generate().save(self._path)
        return self.load()

    def store(self, key: RootKey) -> None:
        """Put another root key into the source; every node takes it up by itself.

        Raises:
            RootKeyError: it cannot be written.
        """
        if self.kind == "kms":
            wrapped = ExternalKms.parse(self.text).wrap(key.render().encode())
            with self.database.write() as connection:
                text = base64.b64encode(wrapped).decode()
                installation.replace_fact(connection, installation.ROOT_KEY_WRAPPED, text)
            return
        if self.kind != "file":
            raise RootKeyError(f"The root key cannot be written to {self.text}.")
        key.replace(self._path)

    def _load_wrapped(self) -> RootKey:
        seen = self.wrapped()
        key = unwrapped(self.text, seen)
        key.watch(_DatabaseWatch(self, seen or ""))
        return key

    def wrapped(self) -> str | None:
        """Return the wrapped key that the database holds, in base64."""
        with self.database.read() as connection:
            return installation.fact(connection, installation.ROOT_KEY_WRAPPED)


def unwrapped(source: str, wrapped: str | None) -> RootKey:
    """Return the root key that an installation's fact holds, unwrapped by the KMS that `source` names.

    Raises:
        RootKeyError: there is none, or the KMS refuses or is away.
    """
    if wrapped is None:
        raise RootKeyError("The database holds no wrapped root key: it was made with another --root-key.")
    plaintext = ExternalKms.parse(source).unwrap(base64.b64decode(wrapped))
    return RootKey.parse(plaintext.decode("ascii", "replace"))


class _DatabaseWatch:
    """Tells when the wrapped root key in the database is another one, and has it unwrapped."""

    def __init__(self, source: RootKeySource, seen: str) -> None:
        self._source = source
        self._seen = seen

    def __call__(self) -> RootKey | None:
        kept = self._source.wrapped()
        if kept is None or kept == self._seen:
            return None
        key = unwrapped(self._source.text, kept)
        self._seen = kept
        return key
