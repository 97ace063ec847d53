"""Checks the one-time code of a caller's MFA device.

Six digits are soon guessed by who may try for ever, so wrong codes are counted on the device's row,
where every node sees them, and after a few the device rests for longer and longer. Only somebody who
has the owner's first factor gets this far, so strangers cannot make it rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.clock import milliseconds
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.crypto import totp
from moorage.storage import mfa_devices

if TYPE_CHECKING:
    from datetime import datetime

    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.storage.mfa_devices import DeviceRow

# Wrong codes before a device begins to rest, and the longest rest: then there are under a hundred
# tries a day, each with three chances in a million.
FREE_FAILURES = 5
MAX_REST_SECONDS = 900

# AWS STS's words.
_WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code."
_UNKNOWN = (
    "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number "
    "is valid and associated with this user."
)


def verify(
    database: Database, root_key: RootKey, owner_id: str, serial_arn: str, code: str, *, now: datetime
) -> None:
    """Accept a code of the owner's device once, or refuse. `owner_id`: a user's id, or root's account id.

    It works in a transaction of its own, which is over on return: the code is used up, or the failure
    counted, whatever becomes of the request. Call it last, outside of any other write transaction.

    Raises:
        Fault: AccessDenied: no such device of this owner, a wrong or used code, or too many of them.
    """
    with database.write() as connection:
        found = mfa_devices.by_serial(connection, serial_arn)
        # Locked, so that tries made at once are counted one after the other.
        device = None if found is None else mfa_devices.locked(connection, found.device_id)
        if device is None or device.owner_id != owner_id:
            raise _refusal(_UNKNOWN)
        _require_awake(device, now)
        step = totp.matching_step(
            device.seed(root_key), code, around=totp.step_at(now) + device.drift_steps, after=device.last_step
        )
        right = step is not None and mfa_devices.use_step(connection, device.device_id, step)
        if not right:
            mfa_devices.note_failure(connection, device.device_id, now_ms=milliseconds(now))
    if not right:
        raise _refusal(_WRONG)


def rest_seconds(failures: int) -> int:
    """Return how long a device rests after that many wrong codes in a row."""
    beyond = failures - FREE_FAILURES
    return 0 if beyond < 0 else min(1 << min(beyond, 20), MAX_REST_SECONDS)


def _require_awake(device: DeviceRow, now: datetime) -> None:
    if device.failed_at_ms is None:
        return
    left_ms = device.failed_at_ms + 1000 * rest_seconds(device.failures) - milliseconds(now)
    if left_ms > 0:
        seconds = -(-left_ms // 1000)
        raise _refusal(
            f"MultiFactorAuthentication failed: {device.failures} wrong codes in a row. "
            f"Wait {seconds} s before the next one."
        )


def _refusal(message: str) -> Fault:
    return Fault(ACCESS_DENIED, message, status=403)
