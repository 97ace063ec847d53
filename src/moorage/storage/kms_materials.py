"""Rows of key material that rotations replaced. Every function works in its caller's transaction.

What a key's old material sealed stays readable: a rotation moves the material, still sealed, from the
key's row to here, under the version that ciphertexts name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, insert, select

from moorage.storage import kms_keys, tables
from moorage.storage.kms_keys import KmsKeyRow

_OLD = tables.kms_old_materials

RotationType = Literal["AUTOMATIC", "ON_DEMAND"]


@dataclass(frozen=True, slots=True)
class RotationRow:
    """One rotation: which version it ended, how and when (Unix milliseconds)."""

    version: int
    rotation_type: str
    replaced_at_ms: int


def rotate(
    connection: Connection,
    key: KmsKeyRow,
    material_sealed: bytes,
    *,
    kind: RotationType,
    now_ms: int,
    next_at_ms: int | None,
) -> None:
    """Give a key, which is locked, new material, and keep the old."""
    connection.execute(
        insert(_OLD).values(
            key_id=key.key_id,
            version=key.material_version,
            material_sealed=key.material_sealed,
            created_at_ms=key.rotated_at_ms or key.created_at_ms,
            rotation_type=kind,
            replaced_at_ms=now_ms,
        )
    )
    kms_keys.change(
        connection,
        key,
        material_sealed=material_sealed,
        material_version=key.material_version + 1,
        rotated_at_ms=now_ms,
        rotate_at_ms=next_at_ms,
    )


def sealed(connection: Connection, key_id: str, version: int) -> bytes | None:
    """Return a version's sealed material, None where there is none among the old."""
    query = select(_OLD.c.material_sealed).where(_OLD.c.key_id == key_id, _OLD.c.version == version)
    found: bytes | None = connection.execute(query).scalar_one_or_none()
    return found


def rotations(connection: Connection, key_id: str) -> list[RotationRow]:
    """Return a key's rotations, oldest first."""
    query = select(_OLD.c.version, _OLD.c.rotation_type, _OLD.c.replaced_at_ms)
    found = connection.execute(query.where(_OLD.c.key_id == key_id).order_by(_OLD.c.version))
    return [RotationRow(*row) for row in found]


def count_on_demand(connection: Connection, key_id: str) -> int:
    """Return how often a key was rotated by request."""
    query = select(func.count()).where(_OLD.c.key_id == key_id, _OLD.c.rotation_type == "ON_DEMAND")
    return int(connection.execute(query).scalar_one())
