"""Rows of IAM roles. Every function works in its caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables
from moorage.storage.access_keys import LastUse
from moorage.storage.identifiers import ROLE, Entropy, unique_id

# Where the roles live that a service made for itself, and that only it may change.
SERVICE_LINKED_PATH = "/aws-service-role/"


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One role. `path` begins and ends with a slash; times are Unix milliseconds.

    `trust_policy` is the text with the unique ids of users and roles in the place of their ARNs.
    """

    role_id: str
    account_id: str
    name: str
    path: str
    description: str
    trust_policy: str = field(repr=False)
    max_session_seconds: int
    boundary_arn: str | None
    created_at_ms: int
    last_used_at_ms: int | None = None
    last_used_region: str | None = None

    @property
    def unique_id(self) -> str:
        return self.role_id

    @property
    def service_linked(self) -> bool:
        return self.path.startswith(SERVICE_LINKED_PATH)

    def arn(self, partition: str) -> Arn:
        return iam_arn(partition, self.account_id, f"role{self.path}{self.name}")


_COLUMNS = tuple(tables.roles.c[name] for name in RoleRow.__slots__)


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    path: str,
    trust_policy: str,
    now_ms: int,
    description: str = "",
    max_session_seconds: int = 3_600,
    boundary_arn: str | None = None,
    entropy: Entropy = secrets.token_bytes,
) -> RoleRow:
    """Add a role. The caller has looked that no other has the name, whatever its case."""
    row = RoleRow(
        unique_id(ROLE, entropy), account_id, name, path, description, trust_policy, max_session_seconds,
        boundary_arn, now_ms,
    )  # fmt: skip
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    connection.execute(insert(tables.roles).values(name_folded=name.lower(), **values))
    return row


def find(connection: Connection, account_id: str, name: str) -> RoleRow | None:
    """Return the role of exactly that name (see `users.find`), or None."""
    row = holder_of(connection, account_id, name)
    return row if row is not None and row.name == name else None


def holder_of(connection: Connection, account_id: str, name: str) -> RoleRow | None:
    """Return the role whose name is `name` when case is ignored, or None."""
    table = tables.roles
    query = select(*_COLUMNS).where(table.c.account_id == account_id, table.c.name_folded == name.lower())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else RoleRow(**row)


def by_id(connection: Connection, role_id: str) -> RoleRow | None:
    """Return a role by its unique id, or None."""
    found = by_ids(connection, [role_id])
    return found[0] if found else None


def by_ids(connection: Connection, role_ids: Iterable[str]) -> list[RoleRow]:
    """Return the roles of those ids, by name."""
    table = tables.roles
    query = select(*_COLUMNS).where(table.c.role_id.in_(list(role_ids))).order_by(table.c.name_folded)
    return [RoleRow(**row) for row in connection.execute(query).mappings()]


def listing(connection: Connection, account_id: str, path_prefix: str = "/") -> list[RoleRow]:
    """Return an account's roles under a path prefix, by name."""
    table = tables.roles
    query = select(*_COLUMNS).where(table.c.account_id == account_id).order_by(table.c.name_folded)
    rows = [RoleRow(**row) for row in connection.execute(query).mappings()]
    return [row for row in rows if row.path.startswith(path_prefix)]


def count(connection: Connection, account_id: str) -> int:
    """Return how many roles an account has."""
    table = tables.roles
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def describe(connection: Connection, role_id: str, description: str) -> None:
    """Set a role's description."""
    _set(connection, role_id, description=description)


def set_max_session(connection: Connection, role_id: str, seconds: int) -> None:
    """Set the longest session that may be asked for."""
    _set(connection, role_id, max_session_seconds=seconds)


def set_trust_policy(connection: Connection, role_id: str, text: str) -> None:
    """Set who may assume a role; `text` holds unique ids, see `RoleRow`."""
    _set(connection, role_id, trust_policy=text)


def set_boundary(connection: Connection, role_id: str, boundary_arn: str | None) -> None:
    """Set a role's permissions boundary, or take it away."""
    _set(connection, role_id, boundary_arn=boundary_arn)


def note_uses(connection: Connection, uses: Mapping[str, LastUse]) -> None:
    """Write down the latest uses of roles, by id. Never turns a later one back to an earlier one."""
    table = tables.roles
    for role_id, use in sorted(uses.items()):
        earlier = or_(table.c.last_used_at_ms.is_(None), table.c.last_used_at_ms < use.at_ms)
        connection.execute(
            update(table)
            .where(table.c.role_id == role_id, earlier)
            .values(last_used_at_ms=use.at_ms, last_used_region=use.region)
        )


def _set(connection: Connection, role_id: str, **values: str | int | None) -> None:
    connection.execute(update(tables.roles).where(tables.roles.c.role_id == role_id).values(values))


def bounded_by(connection: Connection, account_id: str, policy_arn: str) -> list[RoleRow]:
    """Return the roles whose boundary is that policy, by name."""
    table = tables.roles
    query = (
        select(*_COLUMNS)
        .where(table.c.account_id == account_id, table.c.boundary_arn == policy_arn)
        .order_by(table.c.name_folded)
    )
    return [RoleRow(**row) for row in connection.execute(query).mappings()]


def boundary_counts(connection: Connection, account_id: str) -> dict[str, int]:
    """Return how often each policy ARN is the boundary of a role in an account."""
    table = tables.roles
    query = (
        select(table.c.boundary_arn, func.count())
        .where(table.c.account_id == account_id, table.c.boundary_arn.is_not(None))
        .group_by(table.c.boundary_arn)
    )
    return {str(arn): int(number) for arn, number in connection.execute(query)}


def remove(connection: Connection, role_id: str) -> None:
    """Delete a role, its tags with it. The caller has looked that nothing else hangs on it."""
    connection.execute(delete(tables.identity_tags).where(tables.identity_tags.c.owner_id == role_id))
    connection.execute(delete(tables.roles).where(tables.roles.c.role_id == role_id))
