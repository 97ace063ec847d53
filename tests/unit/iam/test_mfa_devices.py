from __future__ import annotations

import base64
import struct
import zlib
from datetime import timedelta
from typing import Any

import pytest

from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal, user_principal
from moorage.auth import mfa
from moorage.core.faults import Fault
from moorage.crypto import totp
from moorage.services.iam import iam

STEP = timedelta(seconds=totp.STEP_SECONDS)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(root: Desk, installation: Installation) -> Desk:
    return Desk(installation, iam, user_principal(installation.add_user("mary")))


def device(desk: Desk, name: str = "mary", **more: object) -> tuple[str, bytes]:
    made = desk.ask("CreateVirtualMFADevice", VirtualMFADeviceName=name, **more)["VirtualMFADevice"]
    return made["SerialNumber"], base64.b32decode(made["Base32StringSeed"])


def codes(seed: bytes, ahead: int = 0) -> dict[str, str]:
    """Two consecutive codes, the newer one of now, on a clock that is some steps ahead."""
    step = totp.step_at(NOW) + ahead
    return {
        "AuthenticationCode1": totp.code(seed, step - 1),
        "AuthenticationCode2": totp.code(seed, step),
    }


def enabled(desk: Desk, user: str = "mary", name: str = "mary") -> tuple[str, bytes]:
    serial, seed = device(desk, name)
    desk.ask("EnableMFADevice", UserName=user, SerialNumber=serial, **codes(seed))
    return serial, seed


