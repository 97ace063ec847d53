"""Rows of virtual MFA devices. Seeds are sealed under the root key, bound to the device's id.

A device belongs to nobody until it is enabled for a user, or for an account's root user: then
`owner_id` is the user's id, or the account's own.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import tables
from moorage.storage.identifiers import Entropy, unique_id

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey

# Of the ids that rows are known by; AWS names no prefix, for it never shows such an id.
_ID_PREFIX = "AMFA"
_SERIAL = re.compile(r"arn:[a-z-]+:iam::(?P<account>[0-9]{12}):mfa(?P<path>/(?:[!-~]*/)?)(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device. `path` begins and ends with a slash; times are Unix milliseconds.

    `last_step` is the TOTP step used last, `drift_steps` how far its clock was ahead when it was last
    synchronized, `failures` how many wrong codes were given since the last right one.
    """

    device_id: str
    account_id: str
    name: str
    path: str
    seed_sealed: bytes = field(repr=False)
    owner_id: str | None
    enabled_at_ms: int | None
    last_step: int
    drift_steps: int
    failures: int
    failed_at_ms: int | None
    created_at_ms: int

    def serial(self, partition: str) -> Arn:
        """Return the serial number, which for a virtual device is its ARN."""
        return iam_arn(partition, self.account_id, f"mfa{self.path}{self.name}")

    def seed(self, root_key: RootKey) -> bytes:
        """Open the seed: whoever has it can make every code."""
        return root_key.open(self.seed_sealed, seal_context(self.device_id))


_COLUMNS = tuple(tables.mfa_devices.c[name] for name in DeviceRow.__slots__)


def seal_context(device_id: str) -> str:
    """Return what a sealed seed is bound to, so that one row's cannot be put into another."""
    return f"mfa-device:{device_id}"


def create(
    connection: Connection,
    root_key: RootKey,
    account_id: str,
    name: str,
    *,
    path: str,
    seed: bytes,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> DeviceRow:
    """Add a device that is nobody's yet. The caller has looked that the name is free."""
    device_id = unique_id(_ID_PREFIX, entropy)
    sealed = root_key.seal(seed, seal_context(device_id))
    row = DeviceRow(device_id, account_id, name, path, sealed, None, None, 0, 0, 0, None, now_ms)
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    connection.execute(insert(tables.mfa_devices).values(**values))
    return row


def by_serial(connection: Connection, serial: str) -> DeviceRow | None:
    """Return the device of that serial number, of any account, or None. The partition is not looked at."""
    match = _SERIAL.fullmatch(serial)
    if match is None:
        return None
    row = named(connection, match["account"], match["name"])
    return row if row is not None and row.path == match["path"] else None


def locked(connection: Connection, device_id: str) -> DeviceRow | None:
    """Return a device as it is now, and let no other transaction change it before this one ends."""
    query = select(*_COLUMNS).where(tables.mfa_devices.c.device_id == device_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else DeviceRow(**row)


def named(connection: Connection, account_id: str, name: str) -> DeviceRow | None:
    """Return the account's device of that name, whatever its path, or None."""
    table = tables.mfa_devices
    found = _rows(connection, table.c.account_id == account_id, table.c.name == name)
    return found[0] if found else None


def of_owner(connection: Connection, owner_id: str) -> list[DeviceRow]:
    """Return the devices of a user, or of an account's root user, by name."""
    return _rows(connection, tables.mfa_devices.c.owner_id == owner_id)


def listing(connection: Connection, account_id: str) -> list[DeviceRow]:
    """Return all devices of an account, by name."""
    return _rows(connection, tables.mfa_devices.c.account_id == account_id)


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> list[DeviceRow]:
    query = select(*_COLUMNS).where(*conditions).order_by(tables.mfa_devices.c.name)
    return [DeviceRow(**row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many devices an account has, enabled or not."""
    table = tables.mfa_devices
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def enable(connection: Connection, device_id: str, owner_id: str, *, step: int, now_ms: int) -> None:
    """Give a device to an owner; `step` is that of the newer code it was proven with."""
    _set(
        connection, device_id, owner_id=owner_id, enabled_at_ms=now_ms, last_step=step, drift_steps=0,
        failures=0, failed_at_ms=None,
    )  # fmt: skip


def deactivate(connection: Connection, device_id: str) -> None:
    """Take a device from its owner. The step used last stays: its codes are not good again."""
    _set(connection, device_id, owner_id=None, enabled_at_ms=None, failures=0, failed_at_ms=None)


def synchronize(connection: Connection, device_id: str, *, step: int, drift_steps: int) -> None:
    """Note how far a device's clock is ahead."""
    _set(
        connection, device_id, last_step=step, drift_steps=drift_steps, failures=0, failed_at_ms=None
    )  # fmt: skip


def use_step(connection: Connection, device_id: str, step: int) -> bool:
    """Mark a step as used, and all before it; False when another request did so first."""
    table = tables.mfa_devices
    changed = connection.execute(
        update(table)
        .where(table.c.device_id == device_id, table.c.last_step < step)
        .values(last_step=step, failures=0, failed_at_ms=None)
    )
    return changed.rowcount == 1


def note_failure(connection: Connection, device_id: str, *, now_ms: int) -> None:
    """Count a wrong code."""
    table = tables.mfa_devices
    connection.execute(
        update(table)
        .where(table.c.device_id == device_id)
        .values(failures=table.c.failures + 1, failed_at_ms=now_ms)
    )


def _set(connection: Connection, device_id: str, **values: str | int | None) -> None:
    table = tables.mfa_devices
    connection.execute(update(table).where(table.c.device_id == device_id).values(values))


def remove(connection: Connection, device_id: str) -> None:
    """Delete a device with its seed and tags. The caller has looked that it is nobody's."""
    connection.execute(delete(tables.identity_tags).where(tables.identity_tags.c.owner_id == device_id))
    connection.execute(delete(tables.mfa_devices).where(tables.mfa_devices.c.device_id == device_id))
