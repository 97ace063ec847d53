"""Keys: made, described, listed, enabled, disabled, and deleted after a waiting time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from moorage.core.clock import from_milliseconds
from moorage.core.faults import Fault
from moorage.crypto.key_specs import SPECS, SYMMETRIC
from moorage.keys import wrapping
from moorage.services.kms import answers, names, pages, policies, refusals, tags, targets
from moorage.services.kms.changes import change, note
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import anything, on_key
from moorage.storage import kms_keys, kms_tags
from moorage.storage.kms_keys import KmsKeyRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

    from moorage.services.call import Call

# Source: AWS KMS API Reference, ScheduleKeyDeletion.
WAITING_DAYS = (7, 30)
DEFAULT_WAITING_DAYS = 30
# Source: AWS KMS Developer Guide, "Quotas"; [G] counted without the keys that AWS manages.
KEYS_PER_REGION = 100_000


def _about_new(request: Mapping[str, Any]) -> targets.Context:
    spec = _spec(request)
    return {
        "kms:KeySpec": (spec,),
        "kms:KeyUsage": (request.get("KeyUsage", SPECS[spec].usages[0] if spec in SPECS else ""),),
        "kms:KeyOrigin": (request.get("Origin", "AWS_KMS"),),
        "kms:MultiRegion": (str(request.get("MultiRegion", False)).lower(),),
        "kms:BypassPolicyLockoutSafetyCheck": (str(policies.bypasses(request)).lower(),),
        **tags.about(request),
    }


@kms.operation("CreateKey", resource=anything(_about_new))
def create_key(call: Call, request: Request) -> Answer:
    """Make a key. Its material is made here: keys of other origins and stores are not there."""
    spec, usage = _kind(request)
    given = tags.parsed(request.get("Tags", ()))
    key_id = str(uuid.uuid4())
    with call.database.read() as connection:
        text = policies.saved(connection, request.get("Policy", policies.default_policy(call)))
        _require_room(connection, call)
        now_ms = call.database.now_ms(connection)
    key = KmsKeyRow(
        key_id=key_id,
        account_id=call.caller.account_id,
        region=call.caller.region,
        manager="CUSTOMER",
        state="Enabled",
        description=request.get("Description", ""),
        policy=text,
        # Outside of the transaction: an RSA key takes a while.
        material_sealed=wrapping.new_material(call.root_key, key_id, spec),
        created_at_ms=now_ms,
        key_spec=spec,
        key_usage=usage,
    )
    if not policies.bypasses(request):
        policies.require_no_lockout(call, key, text)
    with call.database.write() as connection:
        _require_room(connection, call)  # others may have made keys meanwhile
        kms_keys.add(connection, key)
        kms_tags.put(connection, key_id, given)
        note(connection, call, "CreateKey", key.arn)
    return {"KeyMetadata": answers.metadata(key)}


def _require_room(connection: Connection, call: Call) -> None:
    if len(kms_keys.in_region(connection, call.caller.account_id, call.caller.region)) >= KEYS_PER_REGION:
        raise refusals.limit_exceeded("Keys of an account in a region", KEYS_PER_REGION)


def _spec(request: Mapping[str, Any]) -> str:
    spec: str = request.get("KeySpec", request.get("CustomerMasterKeySpec", SYMMETRIC))
    return spec


def _kind(request: Request) -> tuple[str, str]:
    """Return kind and usage of the key that a request asks for."""
    pages.require_no_store(request)
    if request.get("KeySpec", _spec(request)) != request.get("CustomerMasterKeySpec", _spec(request)):
        raise refusals.invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request.")
    if request.get("Origin", "AWS_KMS") != "AWS_KMS" or "XksKeyId" in request:
        raise refusals.unsupported("This server makes key material itself: Origin must be AWS_KMS.")
    if request.get("MultiRegion", False):
        raise refusals.unsupported("This server has no multi-Region keys.")
    spec = SPECS.get(_spec(request))
    if spec is None:
        raise refusals.unsupported(f"This server has no keys of the spec {_spec(request)}.")
    usage = request.get("KeyUsage")
    if usage is None and not spec.usage_has_default:
        raise refusals.invalid("You must specify a KeyUsage value for an asymmetric or HMAC KMS key.")
    if usage is not None and usage not in spec.usages:
        raise refusals.invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec.name}")
    return spec.name, usage or spec.usages[0]


@kms.operation("DescribeKey", resource=on_key(aliases=True, abroad=True))
def describe_key(call: Call, request: Request) -> Answer:
    targets.require_grant_tokens(call, request)
    return {"KeyMetadata": answers.metadata(names.required(call, request["KeyId"]))}


@kms.operation("ListKeys", resource=anything())
def list_keys(call: Call, request: Request) -> Answer:
    """List the account's keys. Others share none with it: there is no Resource Access Manager here."""
    owners = request.get("ResourceOwners", ("SELF",))
    with call.database.read() as connection:
        own = kms_keys.in_region(connection, call.caller.account_id, call.caller.region)
    rows = own if "SELF" in owners else []
    return pages.paged(
        call,
        "ListKeys",
        request,
        "Keys",
        rows,
        key=lambda row: row.key_id,
        shown=lambda row: {"KeyId": row.key_id, "KeyArn": row.arn},
    )


@kms.operation("UpdateKeyDescription", resource=on_key())
def update_key_description(call: Call, request: Request) -> None:
    with change(call, "UpdateKeyDescription", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        kms_keys.change(connection, key, description=request["Description"])


@kms.operation("EnableKey", resource=on_key())
def enable_key(call: Call, request: Request) -> None:
    with change(call, "EnableKey", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        kms_keys.set_state(connection, key, "Enabled")


@kms.operation("DisableKey", resource=on_key())
def disable_key(call: Call, request: Request) -> None:
    """Disable a key: what it protects cannot be read or written from the next request on."""
    with change(call, "DisableKey", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        kms_keys.set_state(connection, key, "Disabled")


def _waiting(request: Mapping[str, Any]) -> targets.Context:
    days = request.get("PendingWindowInDays", DEFAULT_WAITING_DAYS)
    return {"kms:ScheduleKeyDeletionPendingWindowInDays": (str(days),)}


@kms.operation("ScheduleKeyDeletion", resource=on_key(_waiting))
def schedule_key_deletion(call: Call, request: Request) -> Answer:
    """Put a key off limits at once, and have its material deleted when the waiting time is over."""
    days = request.get("PendingWindowInDays", DEFAULT_WAITING_DAYS)
    least, most = WAITING_DAYS
    if not least <= days <= most:
        raise refusals.invalid(f"PendingWindowInDays must be between {least} and {most} (inclusive).")
    with change(call, "ScheduleKeyDeletion", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        due_ms = call.database.now_ms(connection) + int(timedelta(days=days) / timedelta(milliseconds=1))
        kms_keys.change(connection, key, state="PendingDeletion", deletion_at_ms=due_ms)
    return {
        "KeyId": key.arn,
        "DeletionDate": from_milliseconds(due_ms),
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }


@kms.operation("CancelKeyDeletion", resource=on_key())
def cancel_key_deletion(call: Call, request: Request) -> Answer:
    """Keep a key after all. It is disabled then: who wants to use it enables it."""
    with change(call, "CancelKeyDeletion", names.required(call, request["KeyId"])) as (connection, key):
        if key.state != "PendingDeletion":
            raise Fault("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
        kms_keys.change(connection, key, state="Disabled", deletion_at_ms=None)
    return {"KeyId": key.arn}
