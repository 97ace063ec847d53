"""The transaction of every change to a key: the key locked and looked at again, the audit row written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moorage.services.kms import refusals
from moorage.storage import audit, kms_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow


@contextmanager
def change(call: Call, operation: str, key: KmsKeyRow) -> Iterator[tuple[Connection, KmsKeyRow]]:
    """Open the transaction in which an operation changes a key; give the key as it is now.

    Raises:
        Fault: NotFoundException, it was deleted meanwhile.
    """
    with call.database.write() as connection:
        now = kms_keys.lock(connection, key.key_id)
        if now is None or now.state == "Deleted":
            raise refusals.not_found(f"Key '{key.arn}' does not exist")
        yield connection, now
        note(connection, call, operation, key.arn)


def note(connection: Connection, call: Call, operation: str, arn: str) -> None:
    """Write the audit row of a change."""
    now_ms = call.database.now_ms(connection)
    audit.record(connection, audit.change(call.caller, f"kms:{operation}", arn, now_ms))
