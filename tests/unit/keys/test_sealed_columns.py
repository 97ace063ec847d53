from __future__ import annotations

from sqlalchemy import LargeBinary

from moorage.keys.sealed_columns import SEALED_COLUMNS
from moorage.storage import tables


def test_every_sealed_column_is_sealed_anew_by_a_rotation() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.endswith("_sealed")
    }
    assert sealed == {place.name for place in SEALED_COLUMNS}
