"""Virtual MFA devices: made, given to a user or to root, listed, taken away, deleted, tagged."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import quote

import segno
from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.core.faults import Fault
from moorage.crypto import totp
from moorage.services.iam import answers, quotas, refusals, tag_operations, tag_rules, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.sign_in_owners import Owner, owner_of
from moorage.storage import account_aliases, identity_tags, mfa_devices, users
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.mfa_devices import DeviceRow

# Source: the model, serialNumberType.
MAX_SERIAL = 256
# How far a device's clock may be off for ResyncMFADevice, in steps: an hour either way.
RESYNC_STEPS = 120


def _new_device(call: Call, request: Request) -> list[Target]:
    """The rule of CreateVirtualMFADevice. Tags on it need iam:TagMFADevice besides."""
    target = Target(_new_serial(call, request), targets.request_tags(request))
    if request.get("Tags"):
        call.gate.require(call.caller, "iam:TagMFADevice", target.arn, target.context)
    return [target]


def _named_device(call: Call, request: Request) -> list[Target]:
    """The rule of what is done to a device itself."""
    with call.database.read() as connection:
        device = _find(connection, call, request["SerialNumber"])
        tags = {} if device is None else identity_tags.of(connection, device.device_id)
    arn = request["SerialNumber"]
    if device is not None:
        arn = device.serial(call.caller.partition)
    elif not arn.startswith("arn:"):
        arn = iam_arn(call.caller.partition, call.caller.account_id, f"mfa/{arn}")
    return [Target(arn, {**targets.resource_tags(tags), **targets.request_tags(request)})]


def _device_holder(call: Call, request: Request) -> list[Target]:
    """The rule of GetMFADevice: the user named, else who has the device, else the device itself."""
    if "UserName" in request:
        return list(targets.named_user(call, request))
    with call.database.read() as connection:
        device = _find(connection, call, request["SerialNumber"])
        user = None if device is None else users.by_id(connection, device.owner_id or "")
    if user is not None:
        return list(targets.named_user(call, {"UserName": user.name}))
    if device is not None and device.owner_id is not None:
        return [Target(iam_arn(call.caller.partition, device.account_id, "root"))]
    return _named_device(call, request)


@iam.operation("CreateVirtualMFADevice", resource=_new_device)
def create_virtual_mfa_device(call: Call, request: Request) -> Answer:
    """Make a device; its seed is in this answer, twice, and never again in another."""
    caller, name = call.caller, request["VirtualMFADeviceName"]
    tags = tag_rules.parsed(request.get("Tags", ()))
    tag_rules.require_room({}, tags)
    serial = _new_serial(call, request)
    if len(serial) > MAX_SERIAL:
        raise refusals.invalid_input(
            f"Path and name are too long: a serial number has {MAX_SERIAL} characters at most."
        )
    seed = totp.new_seed(call.entropy)
    with change(call, "CreateVirtualMFADevice", serial) as connection:
        if mfa_devices.named(connection, caller.account_id, name) is not None:
            raise _exists("MFADevice entity at the same path and name already exists.")
        used = mfa_devices.count(connection, caller.account_id)
        quotas.require_room("VirtualMFADevicesPerAccount", quotas.USERS_PER_ACCOUNT, used)
        device = mfa_devices.create(
            connection,
            call.root_key,
            caller.account_id,
            name,
            path=request.get("Path", "/"),
            seed=seed,
            now_ms=now_ms(call),
            entropy=call.entropy,
        )
        identity_tags.put(connection, device.device_id, tags)
        alias = account_aliases.of_account(connection, caller.account_id)
    shown: Answer = {
        "SerialNumber": serial,
        "Base32StringSeed": totp.base32(seed).encode(),
        "QRCodePNG": _qr_code(f"{name}@{alias or caller.account_id}", totp.base32(seed)),
    }
    return {"VirtualMFADevice": {**shown, "Tags": answers.tag_list(tags)} if tags else shown}


@iam.operation("EnableMFADevice", resource=targets.named_user)
def enable_mfa_device(call: Call, request: Request) -> None:
    """Give a device to a user, who proves to have it by two codes, one after the other."""
    with change(call, "EnableMFADevice", user=request["UserName"]) as connection:
        owner = owner_of(connection, call.caller, request)
        device = _device(connection, call, request["SerialNumber"])
        if device.owner_id is not None:
            raise _exists("MFA device is already in use.")
        used = len(mfa_devices.of_owner(connection, owner.owner_id))
        quotas.require_room("MFADevicesPerUser", quotas.MFA_DEVICES_PER_USER, used)
        step = _proven(call, device, request, totp.WINDOW)
        mfa_devices.enable(connection, device.device_id, owner.owner_id, step=step, now_ms=now_ms(call))


@iam.operation("ResyncMFADevice", resource=targets.named_user)
def resync_mfa_device(call: Call, request: Request) -> None:
    """Follow a device whose clock is wrong, proven by two codes, one after the other."""
    with change(call, "ResyncMFADevice", user=request["UserName"]) as connection:
        owner = owner_of(connection, call.caller, request)
        device = _device_of(connection, call, owner, request["SerialNumber"])
        step = _proven(call, device, request, RESYNC_STEPS)
        drift = step - totp.step_at(call.caller.now)
        mfa_devices.synchronize(connection, device.device_id, step=step, drift_steps=drift)


@iam.operation("DeactivateMFADevice", resource=targets.named_user)
def deactivate_mfa_device(call: Call, request: Request) -> None:
    """Take a device from its user. It stays, and may be enabled again."""
    with change(call, "DeactivateMFADevice", user=request.get("UserName")) as connection:
        owner = owner_of(connection, call.caller, request)
        device = _device_of(connection, call, owner, request["SerialNumber"])
        mfa_devices.deactivate(connection, device.device_id)


@iam.operation("DeleteVirtualMFADevice", resource=_named_device)
def delete_virtual_mfa_device(call: Call, request: Request) -> None:
    with change(call, "DeleteVirtualMFADevice", request["SerialNumber"]) as connection:
        device = _device(connection, call, request["SerialNumber"])
        if device.owner_id is not None:
            raise refusals.delete_conflict("MFA VirtualDevice in use. Must deactivate first.")
        mfa_devices.remove(connection, device.device_id)


@iam.operation("GetMFADevice", resource=_device_holder)
def get_mfa_device(call: Call, request: Request) -> Answer:
    """Return whose a device is, and since when. Certifications are for FIDO keys, which there are none of."""
    with call.database.read() as connection:
        if "UserName" in request:
            owner = owner_of(connection, call.caller, request)
            device = _device_of(connection, call, owner, request["SerialNumber"])
        else:
            device = _device(connection, call, request["SerialNumber"])
        holder = users.by_id(connection, device.owner_id or "")
    shown: Answer = {"SerialNumber": device.serial(call.caller.partition)}
    if holder is not None:
        shown["UserName"] = holder.name
    if device.enabled_at_ms is not None:
        shown["EnableDate"] = answers.date(device.enabled_at_ms)
    return shown


@iam.operation("ListMFADevices", resource=targets.named_user)
def list_mfa_devices(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        owner = owner_of(connection, call.caller, request)
        found = mfa_devices.of_owner(connection, owner.owner_id)
    return paged(
        call,
        "ListMFADevices",
        request,
        "MFADevices",
        found,
        key=by_name_and_case,
        shown=lambda row: {
            "UserName": owner.name,
            "SerialNumber": row.serial(call.caller.partition),
            "EnableDate": answers.date(row.enabled_at_ms or 0),
        },
    )


@iam.operation("ListVirtualMFADevices", resource=targets.everything_of_kind("mfa"))
def list_virtual_mfa_devices(call: Call, request: Request) -> Answer:
    """List the account's devices, enabled or not; root's is among them."""
    wanted = request.get("AssignmentStatus", "Any")
    with call.database.read() as connection:
        found = [
            row
            for row in mfa_devices.listing(connection, call.caller.account_id)
            if wanted == "Any" or (row.owner_id is not None) == (wanted == "Assigned")
        ]
        holders = {row.user_id: row for row in users.listing(connection, call.caller.account_id)}

    def shown(row: DeviceRow) -> Answer:
        return _listed(call, row, holders)

    return paged(
        call, "ListVirtualMFADevices", request, "VirtualMFADevices", found, key=by_name_and_case, shown=shown
    )


def by_name_and_case(row: DeviceRow) -> str:
    """Order devices by name; theirs are unique by case, unlike those of other things."""
    return row.name


def _listed(call: Call, row: DeviceRow, holders: dict[str, users.UserRow]) -> Answer:
    partition = call.caller.partition
    shown: Answer = {"SerialNumber": row.serial(partition)}
    if row.owner_id is not None:
        holder = holders.get(row.owner_id)
        root = {"UserId": row.account_id, "Arn": iam_arn(partition, row.account_id, "root")}
        shown["User"] = root if holder is None else answers.user(holder, partition)
        shown["EnableDate"] = answers.date(row.enabled_at_ms or 0)
    return shown


def _new_serial(call: Call, request: Request) -> str:
    resource = f"mfa{request.get('Path', '/')}{request['VirtualMFADeviceName']}"
    return iam_arn(call.caller.partition, call.caller.account_id, resource)


def _find(connection: Connection, call: Call, serial: str) -> DeviceRow | None:
    device = mfa_devices.by_serial(connection, serial)
    caller = call.caller
    ours = device is not None and device.account_id == caller.account_id
    return device if device is not None and ours and device.serial(caller.partition) == serial else None


def _device(connection: Connection, call: Call, serial: str) -> DeviceRow:
    device = _find(connection, call, serial)
    if device is None:
        raise _no_such(f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return device


def _device_of(connection: Connection, call: Call, owner: Owner, serial: str) -> DeviceRow:
    device = _find(connection, call, serial)
    if device is None or device.owner_id != owner.owner_id:
        raise _no_such(f"MFA device with serial number {serial} is not one of {owner.name}.")
    return device


def _proven(call: Call, device: DeviceRow, request: Request, window: int) -> int:
    step = totp.matching_pair(
        device.seed(call.root_key),
        request["AuthenticationCode1"],
        request["AuthenticationCode2"],
        around=totp.step_at(call.caller.now),
        after=device.last_step,
        window=window,
    )
    if step is None:
        raise Fault("InvalidAuthenticationCode", "Authentication code for device is not valid.", status=403)
    return step


def _qr_code(label: str, seed: str) -> bytes:
    """Return a PNG that authenticator apps scan. Source: the model, VirtualMFADevice, QRCodePNG."""
    picture = io.BytesIO()
    uri = f"otpauth://totp/{quote(label, safe='@')}?secret={seed}"
    segno.make_qr(uri, error="m").save(picture, kind="png", scale=5)
    return picture.getvalue()


def _no_such(message: str) -> Fault:
    return Fault("NoSuchEntity", message, status=404)


def _exists(message: str) -> Fault:
    return Fault("EntityAlreadyExists", message, status=409)


tag_operations.register(
    "MFADevice",
    resource=_named_device,
    changing=lambda call, operation, request: change(call, operation, request["SerialNumber"]),
    id_of=lambda connection, call, request: _device(connection, call, request["SerialNumber"]).device_id,
)