def test_a_new_device_shows_its_seed_once_and_as_a_picture(root: Desk) -> None:
    made = root.ask("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Path="/team/")["VirtualMFADevice"]
    assert made["SerialNumber"] == f"arn:aws:iam::{ACCOUNT}:mfa/team/phone"
    assert len(made["Base32StringSeed"]) == 64
    picture = made["QRCodePNG"]
    assert picture.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert width == height > 100
    assert zlib.crc32(picture[12:29]) == struct.unpack(">I", picture[29:33])[0]
    (listed,) = root.ask("ListVirtualMFADevices")["VirtualMFADevices"]
    assert listed == {"SerialNumber": made["SerialNumber"]}


def test_two_consecutive_codes_enable_a_device(root: Desk, mary: Desk) -> None:
    serial, _ = enabled(root)
    (listed,) = root.ask("ListMFADevices", UserName="mary")["MFADevices"]
    assert listed == {"UserName": "mary", "SerialNumber": serial, "EnableDate": NOW}
    assert root.ask("GetMFADevice", SerialNumber=serial) == {
        "SerialNumber": serial,
        "UserName": "mary",
        "EnableDate": NOW,
    }
    (virtual,) = root.ask("ListVirtualMFADevices", AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert virtual["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/mary"
    assert root.ask("ListVirtualMFADevices", AssignmentStatus="Unassigned")["VirtualMFADevices"] == []


def test_wrong_swapped_or_equal_codes_enable_nothing(root: Desk, mary: Desk) -> None:
    serial, seed = device(root)
    good = codes(seed)
    first, second = good["AuthenticationCode1"], good["AuthenticationCode2"]
    for pair in ((second, first), (second, second), ("000000", second), (first, "000000")):
        fault = root.refusal(
            "EnableMFADevice",
            UserName="mary",
            SerialNumber=serial,
            AuthenticationCode1=pair[0],
            AuthenticationCode2=pair[1],
        )
        assert (fault.code, fault.status) == ("InvalidAuthenticationCode", 403)
        assert fault.message == "Authentication code for device is not valid."
    assert root.ask("ListMFADevices", UserName="mary")["MFADevices"] == []


def test_the_codes_that_enabled_a_device_are_used_up(root: Desk, mary: Desk) -> None:
    serial, seed = enabled(root)
    owner_id = mary.call.caller.principal.unique_id

    def verify(code: str) -> None:
        here = root.installation
        mfa.verify(here.database, here.root_key, owner_id, serial, code, now=NOW)

    for code in codes(seed).values():
        with pytest.raises(Fault, match="invalid MFA one time pass code"):
            verify(code)
    verify(totp.code(seed, totp.step_at(NOW) + 1))


def test_a_device_belongs_to_one_user_at_a_time(root: Desk, mary: Desk) -> None:
    root.installation.add_user("bob")
    serial, seed = enabled(root)
    again: dict[str, Any] = {"SerialNumber": serial, **codes(seed)}
    assert root.refusal("EnableMFADevice", UserName="bob", **again).code == "EntityAlreadyExists"
    assert root.refusal("DeactivateMFADevice", UserName="bob", SerialNumber=serial).code == "NoSuchEntity"
    assert root.refusal("GetMFADevice", UserName="bob", SerialNumber=serial).code == "NoSuchEntity"
    fault = root.refusal("DeleteVirtualMFADevice", SerialNumber=serial)
    assert (fault.code, fault.message) == (
        "DeleteConflict",
        "MFA VirtualDevice in use. Must deactivate first.",
    )


def test_a_deactivated_device_stays_and_is_deleted_by_its_serial_number(root: Desk, mary: Desk) -> None:
    serial, seed = enabled(root)
    root.ask("DeactivateMFADevice", UserName="mary", SerialNumber=serial)
    fault = root.refusal("EnableMFADevice", UserName="mary", SerialNumber=serial, **codes(seed))
    assert fault.code == "InvalidAuthenticationCode"  # these codes were used
    root.ask("DeleteVirtualMFADevice", SerialNumber=serial)
    fault = root.refusal("DeleteVirtualMFADevice", SerialNumber=serial)
    assert (fault.code, fault.message) == (
        "NoSuchEntity",
        f"VirtualMFADevice with serial number {serial} doesn't exist.",
    )


def test_names_are_used_once_and_a_ninth_device_is_refused(root: Desk, mary: Desk) -> None:
    for number in range(8):
        enabled(root, name=f"phone{number}")
    taken = root.refusal("CreateVirtualMFADevice", VirtualMFADeviceName="phone0")
    assert (taken.code, taken.status) == ("EntityAlreadyExists", 409)
    serial, seed = device(root, "phone8")
    fault = root.refusal("EnableMFADevice", UserName="mary", SerialNumber=serial, **codes(seed))
    assert (fault.code, fault.message) == ("LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8")
    page = root.ask("ListMFADevices", UserName="mary", MaxItems=5)
    rest = root.ask("ListMFADevices", UserName="mary", MaxItems=5, Marker=page["Marker"])
    assert (len(page["MFADevices"]), len(rest["MFADevices"])) == (5, 3)


def test_a_serial_number_that_would_be_too_long_is_refused(root: Desk) -> None:
    path = f"/{'p' * 300}/"
    assert root.refusal("CreateVirtualMFADevice", VirtualMFADeviceName="x", Path=path).code == "InvalidInput"


def test_a_device_whose_clock_is_wrong_is_followed_after_a_resync(root: Desk, mary: Desk) -> None:
    serial, seed = enabled(root)
    ahead = {"UserName": "mary", "SerialNumber": serial, **codes(seed, 50)}
    root.ask("ResyncMFADevice", **ahead)
    assert root.refusal("ResyncMFADevice", **ahead).code == "InvalidAuthenticationCode"
    here, later = root.installation, NOW + STEP
    code = totp.code(seed, totp.step_at(later) + 50)
    mfa.verify(here.database, here.root_key, mary.call.caller.principal.unique_id, serial, code, now=later)
    far = {"UserName": "mary", "SerialNumber": serial, **codes(seed, 500)}
    assert root.refusal("ResyncMFADevice", **far).code == "InvalidAuthenticationCode"


def test_root_has_devices_too(root: Desk) -> None:
    serial, seed = device(root, "root-account-mfa-device")
    root.ask("EnableMFADevice", UserName="root", SerialNumber=serial, **codes(seed))
    (listed,) = root.ask("ListMFADevices")["MFADevices"]
    assert (listed["UserName"], listed["SerialNumber"]) == ("root", serial)
    (virtual,) = root.ask("ListVirtualMFADevices")["VirtualMFADevices"]
    assert virtual["User"] == {"UserId": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    assert "UserName" not in root.ask("GetMFADevice", SerialNumber=serial)
    here = root.installation
    later = NOW + STEP
    mfa.verify(here.database, here.root_key, ACCOUNT, serial, totp.code(seed, totp.step_at(later)), now=later)
    root.ask("DeactivateMFADevice", SerialNumber=serial)
    assert root.ask("ListMFADevices")["MFADevices"] == []


def test_users_manage_their_own_devices_by_the_usual_policy(root: Desk, mary: Desk) -> None:
    """The policy of the IAM User Guide, "Allows MFA-authenticated users to manage their own MFA"."""
    root.ask(
        "PutUserPolicy",
        UserName="mary",
        PolicyName="own-mfa",
        PolicyDocument=(
            '{"Version": "2012-10-17", "Statement": ['
            '{"Effect": "Allow", "Action": "iam:CreateVirtualMFADevice", "Resource": "arn:aws:iam::*:mfa/*"},'
            '{"Effect": "Allow", "Action": ["iam:EnableMFADevice", "iam:ListMFADevices", '
            '"iam:ResyncMFADevice", "iam:DeactivateMFADevice"],'
            ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
        ),
    )
    serial, _ = enabled(mary)
    assert len(mary.ask("ListMFADevices")["MFADevices"]) == 1
    root.installation.add_user("bob")
    assert mary.refusal("ListMFADevices", UserName="bob").code == "AccessDenied"
    assert mary.refusal("ListVirtualMFADevices").code == "AccessDenied"
    fault = mary.refusal("DeleteVirtualMFADevice", SerialNumber=serial)
    assert f"iam:DeleteVirtualMFADevice on resource: {serial}" in fault.message
    assert mary.refusal("GetMFADevice", SerialNumber=serial).code == "AccessDenied"


def test_who_may_look_at_its_own_device_may_not_look_at_roots_nor_at_nobodys(root: Desk, mary: Desk) -> None:
    root.ask(
        "PutUserPolicy",
        UserName="mary",
        PolicyName="own-mfa",
        PolicyDocument=(
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetMFADevice",'
            ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
        ),
    )
    own, _ = enabled(root)
    nobodys, _ = device(root, "nobody")
    roots, _ = enabled(root, "root", "root")
    assert mary.ask("GetMFADevice", SerialNumber=own)["UserName"] == "mary"
    for serial, resource in ((nobodys, nobodys), (roots, f"arn:aws:iam::{ACCOUNT}:root")):
        assert f"on resource: {resource} " in mary.refusal("GetMFADevice", SerialNumber=serial).message
    assert root.ask("GetMFADevice", SerialNumber=nobodys) == {"SerialNumber": nobodys}


def test_a_device_of_another_account_is_unknown(root: Desk) -> None:
    root.installation.add_account("999988887777")
    other = Desk(root.installation, iam, root_principal("999988887777"))
    serial, seed = device(other)
    root.installation.add_user("mary")
    fault = root.refusal("EnableMFADevice", UserName="mary", SerialNumber=serial, **codes(seed))
    assert fault.code == "NoSuchEntity"
    assert root.ask("ListVirtualMFADevices")["VirtualMFADevices"] == []


def test_devices_have_tags(root: Desk) -> None:
    serial, _ = device(root, Tags=[{"Key": "team", "Value": "a"}])
    root.ask(
        "TagMFADevice", SerialNumber=serial, Tags=[{"Key": "Team", "Value": "b"}, {"Key": "x", "Value": ""}]
    )
    assert root.ask("ListMFADeviceTags", SerialNumber=serial)["Tags"] == [
        {"Key": "Team", "Value": "b"},
        {"Key": "x", "Value": ""},
    ]
    root.ask("UntagMFADevice", SerialNumber=serial, TagKeys=["x", "absent"])
    assert len(root.ask("ListMFADeviceTags", SerialNumber=serial)["Tags"]) == 1
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert root.refusal("TagMFADevice", SerialNumber=serial, Tags=tags).code == "LimitExceeded"


def test_a_user_with_a_device_is_not_deleted(root: Desk, mary: Desk) -> None:
    serial, _ = enabled(root)
    fault = root.refusal("DeleteUser", UserName="mary")
    assert (fault.code, fault.message) == (
        "DeleteConflict",
        "Cannot delete entity, must delete MFA device first.",
    )
    root.ask("DeactivateMFADevice", UserName="mary", SerialNumber=serial)
    root.ask("DeleteUser", UserName="mary")
