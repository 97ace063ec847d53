"""What commands and the service alike work on, opened from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.auth.gate import Gate
from moorage.keys.keyring import Keyring
from moorage.repos.cache import WorkingCache
from moorage.repos.opened import Opener
from moorage.repos.publish import Publisher
from moorage.repos.repositories import Repositories
from moorage.repos.snapshot import Snapshots
from moorage.storage.blobs import BlobStore
from moorage.storage.database import Database
from moorage.storage.open_blobs import open_blobs

if TYPE_CHECKING:
    from moorage.core.clock import Clock
    from moorage.server.first_start import Installation
    from moorage.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Stores:
    """Where truth lives, its disposable copy, and what opens repositories from them."""

    database: Database
    blobs: BlobStore
    cache: WorkingCache
    gate: Gate
    keyring: Keyring
    opener: Opener
    publisher: Publisher
    repositories: Repositories


def open_stores(settings: Settings, installation: Installation, clock: Clock) -> Stores:
    """Open what commands and the service alike work on.

    Raises:
        StorageRefused: the database or the blob store cannot be used.
    """
    database = Database.open(settings.database_url)
    blobs = open_blobs(settings.blobs_url)
    blobs.require_usable()
    settings.cache_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache = WorkingCache(settings.cache_folder, settings.cache_size, blobs)
    gate = Gate(database)
    keyring = Keyring(database, installation.root_key, gate, clock)
    opener = Opener(Snapshots(database), keyring, cache)
    publisher = Publisher(database, blobs, opener, guard_approvals=settings.guard_approvals)
    repositories = Repositories(database, keyring, cache)
    return Stores(database, blobs, cache, gate, keyring, opener, publisher, repositories)
