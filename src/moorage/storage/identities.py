"""What a request needs to know about its caller: whose key it is, and which policies bind them.

Both answers carry the account's `identity_revision`, which every change of identities raises: what
was derived from an older revision is thrown away, so a revoked key, a new deny or a deleted user
bites on the next request, on every node.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, select

from moorage.core.arn import Arn, iam_arn
from moorage.storage import (
    accounts,
    attachments,
    aws_policies,
    groups,
    identity_tags,
    policies,
    roles,
    tables,
    users,
)
from moorage.storage.groups import GroupRow
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

if TYPE_CHECKING:
    from moorage.storage.database import Database


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """An access key and whose it is. `user_id` and `arn`'s user part are the root's when None."""

    access_key_id: str
    account_id: str
    partition: str
    account_open: bool
    revision: int
    active: bool
    secret_sealed: bytes
    user_id: str | None
    user_name: str | None
    user_path: str | None

    @property
    def arn(self) -> Arn:
        resource = "root" if self.user_id is None else f"user{self.user_path}{self.user_name}"
        return iam_arn(self.partition, self.account_id, resource)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy document and what to call it: its ARN, or "inline policy X of user Y"."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class BoundPolicies:
    """All policies that bind one user or role, or the members of a group."""

    identity: tuple[PolicyText, ...]
    boundary: PolicyText | None


@contextmanager
def change(database: Database, account_id: str) -> Iterator[Connection]:
    """Open the transaction of a change to an account's identities: the only way to make one.

    Raises:
        Fault: AccessDenied, the account is closed; ServiceUnavailable, the database is too busy.
    """
    with database.write() as connection:
        accounts.touch(connection, account_id)
        yield connection


# Asked on every request: made once, for building a statement takes longer than running it.
_KEY_OWNER = (
    select(
        tables.access_keys.c.access_key_id,
        tables.access_keys.c.account_id,
        tables.accounts.c.partition,
        (tables.accounts.c.state == accounts.ACTIVE).label("account_open"),
        tables.accounts.c.identity_revision.label("revision"),
        (tables.access_keys.c.status == "Active").label("active"),
        tables.access_keys.c.secret_sealed,
        tables.access_keys.c.user_id,
        tables.users.c.name.label("user_name"),
        tables.users.c.path.label("user_path"),
    )
    .join_from(
        tables.access_keys, tables.accounts, tables.access_keys.c.account_id == tables.accounts.c.account_id
    )
    .join(tables.users, tables.access_keys.c.user_id == tables.users.c.user_id, isouter=True)
    .where(tables.access_keys.c.access_key_id == bindparam("access_key_id"))
)
_REVISION = select(tables.accounts.c.identity_revision).where(
    tables.accounts.c.account_id == bindparam("account_id"), tables.accounts.c.state == accounts.ACTIVE
)


def key_owner(connection: Connection, access_key_id: str) -> KeyOwner | None:
    """Return an access key, sealed secret included, with its owner and account; one indexed query."""
    row = connection.execute(_KEY_OWNER, {"access_key_id": access_key_id}).one_or_none()
    return None if row is None else KeyOwner(*row)


def revision(connection: Connection, account_id: str) -> int | None:
    """Return an account's identity revision; None when there is no such open account."""
    return connection.execute(_REVISION, {"account_id": account_id}).scalar_one_or_none()


def policies_of(connection: Connection, partition: str, user_id: str) -> BoundPolicies | None:
    """Return every policy that binds a user, groups' included; None when the user is gone."""
    user = users.by_id(connection, user_id)
    if user is None:
        return None
    texts = _texts_of(connection, partition, user.account_id, user_id, f"user {user.name}")
    for group in groups.of_user(connection, user_id):
        texts += _texts_of(connection, partition, user.account_id, group.group_id, f"group {group.name}")
    return BoundPolicies(tuple(texts), _boundary(connection, partition, user))


def group_policies(connection: Connection, partition: str, group: GroupRow) -> BoundPolicies:
    """Return every policy that binds a group's members for being in it."""
    texts = _texts_of(connection, partition, group.account_id, group.group_id, f"group {group.name}")
    return BoundPolicies(tuple(texts), None)


def role_policies(connection: Connection, partition: str, role_id: str) -> BoundPolicies | None:
    """Return every policy that binds a role's sessions; None when the role is gone.

    The trust policy is not among them: it says who may assume the role.
    """
    role = roles.by_id(connection, role_id)
    if role is None:
        return None
    texts = _texts_of(connection, partition, role.account_id, role_id, f"role {role.name}")
    return BoundPolicies(tuple(texts), _boundary(connection, partition, role))


def _texts_of(
    connection: Connection, partition: str, account_id: str, owner_id: str, owner: str
) -> list[PolicyText]:
    texts = [
        PolicyText(f"inline policy {row.name} of {owner}", row.document)
        for row in attachments.inline(connection, owner_id)
    ]
    for arn in attachments.attached(connection, owner_id):
        text = managed_document(connection, partition, account_id, arn)
        if text is None:  # foreign rows cannot happen through the API; never open by accident
            raise RuntimeError(f"{owner} has {arn}, which does not exist")
        texts.append(PolicyText(arn, text))
    return texts


def _boundary(connection: Connection, partition: str, bound: UserRow | RoleRow) -> PolicyText | None:
    if bound.boundary_arn is None:
        return None
    text = managed_document(connection, partition, bound.account_id, bound.boundary_arn)
    # A boundary that is gone bounds everything away.
    return PolicyText(bound.boundary_arn, text if text is not None else _NOTHING)


_NOTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


def managed_document(connection: Connection, partition: str, account_id: str, arn: str) -> str | None:
    """Return the text in force of a managed policy, AWS's or the account's own, or None."""
    ours = aws_policies.in_partition(partition).get(arn)
    if ours is not None:
        return ours.document
    policy = policies.find(connection, account_id, arn)
    if policy is None:
        return None
    version = policies.version(connection, policy.policy_id, policy.default_version)
    return None if version is None else version.document


def tags_of(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return the tags of a user or role."""
    return identity_tags.of(connection, owner_id)
