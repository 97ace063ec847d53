"""Rows of service-specific credentials: user names and passwords for git over HTTPS.

A password is 264 random bits, so what is kept of it is a keyed hash, HMAC-SHA-256 under a key derived
from the root key; each row names the root key that it was derived from.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from moorage.core.secrets import Secret
from moorage.storage import credential_owners, tables
from moorage.storage.access_keys import ACTIVE
from moorage.storage.identifiers import Entropy

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.storage.credential_owners import UserOwner
    from moorage.storage.users import UserRow

PREFIX = "ACCA"
_PURPOSE = "git credentials"
_ID_BYTES = 10  # sixteen base32 digits
_PASSWORD_BYTES = 33  # 44 characters without padding
# Digits that need no escape in a URL and cannot be taken for an option, unlike base64's own.
_LAST_DIGITS = b"._"


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """One credential without what is kept of its password; `created_at_ms` in Unix milliseconds."""

    credential_id: str
    account_id: str
    user_id: str
    service: str
    user_name: str
    status: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A credential as a login finds it. `password_hash` is lower-case hex."""

    credential_id: str
    service: str
    active: bool
    password_hash: str
    hash_key_id: str
    owner: UserOwner


_TABLE = tables.service_credentials
_COLUMNS = (
    _TABLE.c.credential_id,
    _TABLE.c.account_id,
    _TABLE.c.user_id,
    _TABLE.c.service,
    _TABLE.c.user_name,
    _TABLE.c.status,
    _TABLE.c.created_at_ms,
)

# Asked on every request: made once, for building a statement takes longer than running it.
_STORED = (
    select(
        _TABLE.c.credential_id,
        _TABLE.c.service,
        (_TABLE.c.status == ACTIVE).label("active"),
        _TABLE.c.password_hash,
        _TABLE.c.hash_key_id,
        *credential_owners.COLUMNS,
    )
    .select_from(credential_owners.joined(_TABLE))
    .where(_TABLE.c.user_name == bindparam("user_name"))
)


def hashed_under_others(connection: Connection, key_id: str) -> set[tuple[str, str]]:
    """Return the root keys, but that one, which passwords were hashed under: key id and purpose."""
    table = tables.service_credentials
    query = select(table.c.hash_key_id).where(table.c.hash_key_id != key_id).distinct()
    return {(str(other), _PURPOSE) for other in connection.execute(query).scalars()}


def new_password(entropy: Entropy = secrets.token_bytes) -> Secret:
    """Return a new password: 44 letters, digits, dots and underscores."""
    return Secret(base64.b64encode(entropy(_PASSWORD_BYTES), altchars=_LAST_DIGITS).decode())


def hash_of(root_key: RootKey, key_id: str, credential_id: str, password: Secret) -> str:
    """Return what is kept of a password. It is bound to its row: another row's is worth nothing here.

    Raises:
        RootKeyError: no root key of that id is held.
    """
    text = f"{credential_id}\n{password.reveal()}".encode("utf-8", "surrogateescape")
    return hmac.digest(root_key.derive(_PURPOSE, key_id), text, "sha256").hex()


def create(
    connection: Connection,
    root_key: RootKey,
    user: UserRow,
    *,
    service: str,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> tuple[CredentialRow, Secret]:
    """Make a credential for a user; its password is returned here and never again."""
    credential_id = PREFIX + base64.b32encode(entropy(_ID_BYTES)).decode()
    row = CredentialRow(
        credential_id,
        user.account_id,
        user.user_id,
        service,
        _free_user_name(connection, user),
        ACTIVE,
        now_ms,
    )
    password = new_password(entropy)
    connection.execute(
        insert(_TABLE).values(
            credential_id=row.credential_id,
            account_id=row.account_id,
            user_id=row.user_id,
            service=row.service,
            user_name=row.user_name,
            password_hash=hash_of(root_key, root_key.key_id, credential_id, password),
            hash_key_id=root_key.key_id,
            status=row.status,
            created_at_ms=row.created_at_ms,
        )
    )
    return row, password


def _free_user_name(connection: Connection, user: UserRow) -> str:
    """Return NAME-at-ACCOUNT, or the first of NAME+1-at-ACCOUNT and so on that is free, as AWS names them."""
    number = 0
    while True:
        suffix = f"+{number}" if number else ""
        name = f"{user.name}{suffix}-at-{user.account_id}"
        if connection.execute(select(_TABLE.c.user_name).where(_TABLE.c.user_name == name)).first() is None:
            return name
        number += 1


def stored(connection: Connection, user_name: str) -> Stored | None:
    """Return a credential with its owner, by the name that git signs in with; one indexed query."""
    row = connection.execute(_STORED, {"user_name": user_name}).one_or_none()
    if row is None:
        return None
    credential_id, service, active, password_hash, hash_key_id = row[:5]
    owner = credential_owners.owner_of(row, 5)
    return Stored(credential_id, service, active, password_hash, hash_key_id, owner)


def of_user(connection: Connection, user_id: str) -> list[CredentialRow]:
    """Return a user's credentials, oldest first."""
    query = select(*_COLUMNS).where(_TABLE.c.user_id == user_id)
    ordered = query.order_by(_TABLE.c.created_at_ms, _TABLE.c.credential_id)
    return [CredentialRow(**row) for row in connection.execute(ordered).mappings()]


def of_account(connection: Connection, account_id: str) -> list[CredentialRow]:
    """Return all credentials of an account, oldest first."""
    query = select(*_COLUMNS).where(_TABLE.c.account_id == account_id)
    ordered = query.order_by(_TABLE.c.created_at_ms, _TABLE.c.credential_id)
    return [CredentialRow(**row) for row in connection.execute(ordered).mappings()]


def find(connection: Connection, user_id: str, credential_id: str) -> CredentialRow | None:
    """Return a user's credential, or None when that user has no such one."""
    query = select(*_COLUMNS).where(*_owned(user_id, credential_id))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else CredentialRow(**row)


def set_status(connection: Connection, user_id: str, credential_id: str, status: str) -> bool:
    """Make a credential Active or Inactive; False when that user has no such one."""
    change = update(_TABLE).where(*_owned(user_id, credential_id)).values(status=status)
    return connection.execute(change).rowcount == 1


def set_password(connection: Connection, root_key: RootKey, credential_id: str, password: Secret) -> None:
    """Let a password be the credential's, kept under the root key that seals now."""
    kept = hash_of(root_key, root_key.key_id, credential_id, password)
    change = update(_TABLE).where(_TABLE.c.credential_id == credential_id)
    connection.execute(change.values(password_hash=kept, hash_key_id=root_key.key_id))


def keep_under(connection: Connection, root_key: RootKey, found: Stored, password: Secret) -> None:
    """Keep a right password under the root key that seals now, unless it was reset meanwhile."""
    kept = hash_of(root_key, root_key.key_id, found.credential_id, password)
    unchanged = (_TABLE.c.credential_id == found.credential_id, _TABLE.c.password_hash == found.password_hash)
    change = update(_TABLE).where(*unchanged)
    connection.execute(change.values(password_hash=kept, hash_key_id=root_key.key_id))


def remove(connection: Connection, user_id: str, credential_id: str) -> bool:
    """Delete a credential; False when that user has no such one."""
    return connection.execute(delete(_TABLE).where(*_owned(user_id, credential_id))).rowcount == 1


def _owned(user_id: str, credential_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _TABLE.c.user_id == user_id, _TABLE.c.credential_id == credential_id
