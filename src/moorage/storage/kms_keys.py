"""Rows of KMS keys. Every function works in its caller's transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from moorage.core.arn import Arn, key_arn
from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

Manager = Literal["AWS", "CUSTOMER"]
# A deleted key has a row only while a repository still names it: for all else it is gone.
State = Literal["Enabled", "Disabled", "PendingDeletion", "Deleted"]

_KEYS = tables.kms_keys
_ALIASES = tables.kms_aliases


@dataclass(frozen=True, slots=True)
class KmsKeyRow:
    """One key. `policy` is JSON text, its principals as unique ids; times are Unix milliseconds.

    `material_version` is that of `material_sealed`: each rotation raises it by one.
    """

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
    rotate_at_ms: int | None = None
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


def lock(connection: Connection, key_id: str) -> KmsKeyRow | None:
    """Return the key of this id; nobody else changes it until the transaction ends."""
    row = connection.execute(_KEY.with_for_update(), {"key_id": key_id}).first()
    return None if row is None else KmsKeyRow(*row)


def in_region(connection: Connection, account_id: str, region: str) -> list[KmsKeyRow]:
    """Return an account's keys in a region, by id."""
    query = select(_KEYS).where(
        _KEYS.c.account_id == account_id, _KEYS.c.region == region, _KEYS.c.state != "Deleted"
    )
    return [KmsKeyRow(**row) for row in connection.execute(query.order_by(_KEYS.c.key_id)).mappings()]


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
    values = {
        "account_id": key.account_id,
        "region": key.region,
        "alias": alias,
        "key_id": key.key_id,
        "created_at_ms": key.created_at_ms,
        "updated_at_ms": key.created_at_ms,
    }
    if insert_if_absent(connection, _ALIASES, values):
        return key
    connection.execute(_KEYS.delete().where(_KEYS.c.key_id == key.key_id))
    standing = find_by_alias(connection, key.account_id, key.region, alias)
    assert standing is not None, "an alias that is in the way is there"
    return standing


def change(connection: Connection, key: KmsKeyRow, **values: object) -> None:
    """Set columns of a key. It bites on the next request, on every node."""
    connection.execute(update(_KEYS).where(_KEYS.c.key_id == key.key_id).values(values))
    _touch(connection, key.account_id)


def set_state(connection: Connection, key: KmsKeyRow, state: State) -> None:
    """Enable or disable a key, or mark it for deletion."""
    change(connection, key, state=state)


def set_policy(connection: Connection, key: KmsKeyRow, policy: str) -> None:
    """Replace a key's policy (JSON text, parsed by the caller before)."""
    change(connection, key, policy=policy)


def due_for_deletion(connection: Connection, now_ms: int, limit: int) -> list[KmsKeyRow]:
    """Return keys whose waiting time is over."""
    query = select(_KEYS).where(_KEYS.c.state == "PendingDeletion", _KEYS.c.deletion_at_ms <= now_ms)
    return [KmsKeyRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def due_for_rotation(connection: Connection, now_ms: int, limit: int) -> list[KmsKeyRow]:
    """Return enabled keys whose next rotation is due."""
    query = select(_KEYS).where(
        _KEYS.c.state == "Enabled", _KEYS.c.rotation_days.is_not(None), _KEYS.c.rotate_at_ms <= now_ms
    )
    return [KmsKeyRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def remove(connection: Connection, key: KmsKeyRow) -> bool:
    """Delete a key with all its material, for ever; tell whether its row went too.

    Where a repository still names the key its row stays, without material, as `Deleted`. Aliases,
    grants, tags and old materials go in any case.
    """
    for table in (tables.kms_aliases, tables.kms_grants, tables.kms_tags, tables.kms_old_materials):
        connection.execute(delete(table).where(table.c.key_id == key.key_id))
    used = select(tables.repositories.c.repository_id).where(tables.repositories.c.kms_key_id == key.key_id)
    if connection.execute(used.limit(1)).first() is not None:
        change(connection, key, state="Deleted", material_sealed=b"", deletion_at_ms=None)
        return False
    connection.execute(delete(_KEYS).where(_KEYS.c.key_id == key.key_id))
    _touch(connection, key.account_id)
    return True


def _touch(connection: Connection, account_id: str) -> None:
    accounts = tables.accounts
    connection.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(identity_revision=accounts.c.identity_revision + 1)
    )
