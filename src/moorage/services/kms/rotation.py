"""Rotation: new material for a key, by request or by itself; what the old sealed stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.crypto.key_specs import SYMMETRIC
from moorage.keys import rotations
from moorage.services.kms import answers, names, pages, refusals
from moorage.services.kms.changes import change
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import Context, on_key
from moorage.storage import kms_keys, kms_materials

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow
    from moorage.storage.kms_materials import RotationRow

# Source: AWS KMS API Reference, EnableKeyRotation and RotateKeyOnDemand.
DEFAULT_PERIOD_DAYS = 365
ON_DEMAND_LIMIT = 25
_DAY_MS = int(timedelta(days=1) / timedelta(milliseconds=1))


def _period(request: Mapping[str, Any]) -> Context:
    return {"kms:RotationPeriodInDays": (str(request.get("RotationPeriodInDays", DEFAULT_PERIOD_DAYS)),)}


@kms.operation("EnableKeyRotation", resource=on_key(_period))
def enable_key_rotation(call: Call, request: Request) -> None:
    """Rotate a key by itself, for the first time one period from now."""
    days = request.get("RotationPeriodInDays", DEFAULT_PERIOD_DAYS)
    with change(call, "EnableKeyRotation", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_usable(key)
        _require_rotatable(key)
        next_ms = call.database.now_ms(connection) + days * _DAY_MS
        kms_keys.change(connection, key, rotation_days=days, rotate_at_ms=next_ms)


@kms.operation("DisableKeyRotation", resource=on_key())
def disable_key_rotation(call: Call, request: Request) -> None:
    with change(call, "DisableKeyRotation", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_usable(key)
        _require_rotatable(key)
        kms_keys.change(connection, key, rotation_days=None, rotate_at_ms=None)


@kms.operation("GetKeyRotationStatus", resource=on_key(abroad=True))
def get_key_rotation_status(call: Call, request: Request) -> Answer:
    key = names.required(call, request["KeyId"])
    if key.key_spec != SYMMETRIC:
        return {"KeyRotationEnabled": False, "KeyId": key.arn}
    if key.rotation_days is None or key.rotate_at_ms is None or key.state == "PendingDeletion":
        return {"KeyRotationEnabled": False, "KeyId": key.arn}
    return {
        "KeyRotationEnabled": True,
        "KeyId": key.arn,
        "RotationPeriodInDays": key.rotation_days,
        "NextRotationDate": from_milliseconds(key.rotate_at_ms),
    }


@kms.operation("RotateKeyOnDemand", resource=on_key())
def rotate_key_on_demand(call: Call, request: Request) -> Answer:
    """Give a key new material now. The date of its next rotation by itself stays."""
    with change(call, "RotateKeyOnDemand", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_usable(key)
        _require_rotatable(key)
        if kms_materials.count_on_demand(connection, key.key_id) >= ON_DEMAND_LIMIT:
            raise refusals.limit_exceeded("Rotations of a key on demand", ON_DEMAND_LIMIT)
        rotations.rotate(connection, call.root_key, key, "ON_DEMAND", next_at_ms=key.rotate_at_ms)
    return {"KeyId": key.arn}


@kms.operation("ListKeyRotations", resource=on_key())
def list_key_rotations(call: Call, request: Request) -> Answer:
    """List a key's rotations, oldest first; with `IncludeKeyMaterial` also its first material."""
    key = names.required(call, request["KeyId"])
    _require_rotatable(key)
    with call.database.read() as connection:
        rows = kms_materials.rotations(connection, key.key_id)
    every = request.get("IncludeKeyMaterial", "ROTATIONS_ONLY") == "ALL_KEY_MATERIAL"
    shown = [_shown(key, version, rows, every=every) for version in range(0 if every else 1, len(rows) + 1)]
    return pages.paged(
        call,
        "ListKeyRotations",
        request,
        "Rotations",
        list(enumerate(shown)),
        key=lambda pair: f"{pair[0]:06}",
        shown=lambda pair: pair[1],
    )


def _shown(key: KmsKeyRow, version: int, rows: list[RotationRow], *, every: bool) -> Answer:
    """Show the rotation that brought a version; the first came with the key."""
    shown: Answer = {"KeyId": key.arn}
    if every:
        shown |= {
            "KeyMaterialId": answers.material_id(key, version),
            "KeyMaterialState": "CURRENT" if version == key.material_version else "NON_CURRENT",
        }
    if version > 0:
        row = rows[version - 1]
        shown |= {
            "RotationDate": from_milliseconds(row.replaced_at_ms),
            "RotationType": row.rotation_type,
        }
    return shown


def _require_rotatable(key: KmsKeyRow) -> None:
    if key.key_spec != SYMMETRIC:
        raise refusals.unsupported(
            f"{key.arn} is no symmetric encryption key: its material cannot be rotated."
        )
