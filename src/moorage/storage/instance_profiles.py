"""Rows of instance profiles: what hands a role to a machine. All works in its caller's transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables
from moorage.storage.identifiers import INSTANCE_PROFILE, Entropy, unique_id


@dataclass(frozen=True, slots=True)
class InstanceProfileRow:
    """One instance profile, with the id of its role, if it has one; `created_at_ms` is Unix milliseconds."""

    profile_id: str
    account_id: str
    name: str
    path: str
    role_id: str | None
    created_at_ms: int

    @property
    def unique_id(self) -> str:
        return self.profile_id

    def arn(self, partition: str) -> Arn:
        return iam_arn(partition, self.account_id, f"instance-profile{self.path}{self.name}")


_COLUMNS = tuple(tables.instance_profiles.c[name] for name in InstanceProfileRow.__slots__)


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    path: str,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> InstanceProfileRow:
    """Add an instance profile without a role. The caller has looked that the name is free in any case."""
    row = InstanceProfileRow(unique_id(INSTANCE_PROFILE, entropy), account_id, name, path, None, now_ms)
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    connection.execute(insert(tables.instance_profiles).values(name_folded=name.lower(), **values))
    return row


def find(connection: Connection, account_id: str, name: str) -> InstanceProfileRow | None:
    """Return the instance profile of exactly that name (see `users.find`), or None."""
    row = holder_of(connection, account_id, name)
    return row if row is not None and row.name == name else None


def holder_of(connection: Connection, account_id: str, name: str) -> InstanceProfileRow | None:
    """Return the instance profile whose name is `name` when case is ignored, or None."""
    table = tables.instance_profiles
    query = select(*_COLUMNS).where(table.c.account_id == account_id, table.c.name_folded == name.lower())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else InstanceProfileRow(**row)


def listing(connection: Connection, account_id: str, path_prefix: str = "/") -> list[InstanceProfileRow]:
    """Return an account's instance profiles under a path prefix, by name."""
    table = tables.instance_profiles
    query = select(*_COLUMNS).where(table.c.account_id == account_id).order_by(table.c.name_folded)
    rows = [InstanceProfileRow(**row) for row in connection.execute(query).mappings()]
    return [row for row in rows if row.path.startswith(path_prefix)]


def of_role(connection: Connection, role_id: str) -> list[InstanceProfileRow]:
    """Return the instance profiles that hold a role, by name."""
    table = tables.instance_profiles
    query = select(*_COLUMNS).where(table.c.role_id == role_id).order_by(table.c.name_folded)
    return [InstanceProfileRow(**row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many instance profiles an account has."""
    table = tables.instance_profiles
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def set_role(connection: Connection, profile_id: str, role_id: str | None) -> None:
    """Put a role into an instance profile, or take it out."""
    table = tables.instance_profiles
    connection.execute(update(table).where(table.c.profile_id == profile_id).values(role_id=role_id))


def remove(connection: Connection, profile_id: str) -> None:
    """Delete an instance profile, its tags with it. The caller has looked that it holds no role."""
    connection.execute(delete(tables.identity_tags).where(tables.identity_tags.c.owner_id == profile_id))
    connection.execute(
        delete(tables.instance_profiles).where(tables.instance_profiles.c.profile_id == profile_id)
    )
