"""Leases: one holder at a time for a named duty, fenced by a token that only grows.

`now_ms` is always the database's time (`database.now_ms(connection)`), so that nodes need not agree
on theirs. A holder that was paused past its
lease must not act: whatever it commits is to be guarded by `require_held` in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select, update

from moorage.core.faults import unavailable
from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

_LEASES = tables.leases


@dataclass(frozen=True, slots=True)
class Lease:
    """A named duty, its holder, and the fencing token."""

    name: str
    holder: str
    token: int


def acquire(connection: Connection, name: str, holder: str, *, now_ms: int, duration_ms: int) -> Lease | None:
    """Take a lease that is free or has expired; None while somebody, even `holder`, has it."""
    expires_at_ms = now_ms + duration_ms
    taken = connection.execute(
        update(_LEASES)
        .where(_LEASES.c.name == name, _LEASES.c.expires_at_ms <= now_ms)
        .values(holder=holder, token=_LEASES.c.token + 1, expires_at_ms=expires_at_ms)
    )
    if taken.rowcount == 1:
        token = connection.execute(select(_LEASES.c.token).where(_LEASES.c.name == name)).scalar_one()
        return Lease(name, holder, token)
    values = {"name": name, "holder": holder, "token": 1, "expires_at_ms": expires_at_ms}
    return Lease(name, holder, 1) if insert_if_absent(connection, _LEASES, values) else None


def renew(connection: Connection, lease: Lease, *, now_ms: int, duration_ms: int) -> bool:
    """Prolong a lease from now on; False when it is lost, and the duty must stop."""
    renewed = connection.execute(
        update(_LEASES)
        .where(_is_held(lease), _LEASES.c.expires_at_ms > now_ms)
        .values(expires_at_ms=now_ms + duration_ms)
    )
    return renewed.rowcount == 1


def release(connection: Connection, lease: Lease) -> None:
    """Give a lease back. Its row stays, so that the token goes on growing."""
    connection.execute(update(_LEASES).where(_is_held(lease)).values(expires_at_ms=0))


def require_held(connection: Connection, lease: Lease, *, now_ms: int) -> None:
    """Refuse to go on unless the lease is still held; nobody can take it before this transaction ends.

    Raises:
        Fault: ServiceUnavailable, it was lost.
    """
    # An update, not a look: on PostgreSQL it locks the row.
    held = connection.execute(
        update(_LEASES).where(_is_held(lease), _LEASES.c.expires_at_ms > now_ms).values(token=lease.token)
    )
    if held.rowcount != 1:
        raise unavailable(
            "This node was too slow and another has taken over; nothing was changed.", lease=lease
        )


def _is_held(lease: Lease) -> ColumnElement[bool]:
    return and_(
        _LEASES.c.name == lease.name, _LEASES.c.holder == lease.holder, _LEASES.c.token == lease.token
    )
