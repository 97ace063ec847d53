from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam, quotas
from moorage.storage import mfa_devices

DENY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def test_an_account_has_one_alias_and_a_new_one_takes_its_place(root: Desk) -> None:
    assert root.ask("ListAccountAliases") == {"AccountAliases": [], "IsTruncated": False}
    root.ask("CreateAccountAlias", AccountAlias="first-name")
    root.ask("CreateAccountAlias", AccountAlias="second-name")
    root.ask("CreateAccountAlias", AccountAlias="second-name")
    assert root.ask("ListAccountAliases")["AccountAliases"] == ["second-name"]
    fault = root.refusal("DeleteAccountAlias", AccountAlias="first-name")
    assert (fault.code, fault.message) == (
        "NoSuchEntity",
        "The Account Alias with name first-name cannot be found.",
    )
    root.ask("DeleteAccountAlias", AccountAlias="second-name")
    assert root.ask("ListAccountAliases")["AccountAliases"] == []


def test_an_alias_is_one_accounts_alone(root: Desk, installation: Installation) -> None:
    installation.add_account("999988887777")
    other = Desk(installation, iam, root_principal("999988887777"))
    root.ask("CreateAccountAlias", AccountAlias="taken")
    other.ask("CreateAccountAlias", AccountAlias="mine")
    fault = other.refusal("CreateAccountAlias", AccountAlias="taken")
    assert (fault.code, fault.message) == ("EntityAlreadyExists", "The account alias taken already exists.")
    assert other.ask("ListAccountAliases")["AccountAliases"] == ["mine"]  # the refusal changed nothing
    assert other.refusal("DeleteAccountAlias", AccountAlias="taken").code == "NoSuchEntity"


@pytest.mark.parametrize("alias", ["ab", "-abc", "abc-", "a--b", "Abc", "a_b", "a" * 64])
def test_an_alias_is_small_letters_digits_and_single_hyphens(root: Desk, alias: str) -> None:
    assert root.refusal("CreateAccountAlias", AccountAlias=alias).code == "ValidationError"


def test_the_alias_names_the_account_in_a_new_devices_picture(root: Desk) -> None:
    root.ask("CreateAccountAlias", AccountAlias="example-corp")
    made = root.ask("CreateVirtualMFADevice", VirtualMFADeviceName="phone")["VirtualMFADevice"]
    assert made["QRCodePNG"].startswith(b"\x89PNG")


def test_the_summary_counts_what_there_is(root: Desk, installation: Installation) -> None:
    before = root.ask("GetAccountSummary")["SummaryMap"]
    assert (before["Users"], before["AccountAccessKeysPresent"], before["AccountPasswordPresent"]) == (
        0,
        1,
        0,
    )
    mary = installation.add_user("mary")
    root.ask("CreateGroup", GroupName="team")
    policy = root.ask(
        "CreatePolicy",
        PolicyName="p",
        PolicyDocument=DENY,
    )["Policy"]
    root.ask(
        "CreatePolicyVersion",
        PolicyArn=policy["Arn"],
        PolicyDocument=DENY,
    )
    root.ask("CreateLoginProfile", Password="Correct-horse-1")
    for name in ("one", "two", "three"):
        root.ask("CreateVirtualMFADevice", VirtualMFADeviceName=name)
    with installation.database.write() as connection:
        for name, owner in (("one", ACCOUNT), ("two", mary.user_id)):
            device = mfa_devices.named(connection, ACCOUNT, name)
            assert device is not None
            mfa_devices.enable(connection, device.device_id, owner, step=1, now_ms=NOW_MS)
    summary = root.ask("GetAccountSummary")["SummaryMap"]
    counted = {
        "Users": 1, "Groups": 1, "Roles": 0, "Policies": 1, "PolicyVersionsInUse": 2, "InstanceProfiles": 0,
        "Providers": 0, "MFADevices": 3, "MFADevicesInUse": 2, "AccountMFAEnabled": 1,
        "AccountPasswordPresent": 1, "AccountAccessKeysPresent": 1,
    }  # fmt: skip
    assert {name: summary[name] for name in counted} == counted


def test_the_summary_tells_the_quotas_that_hold_and_knows_every_key_of_the_model(root: Desk) -> None:
    summary = root.ask("GetAccountSummary")["SummaryMap"]
    shape = iam.model.shape_for("summaryKeyType")
    assert set(summary) == set(shape.enum)
    assert summary["UsersQuota"] == quotas.USERS_PER_ACCOUNT
    assert summary["AccessKeysPerUserQuota"] == quotas.ACCESS_KEYS_PER_USER


def test_the_accounts_affairs_are_for_those_who_are_allowed(root: Desk, installation: Installation) -> None:
    mary = Desk(installation, iam, user_principal(installation.add_user("mary")))
    fault = mary.refusal("GetAccountSummary")
    assert "is not authorized to perform: iam:GetAccountSummary on resource: *" in fault.message
    for operation in ("ListAccountAliases", "GenerateCredentialReport", "GetAccountAuthorizationDetails"):
        assert mary.refusal(operation).code == "AccessDenied"
