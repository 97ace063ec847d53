"""Rows of KMS aliases. Every function works in its caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, select, update

from moorage.core.arn import Arn, partition_of
from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

_ALIASES = tables.kms_aliases


@dataclass(frozen=True, slots=True)
class AliasRow:
    """One alias, with its `alias/`. Times are Unix milliseconds; those of the first release are None."""

    account_id: str
    region: str
    alias: str
    key_id: str
    created_at_ms: int | None = None
    updated_at_ms: int | None = None

    @property
    def arn(self) -> Arn:
        return alias_arn(self.region, self.account_id, self.alias)


def alias_arn(region: str, account_id: str, alias: str) -> Arn:
    """Return the ARN of an alias, which has its `alias/`."""
    return Arn(f"arn:{partition_of(region)}:kms:{region}:{account_id}:{alias}")


def find(connection: Connection, account_id: str, region: str, alias: str) -> AliasRow | None:
    """Return an alias, or None."""
    row = connection.execute(select(_ALIASES).where(*_is(account_id, region, alias))).mappings().first()
    return None if row is None else AliasRow(**row)


def in_region(connection: Connection, account_id: str, region: str) -> list[AliasRow]:
    """Return an account's aliases in a region, by name."""
    query = select(_ALIASES).where(_ALIASES.c.account_id == account_id, _ALIASES.c.region == region)
    return [AliasRow(**row) for row in connection.execute(query.order_by(_ALIASES.c.alias)).mappings()]


def add(connection: Connection, row: AliasRow) -> bool:
    """Insert an alias; False where there is one of that name."""
    values = {name: getattr(row, name) for name in AliasRow.__slots__}
    return insert_if_absent(connection, _ALIASES, values)


def point(connection: Connection, row: AliasRow, key_id: str, now_ms: int) -> None:
    """Let an alias stand for another key."""
    where = _is(row.account_id, row.region, row.alias)
    connection.execute(update(_ALIASES).where(*where).values(key_id=key_id, updated_at_ms=now_ms))


def remove(connection: Connection, row: AliasRow) -> None:
    """Delete an alias; its key stays."""
    connection.execute(delete(_ALIASES).where(*_is(row.account_id, row.region, row.alias)))


def _is(account_id: str, region: str, alias: str) -> tuple[ColumnElement[bool], ...]:
    return _ALIASES.c.account_id == account_id, _ALIASES.c.region == region, _ALIASES.c.alias == alias
