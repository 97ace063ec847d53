"""Open an installation beside its running service: for commands, which make none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from moorage.core.clock import SystemClock
from moorage.crypto.root_key import RootKey
from moorage.repos import backup
from moorage.server import first_start, installation
from moorage.server.data_folder import DataFolder, FolderLock
from moorage.server.first_start import Installation, StartRefused
from moorage.server.stores import open_stores
from moorage.storage.database import Database
from moorage.storage.open_blobs import open_blobs

if TYPE_CHECKING:
    from pathlib import Path

    from moorage.server.settings import Settings
    from moorage.server.stores import Stores
    from moorage.storage.blobs import BlobStore


@contextlib.contextmanager
def opened(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[Database, RootKey]]:
    """Give the database and the root key of an installation that a `moorage serve` has made.

    Raises:
        StartRefused: there is none, or the root key is not its own.
        StorageRefused: its database cannot be opened, or another version of moorage made it.
    """
    with _found(settings, environ) as (database, installation):
        yield database, installation.root_key


@contextlib.contextmanager
def stores(settings: Settings, environ: Mapping[str, str]) -> Iterator[Stores]:
    """Give all that repositories are opened from.

    Raises:
        StartRefused: there is no installation, or the root key is not its own.
        StorageRefused: its database or blob store cannot be opened.
    """
    with _found(settings, environ) as (_, installation):
        made = open_stores(settings, installation, SystemClock())
        try:
            yield made
        finally:
            made.database.close()


@contextlib.contextmanager
def _found(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[Database, Installation]]:
    if settings.database is None and not (settings.data / "moorage.db").is_file():
        raise StartRefused(
            f"--data: there is no installation in {settings.data}. "
            "Name its folder, or make one with `moorage serve`."
        )
    database = Database.open(settings.database_url)
    try:
        yield database, first_start.find(settings, database, environ)
    finally:
        database.close()


@contextlib.contextmanager
def emptied(
    settings: Settings, environ: Mapping[str, str], source: Path
) -> Iterator[tuple[Database, BlobStore]]:
    """Give the empty database and blob store that a backup is restored into, the folder locked.

    Raises:
        DataFolderError: the folder cannot be used, or a service runs on it.
        StartRefused: there is an installation already, or the root key is not the backup's.
        Fault: `source` is not a whole backup.
    """
    check = backup.installation_fact(source, installation.ROOT_KEY_CHECK)
    wrapped = None
    if settings.root_key_source.startswith("kms:"):
        with contextlib.suppress(KeyError):  # it was made under another kind of root key
            wrapped = backup.installation_fact(source, installation.ROOT_KEY_WRAPPED)
    folder = DataFolder(settings.data)
    folder.make()
    lock = FolderLock.take(folder)
    try:
        first_start.require_root_key(settings, environ, check, wrapped)
        database = Database.open(settings.database_url)
        try:
            database.migrate()
            with database.read() as connection:
                if installation.fact(connection, installation.DEFAULT_ACCOUNT) is not None:
                    raise StartRefused(
                        f"--data: there is an installation in {settings.data} already. Name an empty folder."
                    )
            yield database, open_blobs(settings.blobs_url)
        finally:
            database.close()
    finally:
        lock.release()
