"""What a node does beside answering: repacking, sweeping, evicting. Each is short, or takes a lease."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from moorage.git.quarantine import sweep_stale
from moorage.keys import rotations
from moorage.repos.maintenance import Maintenance
from moorage.repos.sweep import Sweeper
from moorage.server.background import Job
from moorage.storage import leases, repositories, request_tokens

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.server.dispatch import Dispatcher
    from moorage.server.stores import Stores

REPACK_SECONDS = 10.0
EVICT_SECONDS = 30.0
SWEEP_SECONDS = 900.0
TIDY_SECONDS = 1800.0
# Rotations and deletions of keys are due on a day; this is how late they may be.
KEYS_SECONDS = 300.0
REQUEST_TOKENS_SECONDS = 600.0
# How long an idle worker may go on knowing a root key that was dropped.
ROOT_KEY_SECONDS = 10.0
# Events and triggers' messages leave this long after they came about, at most; one look costs little.
DISPATCH_SECONDS = 0.5
TIDY_DISPATCH_SECONDS = 600.0
SWEEP_LEASE_MS = 600_000

# Blobs half written by a node that died; no upload takes as long.
TEMPORARIES_KEPT = timedelta(days=1)


def jobs(stores: Stores, root_key: RootKey, dispatcher: Dispatcher, node: str) -> list[Job]:
    """Return the periodic jobs of a node named `node`."""
    database, blobs, opener, cache = stores.database, stores.blobs, stores.opener, stores.cache
    maintenance = Maintenance(database, blobs, opener, node)
    sweeper = Sweeper(database, blobs)

    def repack() -> None:
        maintenance.run()
        maintenance.derive_missing(cache.cached(time.time() - 3 * REPACK_SECONDS))

    def evict() -> None:
        sweep_stale(cache.quarantine)
        maintenance.purge_unusable()
        cache.evict()

    def tidy() -> None:
        for repository_id in cache.cached():
            with database.read() as connection:
                keep = repositories.checksums(connection, repository_id)
            cache.drop_packs(repository_id, keep)

    def keys() -> None:
        rotations.run_due(database, root_key)

    def forget_request_tokens() -> None:
        pruned = True
        while pruned:  # a thousand at a time: writers go in between
            with database.write(durable=False) as connection:
                pruned = request_tokens.prune(connection, database.now_ms(connection)) > 0

    def sweep() -> None:
        with database.write() as connection:
            lease = leases.acquire(
                connection,
                "sweep",
                node,
                now_ms=database.now_ms(connection),
                duration_ms=SWEEP_LEASE_MS,
            )
        if lease is None:
            return
        try:
            sweeper.sweep()
            blobs.sweep_temporaries(datetime.now(UTC) - TEMPORARIES_KEPT)
        finally:
            with database.write() as connection:
                leases.release(connection, lease)

    return [
        Job("repack", REPACK_SECONDS, repack),
        Job("evict", EVICT_SECONDS, evict),
        Job("sweep", SWEEP_SECONDS, sweep),
        Job("tidy", TIDY_SECONDS, tidy),
        Job("keys", KEYS_SECONDS, keys),
        Job("request tokens", REQUEST_TOKENS_SECONDS, forget_request_tokens),
        Job("dispatch", DISPATCH_SECONDS, dispatcher.run),
        Job("tidy dispatch", TIDY_DISPATCH_SECONDS, dispatcher.tidy),
        Job("root key", ROOT_KEY_SECONDS, root_key.refresh),
    ]
