"""Open an installation beside its running service: for commands, which make none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from moorage.crypto.root_key import RootKey
from moorage.server import first_start
from moorage.server.first_start import StartRefused
from moorage.storage.database import Database

if TYPE_CHECKING:
    from moorage.server.settings import Settings


@contextlib.contextmanager
def opened(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[Database, RootKey]]:
    """Give the database and the root key of an installation that a `moorage serve` has made.

    Raises:
        StartRefused: there is none, or the root key is not its own.
        StorageRefused: its database cannot be opened, or another version of moorage made it.
    """
    if settings.database is None and not (settings.data / "moorage.db").is_file():
        raise StartRefused(
            f"--data: there is no installation in {settings.data}. "
            "Name its folder, or make one with `moorage serve`."
        )
    database = Database.open(settings.database_url)
    try:
        installation = first_start.find(settings, database, environ)
        yield database, installation.root_key
    finally:
        database.close()
