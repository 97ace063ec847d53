from __future__ import annotations

import pytest

from moorage.core.faults import Fault
from moorage.storage import leases
from moorage.storage.database import Database
from moorage.storage.leases import Lease

MINUTE = 60_000
NOW = 1_700_000_000_000


def acquire(database: Database, holder: str, now_ms: int) -> Lease | None:
    with database.write() as connection:
        return leases.acquire(connection, "repack:1", holder, now_ms=now_ms, duration_ms=MINUTE)


def renew(database: Database, lease: Lease, now_ms: int) -> bool:
    with database.write() as connection:
        return leases.renew(connection, lease, now_ms=now_ms, duration_ms=MINUTE)


def release(database: Database, lease: Lease) -> None:
    with database.write() as connection:
        leases.release(connection, lease)


def taken(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


def test_one_holder_at_a_time(database: Database) -> None:
    assert taken(acquire(database, "node-a", NOW)).token == 1
    assert acquire(database, "node-b", NOW + MINUTE - 1) is None
    assert acquire(database, "node-a", NOW + MINUTE - 1) is None


def test_an_expired_lease_goes_to_the_next_with_a_higher_token(database: Database) -> None:
    old = taken(acquire(database, "node-a", NOW))
    new = taken(acquire(database, "node-b", NOW + MINUTE))
    assert new.token > old.token
    assert not renew(database, old, NOW + MINUTE + 1)
    assert renew(database, new, NOW + MINUTE + 1)


def test_a_renewed_lease_lasts_from_its_renewal(database: Database) -> None:
    lease = taken(acquire(database, "node-a", NOW))
    assert renew(database, lease, NOW + MINUTE - 1)
    assert acquire(database, "node-b", NOW + MINUTE + MINUTE - 2) is None
    assert acquire(database, "node-b", NOW + MINUTE + MINUTE - 1) is not None


def test_an_expired_lease_cannot_be_renewed_even_if_nobody_took_it(database: Database) -> None:
    lease = taken(acquire(database, "node-a", NOW))
    assert not renew(database, lease, NOW + MINUTE)


def test_a_released_lease_is_free_at_once_and_its_token_still_grows(database: Database) -> None:
    first = taken(acquire(database, "node-a", NOW))
    release(database, first)
    second = taken(acquire(database, "node-b", NOW + 1))
    assert second.token > first.token


def test_a_late_release_does_not_take_the_lease_from_its_new_holder(database: Database) -> None:
    old = taken(acquire(database, "node-a", NOW))
    taken(acquire(database, "node-a", NOW + MINUTE))
    release(database, old)
    assert acquire(database, "node-b", NOW + MINUTE + 1) is None


def test_who_lost_the_lease_may_not_commit(database: Database) -> None:
    old = taken(acquire(database, "node-a", NOW))
    new = taken(acquire(database, "node-b", NOW + MINUTE))
    with database.write() as connection:
        leases.require_held(connection, new, now_ms=NOW + MINUTE + 1)
    with pytest.raises(Fault, match="taken over"), database.write() as connection:
        leases.require_held(connection, old, now_ms=NOW + MINUTE + 1)
    with pytest.raises(Fault, match="taken over"), database.write() as connection:
        leases.require_held(connection, new, now_ms=NOW + 2 * MINUTE)


def test_duties_do_not_disturb_each_other(database: Database) -> None:
    taken(acquire(database, "node-a", NOW))
    with database.write() as connection:
        other = leases.acquire(connection, "repack:2", "node-b", now_ms=NOW, duration_ms=MINUTE)
    assert taken(other).token == 1
