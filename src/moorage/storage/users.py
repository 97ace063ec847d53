"""Rows of IAM users. Every function works in its caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables
from moorage.storage.identifiers import USER, Entropy, unique_id


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user. `path` begins and ends with a slash; `created_at_ms` is Unix milliseconds."""

    user_id: str
    account_id: str
    name: str
    path: str
    boundary_arn: str | None
    created_at_ms: int

    @property
    def unique_id(self) -> str:
        return self.user_id

    def arn(self, partition: str) -> Arn:
        return iam_arn(partition, self.account_id, f"user{self.path}{self.name}")


_COLUMNS = (
    tables.users.c.user_id,
    tables.users.c.account_id,
    tables.users.c.name,
    tables.users.c.path,
    tables.users.c.boundary_arn,
    tables.users.c.created_at_ms,
)


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    path: str,
    now_ms: int,
    boundary_arn: str | None = None,
    entropy: Entropy = secrets.token_bytes,
) -> UserRow:
    """Add a user. The caller has looked that no other has the name, whatever its case."""
    row = UserRow(unique_id(USER, entropy), account_id, name, path, boundary_arn, now_ms)
    connection.execute(
        insert(tables.users).values(
            user_id=row.user_id,
            account_id=account_id,
            name=name,
            name_folded=name.lower(),
            path=path,
            boundary_arn=boundary_arn,
            created_at_ms=now_ms,
        )
    )
    return row


def find(connection: Connection, account_id: str, name: str) -> UserRow | None:
    """Return the user of exactly that name.

    The case counts here although it does not where names must be unique: permission was asked
    for on the ARN as the caller spelt it, and ARNs are compared by case.
    """
    row = holder_of(connection, account_id, name)
    return row if row is not None and row.name == name else None


def holder_of(connection: Connection, account_id: str, name: str) -> UserRow | None:
    """Return the user whose name is `name` when case is ignored, or None."""
    table = tables.users
    query = select(*_COLUMNS).where(table.c.account_id == account_id, table.c.name_folded == name.lower())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else UserRow(**row)


def by_id(connection: Connection, user_id: str) -> UserRow | None:
    """Return a user by its unique id, or None."""
    query = select(*_COLUMNS).where(tables.users.c.user_id == user_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else UserRow(**row)


def by_ids(connection: Connection, user_ids: Iterable[str]) -> list[UserRow]:
    """Return the users of those ids, by name."""
    table = tables.users
    query = select(*_COLUMNS).where(table.c.user_id.in_(list(user_ids))).order_by(table.c.name_folded)
    return [UserRow(**row) for row in connection.execute(query).mappings()]


def listing(connection: Connection, account_id: str, path_prefix: str = "/") -> list[UserRow]:
    """Return an account's users under a path prefix, by name."""
    table = tables.users
    query = select(*_COLUMNS).where(table.c.account_id == account_id).order_by(table.c.name_folded)
    rows = [UserRow(**row) for row in connection.execute(query).mappings()]
    return [row for row in rows if row.path.startswith(path_prefix)]


def count(connection: Connection, account_id: str) -> int:
    """Return how many users an account has."""
    table = tables.users
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def rename(connection: Connection, user_id: str, *, name: str, path: str) -> None:
    """Give a user another name and path; its id, and all that hangs on it, stays."""
    table = tables.users
    values = {"name": name, "name_folded": name.lower(), "path": path}
    connection.execute(update(table).where(table.c.user_id == user_id).values(values))


def set_boundary(connection: Connection, user_id: str, boundary_arn: str | None) -> None:
    """Set a user's permissions boundary, or take it away."""
    table = tables.users
    connection.execute(update(table).where(table.c.user_id == user_id).values(boundary_arn=boundary_arn))


def bounded_by(connection: Connection, account_id: str, policy_arn: str) -> list[UserRow]:
    """Return the users whose boundary is that policy, by name."""
    table = tables.users
    query = (
        select(*_COLUMNS)
        .where(table.c.account_id == account_id, table.c.boundary_arn == policy_arn)
        .order_by(table.c.name_folded)
    )
    return [UserRow(**row) for row in connection.execute(query).mappings()]


def boundary_counts(connection: Connection, account_id: str) -> dict[str, int]:
    """Return how often each policy ARN is a boundary in an account."""
    table = tables.users
    query = (
        select(table.c.boundary_arn, func.count())
        .where(table.c.account_id == account_id, table.c.boundary_arn.is_not(None))
        .group_by(table.c.boundary_arn)
    )
    return {str(arn): int(number) for arn, number in connection.execute(query)}


def remove(connection: Connection, user_id: str) -> None:
    """Delete a user, its tags with it. The caller has looked that nothing else hangs on it."""
    connection.execute(delete(tables.identity_tags).where(tables.identity_tags.c.owner_id == user_id))
    connection.execute(delete(tables.users).where(tables.users.c.user_id == user_id))
