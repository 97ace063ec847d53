"""What happens to keys when its time has come: rotation of their material, and deletion."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from moorage.keys import wrapping
from moorage.storage import kms_keys, kms_materials
from moorage.storage.database import now_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.storage.kms_keys import KmsKeyRow
    from moorage.storage.kms_materials import RotationType

# Keys dealt with in one go, each in a transaction of its own.
BATCH = 100


def rotate(
    connection: Connection, root_key: RootKey, key: KmsKeyRow, kind: RotationType, *, next_at_ms: int | None
) -> None:
    """Give a symmetric key, which is locked, new material; ciphertexts of the old still open."""
    kms_materials.rotate(
        connection,
        key,
        wrapping.new_material(root_key, key.key_id),
        kind=kind,
        now_ms=now_ms(connection),
        next_at_ms=next_at_ms,
    )


def run_due(database: Database, root_key: RootKey) -> tuple[int, int]:
    """Rotate and delete the keys whose time has come; return how many of each.

    Any number of nodes may run it: each key is locked, and looked at again, before it is changed.
    """
    with database.read() as connection:
        moment = now_ms(connection)
        rotating = kms_keys.due_for_rotation(connection, moment, BATCH)
        going = kms_keys.due_for_deletion(connection, moment, BATCH)
    rotated = sum(_rotated(database, root_key, key.key_id) for key in rotating)
    return rotated, sum(_deleted(database, key.key_id) for key in going)


def _rotated(database: Database, root_key: RootKey, key_id: str) -> bool:
    with database.write() as connection:
        key = kms_keys.lock(connection, key_id)
        moment = now_ms(connection)
        if key is None or key.state != "Enabled" or key.rotation_days is None:
            return False
        if key.rotate_at_ms is None or key.rotate_at_ms > moment:
            return False
        period_ms = int(timedelta(days=key.rotation_days) / timedelta(milliseconds=1))
        rotate(connection, root_key, key, "AUTOMATIC", next_at_ms=moment + period_ms)
    return True


def _deleted(database: Database, key_id: str) -> bool:
    with database.write() as connection:
        key = kms_keys.lock(connection, key_id)
        if key is None or key.state != "PendingDeletion" or key.deletion_at_ms is None:
            return False
        if key.deletion_at_ms > now_ms(connection):
            return False
        kms_keys.remove(connection, key)
    return True
