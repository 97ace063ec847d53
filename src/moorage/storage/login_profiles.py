"""Rows of console passwords, kept as argon2id hashes.

The owner is a user's id, or an account's own id for its root user.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.storage import tables

# As many as a password policy can ask about.
MAX_KEPT = 24


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One console password. Times are Unix milliseconds; `changed_at_ms` is the password's age."""

    owner_id: str
    account_id: str
    password_hash: str = field(repr=False)
    reset_required: bool
    max_session_seconds: int | None
    created_at_ms: int
    changed_at_ms: int


_COLUMNS = tuple(tables.login_profiles.c[name] for name in ProfileRow.__slots__)


def create(connection: Connection, row: ProfileRow) -> None:
    """Add a password. The caller has looked that the owner has none."""
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    connection.execute(insert(tables.login_profiles).values(**values))


def find(connection: Connection, owner_id: str) -> ProfileRow | None:
    """Return an owner's password, hash included, or None."""
    query = select(*_COLUMNS).where(tables.login_profiles.c.owner_id == owner_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ProfileRow(**row)


def listing(connection: Connection, account_id: str) -> list[ProfileRow]:
    """Return all passwords of an account, in no order."""
    query = select(*_COLUMNS).where(tables.login_profiles.c.account_id == account_id)
    return [ProfileRow(**row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many passwords an account has, root's included."""
    table = tables.login_profiles
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def recent_hashes(connection: Connection, profile: ProfileRow, number: int) -> list[str]:
    """Return the hashes of an owner's latest passwords, the present one first."""
    table = tables.old_passwords
    query = (
        select(table.c.password_hash)
        .where(table.c.owner_id == profile.owner_id)
        .order_by(table.c.changed_at_ms.desc())
        .limit(max(number - 1, 0))
    )
    return [profile.password_hash, *connection.execute(query).scalars()][:number]


def set_password(connection: Connection, profile: ProfileRow, password_hash: str, *, now_ms: int) -> bool:
    """Replace a password, and keep the old one's hash; False when another change came first."""
    table = tables.login_profiles
    # Never the same moment twice: it is part of the old password's key.
    changed_at_ms = max(now_ms, profile.changed_at_ms + 1)
    changed = connection.execute(
        update(table)
        .where(table.c.owner_id == profile.owner_id, table.c.password_hash == profile.password_hash)
        .values(password_hash=password_hash, changed_at_ms=changed_at_ms)
    )
    if changed.rowcount != 1:
        return False
    connection.execute(
        insert(tables.old_passwords).values(
            owner_id=profile.owner_id,
            changed_at_ms=profile.changed_at_ms,
            password_hash=profile.password_hash,
        )
    )
    _forget_beyond(connection, profile.owner_id, MAX_KEPT - 1)  # the present one is kept with them
    return True


def _forget_beyond(connection: Connection, owner_id: str, number: int) -> None:
    table = tables.old_passwords
    kept = (
        select(table.c.changed_at_ms)
        .where(table.c.owner_id == owner_id)
        .order_by(table.c.changed_at_ms.desc())
        .limit(number)
    )
    moments = list(connection.execute(kept).scalars())
    if len(moments) == number:
        connection.execute(
            delete(table).where(table.c.owner_id == owner_id, table.c.changed_at_ms < moments[-1])
        )


def set_rules(
    connection: Connection, owner_id: str, *, reset_required: bool, max_session_seconds: int | None
) -> None:
    """Set whether the password must be changed at the next sign-in, and the longest session."""
    table = tables.login_profiles
    values = {"reset_required": reset_required, "max_session_seconds": max_session_seconds}
    connection.execute(update(table).where(table.c.owner_id == owner_id).values(values))


def remove(connection: Connection, owner_id: str) -> bool:
    """Delete a password and the old ones; False when there was none."""
    old, table = tables.old_passwords, tables.login_profiles
    connection.execute(delete(old).where(old.c.owner_id == owner_id))
    return connection.execute(delete(table).where(table.c.owner_id == owner_id)).rowcount == 1
