from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from identities_at_hand import ACCOUNT
from kms_at_hand import KmsDesk, allow
from moorage.core.faults import Fault
from moorage.core.principal import Caller
from moorage.keys import rotations
from moorage.services.kms import keys
from moorage.storage import tables

MISSING = "00000000-0000-4000-8000-000000000000"


def make_due(desk: KmsDesk, **columns: int) -> None:
    with desk.call.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(columns))


def run_due(desk: KmsDesk) -> tuple[int, int]:
    return rotations.run_due(desk.call.database, desk.call.root_key)


def test_a_new_key_is_enabled_symmetric_and_the_accounts_own(desk: KmsDesk) -> None:
    made = desk.ask("CreateKey", Description="For the team", Tags=[{"TagKey": "team", "TagValue": "a"}])
    metadata = made["KeyMetadata"]
    assert metadata["Arn"] == f"arn:aws:kms:us-east-2:{ACCOUNT}:key/{metadata['KeyId']}"
    assert {name: metadata[name] for name in ("KeyState", "KeySpec", "KeyUsage", "KeyManager", "Origin")} == {
        "KeyState": "Enabled",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyManager": "CUSTOMER",
        "Origin": "AWS_KMS",
    }
    assert desk.ask("DescribeKey", KeyId=metadata["KeyId"])["KeyMetadata"] == metadata
    assert desk.ask("ListResourceTags", KeyId=metadata["KeyId"])["Tags"] == [
        {"TagKey": "team", "TagValue": "a"}
    ]
    assert desk.ask("ListKeys")["Keys"] == [{"KeyId": metadata["KeyId"], "KeyArn": metadata["Arn"]}]
    assert desk.ask("ListKeys", ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"])["Keys"] == []


def test_a_key_is_found_by_id_arn_alias_and_the_aliass_arn(desk: KmsDesk) -> None:
    key_id = desk.key()
    desk.ask("CreateAlias", AliasName="alias/team/key", TargetKeyId=key_id)
    arn = desk.ask("DescribeKey", KeyId=key_id)["KeyMetadata"]["Arn"]
    alias_arn = f"arn:aws:kms:us-east-2:{ACCOUNT}:alias/team/key"
    for name in (key_id, arn, "alias/team/key", alias_arn):
        assert desk.ask("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key_id


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x", "NotFoundException"),
        (MISSING, "NotFoundException"),
        ("alias/none", "NotFoundException"),
        (f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{MISSING}", "NotFoundException"),
        ("arn:aws:s3:::bucket", "InvalidArnException"),
        (f"arn:aws:kms:us-east-2:{ACCOUNT}:{MISSING}", "InvalidArnException"),
        (f"arn:aws:kms:us-east-2:999988887777:key/{MISSING}", "AccessDenied"),
    ],
)
def test_a_name_that_nothing_has_is_refused(desk: KmsDesk, name: str, code: str) -> None:
    assert desk.refusal("DescribeKey", KeyId=name).code == code


def test_whoever_has_no_right_learns_nothing_of_a_key_that_is_not_there(desk: KmsDesk) -> None:
    nobody = desk.of_user("nobody")
    assert nobody.refusal("DescribeKey", KeyId=MISSING).code == "AccessDenied"


def test_an_alias_does_not_name_a_key_for_changes(desk: KmsDesk) -> None:
    desk.ask("CreateAlias", AliasName="alias/a", TargetKeyId=desk.key())
    assert desk.refusal("DisableKey", KeyId="alias/a").code == "NotFoundException"


def test_a_key_of_another_region_is_not_there(desk: KmsDesk) -> None:
    key_id = desk.key()
    assert desk.in_region("eu-west-1").refusal("DescribeKey", KeyId=key_id).code == "NotFoundException"


def test_a_disabled_key_does_nothing_until_it_is_enabled(desk: KmsDesk) -> None:
    key_id = desk.key()
    desk.ask("DisableKey", KeyId=key_id)
    metadata = desk.ask("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("Disabled", False)
    assert desk.refusal("Encrypt", KeyId=key_id, Plaintext=b"x").code == "DisabledException"
    assert desk.refusal("EnableKeyRotation", KeyId=key_id).code == "DisabledException"
    desk.ask("EnableKey", KeyId=key_id)
    desk.ask("Encrypt", KeyId=key_id, Plaintext=b"x")


def test_a_key_waits_for_its_deletion_and_can_be_kept(desk: KmsDesk) -> None:
    key_id = desk.key()
    answer = desk.ask("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingDeletion", 7)
    metadata = desk.ask("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert metadata["DeletionDate"] == answer["DeletionDate"]
    for operation, more in (
        ("Encrypt", {"Plaintext": b"x"}),
        ("EnableKey", {}),
        ("ScheduleKeyDeletion", {}),
        ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ):
        assert desk.refusal(operation, KeyId=key_id, **more).code == "KMSInvalidStateException"
    assert run_due(desk) == (0, 0)
    desk.ask("CancelKeyDeletion", KeyId=key_id)
    assert desk.ask("DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    assert desk.refusal("CancelKeyDeletion", KeyId=key_id).code == "KMSInvalidStateException"


@pytest.mark.parametrize("days", [6, 31])
def test_the_wait_is_of_7_to_30_days(desk: KmsDesk, days: int) -> None:
    fault = desk.refusal("ScheduleKeyDeletion", KeyId=desk.key(), PendingWindowInDays=days)
    assert fault.code == "ValidationError"


def test_a_key_whose_time_is_up_goes_with_all_that_it_encrypted(desk: KmsDesk) -> None:
    key_id = desk.key()
    desk.ask("CreateAlias", AliasName="alias/a", TargetKeyId=key_id)
    sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    desk.ask("ScheduleKeyDeletion", KeyId=key_id)
    make_due(desk, deletion_at_ms=1)
    assert run_due(desk) == (0, 1)
    assert desk.refusal("DescribeKey", KeyId=key_id).code == "NotFoundException"
    assert desk.refusal("Decrypt", CiphertextBlob=sealed).code == "AccessDenied"
    assert desk.ask("ListAliases")["Aliases"] == []
    assert desk.ask("ListKeys")["Keys"] == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"KeySpec": "RSA_2048"}, "ValidationError"),
        ({"KeySpec": "HMAC_256", "KeyUsage": "SIGN_VERIFY"}, "ValidationError"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
        ({"Origin": "EXTERNAL"}, "UnsupportedOperationException"),
        ({"MultiRegion": True}, "UnsupportedOperationException"),
        ({"CustomKeyStoreId": "cks-1"}, "CustomKeyStoreNotFoundException"),
        ({"Policy": "{}"}, "MalformedPolicyDocumentException"),
        ({"Policy": " " * 40_000}, "LimitExceededException"),
        ({"Tags": [{"TagKey": "aws:a", "TagValue": ""}]}, "TagException"),
        ({"Tags": [{"TagKey": "a", "TagValue": ""}] * 2}, "TagException"),
    ],
)
def test_what_cannot_be_made_is_refused(desk: KmsDesk, request_: dict[str, Any], code: str) -> None:
    assert desk.refusal("CreateKey", **request_).code == code


def test_old_material_opens_what_it_sealed_after_rotations(desk: KmsDesk) -> None:
    key_id = desk.key()
    sealed = [desk.ask("Encrypt", KeyId=key_id, Plaintext=b"0")["CiphertextBlob"]]
    for number in (b"1", b"2"):
        desk.ask("RotateKeyOnDemand", KeyId=key_id)
        sealed.append(desk.ask("Encrypt", KeyId=key_id, Plaintext=number)["CiphertextBlob"])
    opened = [desk.ask("Decrypt", CiphertextBlob=blob) for blob in sealed]
    assert [answer["Plaintext"] for answer in opened] == [b"0", b"1", b"2"]
    assert len({answer["KeyMaterialId"] for answer in opened}) == 3
    listed = desk.ask("ListKeyRotations", KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [entry["KeyMaterialId"] for entry in listed] == [answer["KeyMaterialId"] for answer in opened]
    assert [entry["KeyMaterialState"] for entry in listed] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    assert [entry["RotationType"] for entry in desk.ask("ListKeyRotations", KeyId=key_id)["Rotations"]] == [
        "ON_DEMAND",
        "ON_DEMAND",
    ]


def test_a_key_rotates_by_itself_when_its_period_is_over(desk: KmsDesk) -> None:
    key_id = desk.key()
    assert desk.ask("GetKeyRotationStatus", KeyId=key_id)["KeyRotationEnabled"] is False
    desk.ask("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=90)
    before = desk.ask("GetKeyRotationStatus", KeyId=key_id)
    assert (before["KeyRotationEnabled"], before["RotationPeriodInDays"]) == (True, 90)
    assert run_due(desk) == (0, 0)
    make_due(desk, rotate_at_ms=1)
    assert run_due(desk) == (1, 0)
    assert run_due(desk) == (0, 0)
    after = desk.ask("GetKeyRotationStatus", KeyId=key_id)
    assert abs(after["NextRotationDate"] - before["NextRotationDate"]) < timedelta(minutes=5)
    assert desk.ask("ListKeyRotations", KeyId=key_id)["Rotations"][0]["RotationType"] == "AUTOMATIC"
    desk.ask("DisableKeyRotation", KeyId=key_id)
    make_due(desk, rotate_at_ms=1)
    assert run_due(desk) == (0, 0)


def test_only_symmetric_keys_rotate(desk: KmsDesk) -> None:
    key_id = desk.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    assert desk.refusal("EnableKeyRotation", KeyId=key_id).code == "UnsupportedOperationException"
    assert desk.refusal("RotateKeyOnDemand", KeyId=key_id).code == "UnsupportedOperationException"
    assert desk.ask("GetKeyRotationStatus", KeyId=key_id)["KeyRotationEnabled"] is False


def test_aliases_are_made_moved_listed_and_deleted(desk: KmsDesk) -> None:
    one, two = desk.key(), desk.key()
    desk.ask("CreateAlias", AliasName="alias/a", TargetKeyId=one)
    assert desk.refusal("CreateAlias", AliasName="alias/a", TargetKeyId=two).code == "AlreadyExistsException"
    desk.ask("UpdateAlias", AliasName="alias/a", TargetKeyId=two)
    assert desk.ask("ListAliases", KeyId=one)["Aliases"] == []
    (alias,) = desk.ask("ListAliases", KeyId=two)["Aliases"]
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/a", two)
    desk.ask("DeleteAlias", AliasName="alias/a")
    assert desk.refusal("DeleteAlias", AliasName="alias/a").code == "NotFoundException"


@pytest.mark.parametrize("name", ["a", "alias/", "alias/aws/mine", "alias/a:b"])
def test_an_alias_needs_a_good_name(desk: KmsDesk, name: str) -> None:
    fault = desk.refusal("CreateAlias", AliasName=name, TargetKeyId=desk.key())
    assert fault.code == "InvalidAliasNameException"


def test_an_alias_takes_rights_on_alias_and_key(desk: KmsDesk) -> None:
    key_id = desk.key()
    key_arn = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/{key_id}"
    half = desk.of_user("half", allow("kms:CreateAlias") | {"Resource": key_arn})
    assert half.refusal("CreateAlias", AliasName="alias/a", TargetKeyId=key_id).code == "AccessDenied"
    aliases = f"arn:aws:kms:us-east-2:{ACCOUNT}:alias/*"
    whole = desk.of_user("whole", allow("kms:CreateAlias") | {"Resource": [key_arn, aliases]})
    whole.ask("CreateAlias", AliasName="alias/a", TargetKeyId=key_id)


def test_the_key_that_aws_manages_is_seen_and_cannot_be_changed(desk: KmsDesk) -> None:
    desk.repositories.repository("demo")
    metadata = desk.ask("DescribeKey", KeyId="alias/aws/codecommit")["KeyMetadata"]
    assert metadata["KeyManager"] == "AWS"
    assert [alias["AliasName"] for alias in desk.ask("ListAliases")["Aliases"]] == ["alias/aws/codecommit"]
    key_id, other = metadata["KeyId"], desk.key()
    assert "kms:ViaService" in desk.ask("GetKeyPolicy", KeyId=key_id)["Policy"]
    for operation, request in {
        "DisableKey": {"KeyId": key_id},
        "ScheduleKeyDeletion": {"KeyId": key_id},
        "PutKeyPolicy": {"KeyId": key_id, "Policy": "{}"},
        "CreateAlias": {"AliasName": "alias/mine", "TargetKeyId": key_id},
        "DeleteAlias": {"AliasName": "alias/aws/codecommit"},
        "UpdateAlias": {"AliasName": "alias/aws/codecommit", "TargetKeyId": other},
        "Encrypt": {"KeyId": key_id, "Plaintext": b"x"},
        "CreateGrant": {
            "KeyId": key_id,
            "GranteePrincipal": str(desk.caller.principal.arn),
            "Operations": ["Decrypt"],
        },
        "TagResource": {"KeyId": key_id, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
    }.items():
        assert desk.refusal(operation, **request).code == "AccessDenied", operation


def test_lists_come_in_pages(desk: KmsDesk) -> None:
    every = sorted(desk.key() for _ in range(3))
    first = desk.ask("ListKeys", Limit=2)
    assert first["Truncated"] is True
    second = desk.ask("ListKeys", Limit=2, Marker=first["NextMarker"])
    assert second["Truncated"] is False
    assert [key["KeyId"] for key in (*first["Keys"], *second["Keys"])] == every
    assert desk.refusal("ListKeys", Marker="x").code == "InvalidMarkerException"


class _Racing:
    """A gate at whose question somebody else makes the last key that there is room for."""

    def __init__(self, desk: KmsDesk) -> None:
        self._desk = desk
        self._raced = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk.call.gate, name)

    def of(self, caller: Caller) -> Any:
        if not self._raced:
            self._raced = True
            self._desk.key()
        return self._desk.call.gate.of(caller)


def test_two_who_make_the_last_key_at_once_do_not_pass_the_quota(
    desk: KmsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_PER_REGION", 1)
    gate: Any = _Racing(desk)
    racing = KmsDesk(desk.repositories, dataclasses.replace(desk.call, gate=gate))
    with pytest.raises(Fault, match="LimitExceededException"):
        keys.create_key(racing.call, {})
    assert len(desk.ask("ListKeys")["Keys"]) == 1
