"""Rows of access keys. Secrets are sealed under the root key, bound to the key's id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, update

from moorage.core.secrets import Secret
from moorage.storage import tables
from moorage.storage.identifiers import Entropy, access_key_id, secret_access_key

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey

ACTIVE = "Active"
INACTIVE = "Inactive"

# What AWS's model accepts as an access key id.
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """One access key without its secret. `user_id` is None for a root user's; times in Unix ms."""

    access_key_id: str
    account_id: str
    user_id: str | None
    status: str
    created_at_ms: int
    last_used_at_ms: int | None
    last_used_service: str | None
    last_used_region: str | None


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """A key just made, with the secret that is shown once."""

    access_key_id: str
    secret: Secret
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class LastUse:
    """The latest use of a key: when (Unix ms), for which service, in which region."""

    at_ms: int
    service: str
    region: str


_COLUMNS = (
    tables.access_keys.c.access_key_id,
    tables.access_keys.c.account_id,
    tables.access_keys.c.user_id,
    tables.access_keys.c.status,
    tables.access_keys.c.created_at_ms,
    tables.access_keys.c.last_used_at_ms,
    tables.access_keys.c.last_used_service,
    tables.access_keys.c.last_used_region,
)


def _owned(account_id: str, user_id: str | None) -> tuple[ColumnElement[bool], ...]:
    table = tables.access_keys
    return table.c.account_id == account_id, table.c.user_id.is_(None) if user_id is None else (
        table.c.user_id == user_id
    )


def create(
    connection: Connection,
    root_key: RootKey,
    account_id: str,
    user_id: str | None,
    *,
    now_ms: int,
    chosen: tuple[str, Secret] | None = None,
    entropy: Entropy = secrets.token_bytes,
) -> NewAccessKey:
    """Make an access key for a user, or for the root user when `user_id` is None.

    Raises:
        ValueError: the chosen id is malformed or taken, or the chosen secret is empty.
    """
    key_id, secret = chosen or _fresh(connection, account_id, entropy)
    if not is_key_id(key_id):
        raise ValueError("An access key id has 16 to 128 letters, digits or underscores.")
    if not secret.reveal():
        raise ValueError("A secret access key must not be empty.")
    if find(connection, key_id) is not None:
        raise ValueError(f"Access key {key_id} exists already.")
    connection.execute(
        insert(tables.access_keys).values(
            access_key_id=key_id,
            account_id=account_id,
            user_id=user_id,
            secret_sealed=root_key.seal(secret.reveal().encode(), seal_context(key_id)),
            status=ACTIVE,
            created_at_ms=now_ms,
        )
    )
    return NewAccessKey(key_id, secret, now_ms)


def _fresh(connection: Connection, account_id: str, entropy: Entropy) -> tuple[str, Secret]:
    # 39 random bits: a clash within one account is unlikely, and looked for all the same.
    key_id = access_key_id(account_id, entropy)
    while find(connection, key_id) is not None:
        key_id = access_key_id(account_id, entropy)
    return key_id, Secret(secret_access_key(entropy))


def is_key_id(text: str) -> bool:
    """Tell whether a text can be an access key id; what cannot must not reach the database."""
    return _KEY_ID.fullmatch(text) is not None


def seal_context(key_id: str) -> str:
    """Return what a sealed secret is bound to, so that one row's cannot be put into another."""
    return f"access-key:{key_id}"


def find(connection: Connection, key_id: str) -> AccessKeyRow | None:
    """Return a key of any account, or None."""
    query = select(*_COLUMNS).where(tables.access_keys.c.access_key_id == key_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else AccessKeyRow(**row)


def of_owner(connection: Connection, account_id: str, user_id: str | None) -> list[AccessKeyRow]:
    """Return the keys of a user, or of the root user when `user_id` is None; oldest first."""
    table = tables.access_keys
    query = (
        select(*_COLUMNS)
        .where(*_owned(account_id, user_id))
        .order_by(table.c.created_at_ms, table.c.access_key_id)
    )
    return [AccessKeyRow(**row) for row in connection.execute(query).mappings()]


def set_status(
    connection: Connection, account_id: str, user_id: str | None, key_id: str, status: str
) -> bool:
    """Make a key Active or Inactive; False when that owner has no such key."""
    table = tables.access_keys
    condition = (table.c.access_key_id == key_id, *_owned(account_id, user_id))
    return connection.execute(update(table).where(*condition).values(status=status)).rowcount == 1


def remove(connection: Connection, account_id: str, user_id: str | None, key_id: str) -> bool:
    """Delete a key; False when that owner has no such key."""
    table = tables.access_keys
    condition = (table.c.access_key_id == key_id, *_owned(account_id, user_id))
    return connection.execute(delete(table).where(*condition)).rowcount == 1


def note_uses(connection: Connection, uses: Mapping[str, LastUse]) -> None:
    """Write down the latest uses of keys. Never turns a later one back to an earlier one."""
    if not uses:
        return
    table = tables.access_keys
    statement = (
        update(table)
        .where(
            table.c.access_key_id == bindparam("key"),
            or_(table.c.last_used_at_ms.is_(None), table.c.last_used_at_ms < bindparam("at")),
        )
        .values(
            last_used_at_ms=bindparam("at"),
            last_used_service=bindparam("service"),
            last_used_region=bindparam("region"),
        )
    )
    rows = [
        {"key": key, "at": use.at_ms, "service": use.service, "region": use.region}
        for key, use in sorted(uses.items())
    ]
    connection.execute(statement, rows)
