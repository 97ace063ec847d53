"""Rows of customer managed policies and their versions, in their caller's transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables
from moorage.storage.identifiers import POLICY, Entropy, unique_id


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One customer managed policy. `path` begins and ends with a slash; times are Unix ms."""

    policy_id: str
    account_id: str
    name: str
    path: str
    description: str
    default_version: int
    next_version: int
    created_at_ms: int
    updated_at_ms: int

    @property
    def unique_id(self) -> str:
        return self.policy_id

    def arn(self, partition: str) -> Arn:
        return iam_arn(partition, self.account_id, f"policy{self.path}{self.name}")


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a customer managed policy; `document` is the text as it was sent."""

    policy_id: str
    version: int
    document: str
    created_at_ms: int


_COLUMNS = (
    tables.policies.c.policy_id,
    tables.policies.c.account_id,
    tables.policies.c.name,
    tables.policies.c.path,
    tables.policies.c.description,
    tables.policies.c.default_version,
    tables.policies.c.next_version,
    tables.policies.c.created_at_ms,
    tables.policies.c.updated_at_ms,
)


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    path: str,
    description: str,
    document: str,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> PolicyRow:
    """Add a policy with its version v1. The caller has looked that the name is free."""
    row = PolicyRow(unique_id(POLICY, entropy), account_id, name, path, description, 1, 2, now_ms, now_ms)
    connection.execute(
        insert(tables.policies).values(
            policy_id=row.policy_id,
            account_id=account_id,
            name=name,
            name_folded=name.lower(),
            path=path,
            description=description,
            default_version=1,
            next_version=2,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )
    _add_version(connection, VersionRow(row.policy_id, 1, document, now_ms))
    return row


def _add_version(connection: Connection, row: VersionRow) -> None:
    connection.execute(
        insert(tables.policy_versions).values(
            policy_id=row.policy_id,
            version=row.version,
            document=row.document,
            created_at_ms=row.created_at_ms,
        )
    )


def find(connection: Connection, account_id: str, arn: str) -> PolicyRow | None:
    """Return the account's own policy of that ARN (path and case count), or None.

    The partition is not looked at: callers have refused ARNs of another one.
    """
    _, _, resource = arn.partition(f"::{account_id}:policy/")
    if not resource:
        return None
    path, _, name = f"/{resource}".rpartition("/")
    row = holder_of(connection, account_id, name)
    return row if row is not None and (row.name, row.path) == (name, f"{path}/") else None


def holder_of(connection: Connection, account_id: str, name: str) -> PolicyRow | None:
    """Return the policy whose name is `name` when case is ignored, or None."""
    table = tables.policies
    query = select(*_COLUMNS).where(table.c.account_id == account_id, table.c.name_folded == name.lower())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else PolicyRow(**row)


def listing(connection: Connection, account_id: str) -> list[PolicyRow]:
    """Return an account's own policies, by name."""
    table = tables.policies
    query = select(*_COLUMNS).where(table.c.account_id == account_id).order_by(table.c.name_folded)
    return [PolicyRow(**row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many policies an account has made."""
    table = tables.policies
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def remove(connection: Connection, policy_id: str) -> None:
    """Delete a policy with its versions and tags. The caller has looked that it is attached nowhere."""
    connection.execute(delete(tables.identity_tags).where(tables.identity_tags.c.owner_id == policy_id))
    connection.execute(delete(tables.policies).where(tables.policies.c.policy_id == policy_id))


def versions(connection: Connection, policy_id: str) -> list[VersionRow]:
    """Return a policy's versions, newest first."""
    table = tables.policy_versions
    query = select(table).where(table.c.policy_id == policy_id).order_by(table.c.version.desc())
    return [VersionRow(**row) for row in connection.execute(query).mappings()]


def version(connection: Connection, policy_id: str, number: int) -> VersionRow | None:
    """Return one version of a policy, or None."""
    table = tables.policy_versions
    query = select(table).where(table.c.policy_id == policy_id, table.c.version == number)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else VersionRow(**row)


def add_version(
    connection: Connection, policy: PolicyRow, document: str, *, now_ms: int, make_default: bool
) -> VersionRow:
    """Add the next version of a policy, and make it the one in force if asked to."""
    row = VersionRow(policy.policy_id, policy.next_version, document, now_ms)
    _add_version(connection, row)
    table = tables.policies
    values = {"next_version": row.version + 1, "updated_at_ms": now_ms}
    if make_default:
        values["default_version"] = row.version
    connection.execute(update(table).where(table.c.policy_id == policy.policy_id).values(values))
    return row


def set_default(connection: Connection, policy_id: str, number: int, *, now_ms: int) -> None:
    """Put a version that exists in force."""
    table = tables.policies
    values = {"default_version": number, "updated_at_ms": now_ms}
    connection.execute(update(table).where(table.c.policy_id == policy_id).values(values))


def remove_version(connection: Connection, policy_id: str, number: int) -> None:
    """Delete a version. The caller has looked that it is not the one in force."""
    table = tables.policy_versions
    connection.execute(delete(table).where(table.c.policy_id == policy_id, table.c.version == number))
