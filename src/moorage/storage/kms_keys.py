"""Rows of KMS keys and their aliases. Every function works in its caller's transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Literal

from sqlalchemy import Connection, bindparam, insert, select, update

from moorage.core.arn import Arn, key_arn
from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

Manager = Literal["AWS", "CUSTOMER"]
State = Literal["Enabled", "Disabled", "PendingDeletion"]

_KEYS = tables.kms_keys
_ALIASES = tables.kms_aliases


@dataclass(frozen=True, slots=True)
class KmsKeyRow:
    """One key. `policy` is JSON text; the time is Unix milliseconds."""

    key_id: str
    account_id: str
    region: str
    manager: Manager
    state: State
    description: str
    policy: str
    material_sealed: bytes
    created_at_ms: int
    key_spec: str = "SYMMETRIC_DEFAULT"
    key_usage: str = "ENCRYPT_DECRYPT"
    origin: str = "AWS_KMS"
    material_version: int = 0
    rotation_days: int | None = None
    rotated_at_ms: int | None = None
    deletion_at_ms: int | None = None

    @property
    def arn(self) -> Arn:
        return key_arn(self.region, self.account_id, self.key_id)


# Asked on every request: made once, for building a statement takes longer than running it.
_KEY = select(*(_KEYS.c[field.name] for field in fields(KmsKeyRow))).where(
    _KEYS.c.key_id == bindparam("key_id")
)


def find(connection: Connection, key_id: str) -> KmsKeyRow | None:
    """Return the key of this id, of whatever account and region."""
    row = connection.execute(_KEY, {"key_id": key_id}).first()
    return None if row is None else KmsKeyRow(*row)


def usable_repositories(connection: Connection) -> set[str]:
    """Return the ids of all repositories whose key may be used now."""
    table = tables.repositories
    joined = select(table.c.repository_id).join(_KEYS, _KEYS.c.key_id == table.c.kms_key_id)
    return set(connection.execute(joined.where(_KEYS.c.state == "Enabled")).scalars())


def find_by_alias(connection: Connection, account_id: str, region: str, alias: str) -> KmsKeyRow | None:
    """Return the key that an alias (with its `alias/`) stands for."""
    joined = select(_KEYS).join(_ALIASES, _ALIASES.c.key_id == _KEYS.c.key_id)
    named = joined.where(
        _ALIASES.c.account_id == account_id, _ALIASES.c.region == region, _ALIASES.c.alias == alias
    )
    row = connection.execute(named).mappings().first()
    return None if row is None else KmsKeyRow(**row)


def aliases_of(connection: Connection, key: KmsKeyRow) -> tuple[str, ...]:
    """Return a key's aliases, sorted."""
    found = select(_ALIASES.c.alias).where(
        _ALIASES.c.account_id == key.account_id,
        _ALIASES.c.region == key.region,
        _ALIASES.c.key_id == key.key_id,
    )
    return tuple(connection.execute(found.order_by(_ALIASES.c.alias)).scalars())


def add(connection: Connection, key: KmsKeyRow) -> None:
    """Insert a key."""
    connection.execute(insert(_KEYS).values(asdict(key)))
    _touch(connection, key.account_id)


def add_with_alias(connection: Connection, key: KmsKeyRow, alias: str) -> KmsKeyRow:
    """Insert a key and an alias for it; return the key that the alias stands for.

    That is another's, and nothing is inserted, when a transaction just before this one made it.
    """
    add(connection, key)
    values = {"account_id": key.account_id, "region": key.region, "alias": alias, "key_id": key.key_id}
    if insert_if_absent(connection, _ALIASES, values):
        return key
    connection.execute(_KEYS.delete().where(_KEYS.c.key_id == key.key_id))
    standing = find_by_alias(connection, key.account_id, key.region, alias)
    assert standing is not None, "an alias that is in the way is there"
    return standing


def set_state(connection: Connection, key: KmsKeyRow, state: State) -> None:
    """Enable or disable a key, or mark it for deletion. It bites on the next request."""
    connection.execute(update(_KEYS).where(_KEYS.c.key_id == key.key_id).values(state=state))
    _touch(connection, key.account_id)


def set_policy(connection: Connection, key: KmsKeyRow, policy: str) -> None:
    """Replace a key's policy (JSON text, parsed by the caller before)."""
    connection.execute(update(_KEYS).where(_KEYS.c.key_id == key.key_id).values(policy=policy))
    _touch(connection, key.account_id)


def set_material(connection: Connection, key_id: str, material_sealed: bytes) -> None:
    """Store a key's material sealed anew, as a rotation of the root key does."""
    connection.execute(update(_KEYS).where(_KEYS.c.key_id == key_id).values(material_sealed=material_sealed))


def _touch(connection: Connection, account_id: str) -> None:
    accounts = tables.accounts
    connection.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(identity_revision=accounts.c.identity_revision + 1)
    )
