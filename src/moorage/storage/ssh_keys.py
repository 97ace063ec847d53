"""Rows of users' SSH public keys. A key's id is the name that ssh signs in with."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from moorage.storage import credential_owners, tables
from moorage.storage.access_keys import ACTIVE
from moorage.storage.identifiers import Entropy

if TYPE_CHECKING:
    from moorage.storage.credential_owners import UserOwner
    from moorage.storage.users import UserRow

PREFIX = "APKA"
_ID_BYTES = 10  # sixteen base32 digits


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: the text uploaded, the key in SSH's encoding, and the MD5 of that, with colons."""

    body: str
    blob: bytes
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SshKeyRow:
    """One key of a user; `uploaded_at_ms` in Unix milliseconds."""

    key_id: str
    account_id: str
    user_id: str
    body: str
    public_blob: bytes
    fingerprint: str
    status: str
    uploaded_at_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A key as a login finds it."""

    key_id: str
    public_blob: bytes
    active: bool
    owner: UserOwner


_TABLE = tables.ssh_keys
_COLUMNS = (
    _TABLE.c.key_id,
    _TABLE.c.account_id,
    _TABLE.c.user_id,
    _TABLE.c.body,
    _TABLE.c.public_blob,
    _TABLE.c.fingerprint,
    _TABLE.c.status,
    _TABLE.c.uploaded_at_ms,
)

# Asked on every login and exec: made once, for building a statement takes longer than running it.
_STORED = (
    select(
        _TABLE.c.key_id,
        _TABLE.c.public_blob,
        (_TABLE.c.status == ACTIVE).label("active"),
        *credential_owners.COLUMNS,
    )
    .select_from(credential_owners.joined(_TABLE))
    .where(_TABLE.c.key_id == bindparam("key_id"))
)


def create(
    connection: Connection,
    user: UserRow,
    key: PublicKey,
    *,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> SshKeyRow:
    """Add a key to a user. The caller has looked that the user does not have it."""
    key_id = PREFIX + base64.b32encode(entropy(_ID_BYTES)).decode()
    row = SshKeyRow(
        key_id, user.account_id, user.user_id, key.body, key.blob, key.fingerprint, ACTIVE, now_ms
    )
    connection.execute(
        insert(_TABLE).values(
            key_id=row.key_id,
            account_id=row.account_id,
            user_id=row.user_id,
            body=row.body,
            public_blob=row.public_blob,
            fingerprint=row.fingerprint,
            status=row.status,
            uploaded_at_ms=row.uploaded_at_ms,
        )
    )
    return row


def stored(connection: Connection, key_id: str) -> Stored | None:
    """Return a key of any account with its owner, or None; one indexed query."""
    row = connection.execute(_STORED, {"key_id": key_id}).one_or_none()
    if row is None:
        return None
    found_id, public_blob, active = row[:3]
    return Stored(found_id, public_blob, active, credential_owners.owner_of(row, 3))


def of_user(connection: Connection, user_id: str) -> list[SshKeyRow]:
    """Return a user's keys, oldest first."""
    query = select(*_COLUMNS).where(_TABLE.c.user_id == user_id)
    ordered = query.order_by(_TABLE.c.uploaded_at_ms, _TABLE.c.key_id)
    return [SshKeyRow(**row) for row in connection.execute(ordered).mappings()]


def find(connection: Connection, user_id: str, key_id: str) -> SshKeyRow | None:
    """Return a user's key, or None when that user has no such one."""
    row = connection.execute(select(*_COLUMNS).where(*_owned(user_id, key_id))).mappings().one_or_none()
    return None if row is None else SshKeyRow(**row)


def set_status(connection: Connection, user_id: str, key_id: str, status: str) -> bool:
    """Make a key Active or Inactive; False when that user has no such one."""
    change = update(_TABLE).where(*_owned(user_id, key_id)).values(status=status)
    return connection.execute(change).rowcount == 1


def remove(connection: Connection, user_id: str, key_id: str) -> bool:
    """Delete a key; False when that user has no such one."""
    return connection.execute(delete(_TABLE).where(*_owned(user_id, key_id))).rowcount == 1


def _owned(user_id: str, key_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _TABLE.c.user_id == user_id, _TABLE.c.key_id == key_id
