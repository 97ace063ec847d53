"""Every secret that rests in the database sealed under the root key, and how all are sealed anew.

A column whose name ends in `_sealed` belongs here; a test holds the list complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Table, and_, select, update

from moorage.keys import wrapping
from moorage.storage import access_keys, mfa_devices, tables

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database

# Rows sealed anew in one transaction: short, for the service runs meanwhile.
BATCH = 200


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column. `context` says what a row's secret is bound to, from the first part of its key."""

    table: Table
    column: str
    context: Callable[[str], str]

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column}"


SEALED_COLUMNS = (
    SealedColumn(tables.access_keys, "secret_sealed", access_keys.seal_context),
    SealedColumn(tables.kms_keys, "material_sealed", wrapping.place),
    SealedColumn(tables.kms_old_materials, "material_sealed", wrapping.place),
    SealedColumn(tables.mfa_devices, "seed_sealed", mfa_devices.seal_context),
)


def reseal(database: Database, root_key: RootKey) -> int:
    """Seal anew whatever was sealed under an old root key; return how many secrets that were.

    It may run while the service does, may be killed at any moment and may be run again: each row
    changes only if it still holds what was read.

    Raises:
        OpenFailed: a secret was changed, or sealed under a root key that is not held.
    """
    return sum(_resealed(database, root_key, place) for place in SEALED_COLUMNS)


def _resealed(database: Database, root_key: RootKey, place: SealedColumn) -> int:
    columns = list(place.table.primary_key.columns)
    sealed_column = place.table.c[place.column]
    with database.read() as connection:
        rows = connection.execute(select(*columns, sealed_column)).all()
    # An empty one has no secret: the material of a key that was deleted.
    old = [row for row in rows if row[-1] and root_key.sealed_with_old(row[-1])]
    for start in range(0, len(old), BATCH):
        with database.write() as connection:
            for row in old[start : start + BATCH]:
                context = place.context(row[0])
                fresh = root_key.seal(root_key.open(row[-1], context), context)
                is_it = and_(*(column == part for column, part in zip(columns, row, strict=False)))
                connection.execute(
                    update(place.table).where(is_it, sealed_column == row[-1]).values({place.column: fresh})
                )
    return len(old)
