"""Rows of what gives an identity its permissions: attached managed policies and inline ones.

The owner is a user or a group, by its unique id.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from moorage.storage import tables


@dataclass(frozen=True, slots=True)
class InlinePolicyRow:
    """One inline policy; `document` is the text as it was sent."""

    owner_id: str
    name: str
    document: str


def attached(connection: Connection, owner_id: str) -> list[str]:
    """Return the ARNs of the managed policies on an identity, in the order of attaching."""
    table = tables.attached_policies
    query = (
        select(table.c.policy_arn)
        .where(table.c.owner_id == owner_id)
        .order_by(table.c.attached_at_ms, table.c.policy_arn)
    )
    return list(connection.execute(query).scalars())


def attach(connection: Connection, account_id: str, owner_id: str, policy_arn: str, *, now_ms: int) -> None:
    """Put a managed policy on an identity. The caller has looked that it is not there yet."""
    connection.execute(
        insert(tables.attached_policies).values(
            owner_id=owner_id, policy_arn=policy_arn, account_id=account_id, attached_at_ms=now_ms
        )
    )


def detach(connection: Connection, owner_id: str, policy_arn: str) -> bool:
    """Take a managed policy off an identity; False when it was not there."""
    table = tables.attached_policies
    condition = (table.c.owner_id == owner_id, table.c.policy_arn == policy_arn)
    return connection.execute(delete(table).where(*condition)).rowcount == 1


def owners_of(connection: Connection, account_id: str, policy_arn: str) -> list[str]:
    """Return the ids of the account's identities that have a managed policy."""
    table = tables.attached_policies
    query = select(table.c.owner_id).where(table.c.account_id == account_id, table.c.policy_arn == policy_arn)
    return list(connection.execute(query).scalars())


def counts(connection: Connection, account_id: str) -> dict[str, int]:
    """Return how often each managed policy is attached in an account, by ARN."""
    table = tables.attached_policies
    query = (
        select(table.c.policy_arn, func.count())
        .where(table.c.account_id == account_id)
        .group_by(table.c.policy_arn)
    )
    return {str(arn): int(number) for arn, number in connection.execute(query)}


def inline(connection: Connection, owner_id: str) -> list[InlinePolicyRow]:
    """Return an identity's inline policies, by name."""
    table = tables.inline_policies
    query = (
        select(table.c.owner_id, table.c.name, table.c.document)
        .where(table.c.owner_id == owner_id)
        .order_by(table.c.name)
    )
    return [InlinePolicyRow(**row) for row in connection.execute(query).mappings()]


def put_inline(connection: Connection, account_id: str, row: InlinePolicyRow) -> None:
    """Write an inline policy, in place of an older one of the same name."""
    remove_inline(connection, row.owner_id, row.name)
    connection.execute(
        insert(tables.inline_policies).values(
            owner_id=row.owner_id, name=row.name, account_id=account_id, document=row.document
        )
    )


def remove_inline(connection: Connection, owner_id: str, name: str) -> bool:
    """Delete an inline policy; False when there was none of that name."""
    table = tables.inline_policies
    condition = (table.c.owner_id == owner_id, table.c.name == name)
    return connection.execute(delete(table).where(*condition)).rowcount == 1
