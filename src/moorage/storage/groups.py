"""Rows of IAM groups and of who is in them. Every function works in its caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables, users
from moorage.storage.identifiers import GROUP, Entropy, unique_id
from moorage.storage.users import UserRow


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group. `path` begins and ends with a slash; `created_at_ms` is Unix milliseconds."""

    group_id: str
    account_id: str
    name: str
    path: str
    created_at_ms: int

    @property
    def unique_id(self) -> str:
        return self.group_id

    def arn(self, partition: str) -> Arn:
        return iam_arn(partition, self.account_id, f"group{self.path}{self.name}")


_COLUMNS = (
    tables.groups.c.group_id,
    tables.groups.c.account_id,
    tables.groups.c.name,
    tables.groups.c.path,
    tables.groups.c.created_at_ms,
)


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    path: str,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> GroupRow:
    """Add a group. The caller has looked that no other has the name, whatever its case."""
    row = GroupRow(unique_id(GROUP, entropy), account_id, name, path, now_ms)
    connection.execute(
        insert(tables.groups).values(
            group_id=row.group_id,
            account_id=account_id,
            name=name,
            name_folded=name.lower(),
            path=path,
            created_at_ms=now_ms,
        )
    )
    return row


def find(connection: Connection, account_id: str, name: str) -> GroupRow | None:
    """Return the group of exactly that name (see `users.find`), or None."""
    row = holder_of(connection, account_id, name)
    return row if row is not None and row.name == name else None


def holder_of(connection: Connection, account_id: str, name: str) -> GroupRow | None:
    """Return the group whose name is `name` when case is ignored, or None."""
    table = tables.groups
    query = select(*_COLUMNS).where(table.c.account_id == account_id, table.c.name_folded == name.lower())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else GroupRow(**row)


def by_ids(connection: Connection, group_ids: Iterable[str]) -> list[GroupRow]:
    """Return the groups of those ids, by name."""
    table = tables.groups
    query = select(*_COLUMNS).where(table.c.group_id.in_(list(group_ids))).order_by(table.c.name_folded)
    return [GroupRow(**row) for row in connection.execute(query).mappings()]


def listing(connection: Connection, account_id: str, path_prefix: str = "/") -> list[GroupRow]:
    """Return an account's groups under a path prefix, by name."""
    table = tables.groups
    query = select(*_COLUMNS).where(table.c.account_id == account_id).order_by(table.c.name_folded)
    rows = [GroupRow(**row) for row in connection.execute(query).mappings()]
    return [row for row in rows if row.path.startswith(path_prefix)]


def count(connection: Connection, account_id: str) -> int:
    """Return how many groups an account has."""
    table = tables.groups
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def rename(connection: Connection, group_id: str, *, name: str, path: str) -> None:
    """Give a group another name and path; members and policies stay."""
    table = tables.groups
    values = {"name": name, "name_folded": name.lower(), "path": path}
    connection.execute(update(table).where(table.c.group_id == group_id).values(values))


def remove(connection: Connection, group_id: str) -> None:
    """Delete a group. The caller has looked that nothing hangs on it."""
    connection.execute(delete(tables.groups).where(tables.groups.c.group_id == group_id))


def members(connection: Connection, group_id: str) -> list[UserRow]:
    """Return a group's users, by name."""
    table = tables.group_members
    query = select(table.c.user_id).where(table.c.group_id == group_id)
    return users.by_ids(connection, connection.execute(query).scalars())


def of_user(connection: Connection, user_id: str) -> list[GroupRow]:
    """Return the groups a user is in, by name."""
    table = tables.group_members
    query = select(table.c.group_id).where(table.c.user_id == user_id)
    return by_ids(connection, connection.execute(query).scalars())


def add_member(connection: Connection, group_id: str, user_id: str) -> None:
    """Put a user into a group. The caller has looked that it is not there yet."""
    connection.execute(insert(tables.group_members).values(group_id=group_id, user_id=user_id))


def remove_member(connection: Connection, group_id: str, user_id: str) -> bool:
    """Take a user out of a group; False when it was not in it."""
    table = tables.group_members
    condition = (table.c.group_id == group_id, table.c.user_id == user_id)
    return connection.execute(delete(table).where(*condition)).rowcount == 1
