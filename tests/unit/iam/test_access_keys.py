from __future__ import annotations

import re

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam
from moorage.storage import access_keys
from moorage.storage.access_keys import LastUse
from moorage.storage.identifiers import account_of

OWN_KEYS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*AccessKey*",'
    ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(root: Desk, installation: Installation) -> Desk:
    user = installation.add_user("mary")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="own-keys", PolicyDocument=OWN_KEYS)
    return Desk(installation, iam, user_principal(user))


def test_a_new_key_is_shown_with_its_secret_once(root: Desk, mary: Desk) -> None:
    key = root.ask("CreateAccessKey", UserName="mary")["AccessKey"]
    assert account_of(key["AccessKeyId"]) == ACCOUNT
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    assert (key["UserName"], key["Status"]) == ("mary", "Active")
    listed = root.ask("ListAccessKeys", UserName="mary")["AccessKeyMetadata"]
    assert listed == [{name: key[name] for name in ("UserName", "AccessKeyId", "Status", "CreateDate")}]


def test_without_a_name_a_key_is_made_for_oneself(mary: Desk) -> None:
    key = mary.ask("CreateAccessKey")["AccessKey"]
    assert key["UserName"] == "mary"
    mary.ask("UpdateAccessKey", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert [row["Status"] for row in mary.ask("ListAccessKeys")["AccessKeyMetadata"]] == ["Inactive"]
    mary.ask("DeleteAccessKey", AccessKeyId=key["AccessKeyId"])
    assert mary.ask("ListAccessKeys")["AccessKeyMetadata"] == []


def test_root_makes_its_own_second_key_and_has_no_user_name(root: Desk, installation: Installation) -> None:
    key = root.ask("CreateAccessKey")["AccessKey"]
    assert "UserName" not in key
    listed = [row["AccessKeyId"] for row in root.ask("ListAccessKeys")["AccessKeyMetadata"]]
    assert sorted(listed) == sorted([installation.account.access_key_id, key["AccessKeyId"]])
    root.ask("DeleteAccessKey", AccessKeyId=key["AccessKeyId"])


def test_a_third_key_is_refused(root: Desk, mary: Desk) -> None:
    for _ in range(2):
        root.ask("CreateAccessKey", UserName="mary")
    fault = root.refusal("CreateAccessKey", UserName="mary")
    assert (fault.code, fault.status) == ("LimitExceeded", 409)
    assert fault.message == "Cannot exceed quota for AccessKeysPerUser: 2"


def test_a_user_cannot_touch_the_keys_of_another_nor_of_root(
    root: Desk, mary: Desk, installation: Installation
) -> None:
    installation.add_user("bob")
    key = root.ask("CreateAccessKey", UserName="bob")["AccessKey"]["AccessKeyId"]
    assert mary.refusal("DeleteAccessKey", UserName="bob", AccessKeyId=key).code == "AccessDenied"
    for foreign in (key, installation.account.access_key_id):
        fault = mary.refusal("DeleteAccessKey", AccessKeyId=foreign)
        assert (fault.code, fault.message) == (
            "NoSuchEntity",
            f"The Access Key with id {foreign} cannot be found.",
        )
        fault = mary.refusal("UpdateAccessKey", AccessKeyId=foreign, Status="Inactive")
        assert fault.code == "NoSuchEntity"
        assert mary.refusal("GetAccessKeyLastUsed", AccessKeyId=foreign).code == "AccessDenied"
    assert mary.refusal("GetAccessKeyLastUsed", AccessKeyId="AKIAUNKNOWNUNKNOWN00").code == "AccessDenied"


def test_the_status_that_no_caller_may_set_is_refused(root: Desk, installation: Installation) -> None:
    fault = root.refusal("UpdateAccessKey", AccessKeyId=installation.account.access_key_id, Status="Expired")
    assert fault.code in {"InvalidInput", "ValidationError"}


def test_the_last_use_is_told_and_na_before_the_first(
    root: Desk, mary: Desk, installation: Installation
) -> None:
    key = root.ask("CreateAccessKey", UserName="mary")["AccessKey"]["AccessKeyId"]
    never = root.ask("GetAccessKeyLastUsed", AccessKeyId=key)
    assert never == {
        "UserName": "mary",
        "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }
    with installation.database.write() as connection:
        access_keys.note_uses(connection, {key: LastUse(NOW_MS, "codecommit", "us-east-2")})
    used = mary.ask("GetAccessKeyLastUsed", AccessKeyId=key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("codecommit", "us-east-2")
    assert int(used["LastUsedDate"].timestamp() * 1000) == NOW_MS


def test_a_key_of_another_account_is_unknown_here(root: Desk, installation: Installation) -> None:
    other = installation.add_account("999988887777")
    fault = root.refusal("GetAccessKeyLastUsed", AccessKeyId=other.access_key_id)
    assert fault.code == "NoSuchEntity"
