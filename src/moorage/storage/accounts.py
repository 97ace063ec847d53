"""Rows of accounts. Every change of an account's identities goes through `touch`."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, RowMapping, insert, select, update

from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.core.secrets import Secret
from moorage.storage import access_keys, tables
from moorage.storage.identifiers import Entropy, account_number

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey

ACTIVE = "ACTIVE"
CLOSED = "CLOSED"

_ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account. `created_at_ms` is Unix milliseconds."""

    account_id: str
    partition: str
    name: str
    state: str
    identity_revision: int
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is told once, when an account is made: its id and its root user's access key."""

    account_id: str
    access_key_id: str
    secret_access_key: Secret


def _account(row: RowMapping) -> AccountRow:
    return AccountRow(**row)


def create(
    connection: Connection,
    root_key: RootKey,
    *,
    name: str,
    partition: str,
    now_ms: int,
    account_id: str | None = None,
    root_access_key: tuple[str, Secret] | None = None,
    entropy: Entropy = secrets.token_bytes,
) -> NewAccount:
    """Make an account with its root user and one access key for it.

    `root_access_key` is an id and a secret chosen by the operator; made here when None.

    Raises:
        ValueError: the account id is not twelve digits or is taken, or the key id is taken or malformed.
    """
    account_id = account_id or account_number(entropy)
    if _ACCOUNT_ID.fullmatch(account_id) is None:
        raise ValueError(f"An account id has twelve digits, unlike {account_id!r}.")
    if find(connection, account_id) is not None:
        raise ValueError(f"Account {account_id} exists already.")
    connection.execute(
        insert(tables.accounts).values(
            account_id=account_id,
            partition=partition,
            name=name,
            state=ACTIVE,
            identity_revision=1,
            created_at_ms=now_ms,
        )
    )
    key = access_keys.create(
        connection, root_key, account_id, None, now_ms=now_ms, chosen=root_access_key, entropy=entropy
    )
    return NewAccount(account_id, key.access_key_id, key.secret)


def find(connection: Connection, account_id: str) -> AccountRow | None:
    """Return an account, open or closed, or None."""
    query = select(tables.accounts).where(tables.accounts.c.account_id == account_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _account(row)


def listing(connection: Connection) -> list[AccountRow]:
    """Return all accounts, oldest first."""
    table = tables.accounts
    query = select(table).order_by(table.c.created_at_ms, table.c.account_id)
    return [_account(row) for row in connection.execute(query).mappings()]


def close(connection: Connection, account_id: str) -> bool:
    """Close an account: its credentials are refused from the next request on, its data stays.

    Return False when there is no such open account.
    """
    table = tables.accounts
    changed = connection.execute(
        update(table)
        .where(table.c.account_id == account_id, table.c.state == ACTIVE)
        .values(state=CLOSED, identity_revision=table.c.identity_revision + 1)
    )
    return changed.rowcount == 1


def touch(connection: Connection, account_id: str) -> None:
    """Begin a change of an account's identities: raise its revision, which also locks its row.

    Called first in the transaction, it makes all changes of one account wait for each other, on
    both databases, so that "look, then write" is safe, quotas included.

    Raises:
        Fault: AccessDenied, the account is closed (or gone).
    """
    table = tables.accounts
    changed = connection.execute(
        update(table)
        .where(table.c.account_id == account_id, table.c.state == ACTIVE)
        .values(identity_revision=table.c.identity_revision + 1)
    )
    if changed.rowcount != 1:
        raise Fault(ACCESS_DENIED, f"Account {account_id} is closed.", status=403)
