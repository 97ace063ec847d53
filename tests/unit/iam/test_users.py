from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def test_a_created_user_is_told_found_and_listed_alike(root: Desk) -> None:
    tags = [{"Key": "Team", "Value": "a"}]
    made = root.ask("CreateUser", UserName="mary", Path="/team/", Tags=tags)["User"]
    assert made["UserId"].startswith("AIDA")
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/mary"
    assert (made["Path"], made["CreateDate"], made["Tags"]) == ("/team/", NOW, tags)
    assert root.ask("GetUser", UserName="mary")["User"] == made
    listed = {key: value for key, value in made.items() if key != "Tags"}
    assert root.ask("ListUsers")["Users"] == [listed]
    assert root.ask("ListUsers", PathPrefix="/other/")["Users"] == []


def test_a_name_is_taken_whatever_its_case(root: Desk) -> None:
    root.ask("CreateUser", UserName="Mary")
    fault = root.refusal("CreateUser", UserName="mARY")
    assert (fault.code, fault.status) == ("EntityAlreadyExists", 409)
    assert fault.message == "User with name mARY already exists."


def test_a_user_that_is_not_there_is_told_in_awss_words(root: Desk) -> None:
    for operation in ("GetUser", "DeleteUser", "ListAccessKeys", "CreateAccessKey", "UpdateUser"):
        fault = root.refusal(operation, UserName="nobody")
        assert (fault.code, fault.status) == ("NoSuchEntity", 404)
        assert fault.message == "The user with name nobody cannot be found."


def test_get_user_without_a_name_is_the_caller(root: Desk, installation: Installation) -> None:
    assert root.ask("GetUser")["User"] == {
        "UserId": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:root",
        "CreateDate": NOW,
    }
    mary = installation.add_user("mary")
    own = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetUser",'
        ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
    )
    root.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=own)
    desk = Desk(installation, iam, user_principal(mary))
    assert desk.ask("GetUser")["User"]["UserName"] == "mary"
    assert desk.ask("GetUser", UserName="mary")["User"]["UserId"] == mary.user_id
    installation.add_user("bob")
    assert desk.refusal("GetUser", UserName="bob").code == "AccessDenied"
    assert desk.refusal("GetUser", UserName="nobody").code == "AccessDenied"


def test_a_renamed_user_keeps_its_id_keys_and_policies(root: Desk) -> None:
    made = root.ask("CreateUser", UserName="mary")["User"]
    key = root.ask("CreateAccessKey", UserName="mary")["AccessKey"]
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    root.ask("UpdateUser", UserName="mary", NewUserName="Maria", NewPath="/a/")
    assert root.refusal("GetUser", UserName="mary").code == "NoSuchEntity"
    renamed = root.ask("GetUser", UserName="Maria")["User"]
    assert (renamed["UserId"], renamed["Path"]) == (made["UserId"], "/a/")
    [listed] = root.ask("ListAccessKeys", UserName="Maria")["AccessKeyMetadata"]
    assert (listed["AccessKeyId"], listed["UserName"]) == (key["AccessKeyId"], "Maria")
    root.ask("UpdateUser", UserName="Maria", NewUserName="MARIA")
    root.ask("CreateUser", UserName="bob")
    assert root.refusal("UpdateUser", UserName="bob", NewUserName="maria").code == "EntityAlreadyExists"


def test_renaming_needs_the_right_to_both_names(root: Desk, installation: Installation) -> None:
    mary = installation.add_user("mary")
    only_team = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:UpdateUser",'
        f' "Resource": ["arn:aws:iam::{ACCOUNT}:user/mary", "arn:aws:iam::{ACCOUNT}:user/team/*"]}}]}}'
    )
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=only_team)
    desk = Desk(installation, iam, user_principal(mary))
    fault = desk.refusal("UpdateUser", UserName="mary", NewPath="/admins/")
    assert fault.code == "AccessDenied"
    assert f"on resource: arn:aws:iam::{ACCOUNT}:user/admins/mary" in fault.message
    desk.ask("UpdateUser", UserName="mary", NewPath="/team/")


@pytest.mark.parametrize(
    ("hang", "unhang", "deed"),
    [
        ("AttachUserPolicy", "DetachUserPolicy", "detach all policies"),
        ("PutUserPolicy", "DeleteUserPolicy", "delete policies"),
        ("CreateAccessKey", "DeleteAccessKey", "delete access keys"),
        ("AddUserToGroup", "RemoveUserFromGroup", "remove users from group"),
    ],
)
def test_a_user_is_deleted_only_when_nothing_hangs_on_it(
    root: Desk, hang: str, unhang: str, deed: str
) -> None:
    root.ask("CreateUser", UserName="mary", Tags=[{"Key": "k", "Value": "v"}])
    root.ask("CreateGroup", GroupName="dev")
    asked = {
        "AttachUserPolicy": {"PolicyArn": POWER_USER},
        "PutUserPolicy": {"PolicyName": "p", "PolicyDocument": ALLOW},
        "CreateAccessKey": {},
        "AddUserToGroup": {"GroupName": "dev"},
    }[hang]
    answer = root.ask(hang, UserName="mary", **asked)
    fault = root.refusal("DeleteUser", UserName="mary")
    assert (fault.code, fault.status) == ("DeleteConflict", 409)
    assert fault.message == f"Cannot delete entity, must {deed} first."
    asked.pop("PolicyDocument", None)
    if "AccessKey" in answer:
        asked = {"AccessKeyId": answer["AccessKey"]["AccessKeyId"]}
    root.ask(unhang, UserName="mary", **asked)
    root.ask("DeleteUser", UserName="mary")
    assert root.ask("ListUsers")["Users"] == []


def test_users_of_two_accounts_do_not_see_each_other(root: Desk, installation: Installation) -> None:
    installation.add_account("999988887777")
    other = Desk(installation, iam, root_principal("999988887777"))
    root.ask("CreateUser", UserName="mary")
    assert other.refusal("GetUser", UserName="mary").code == "NoSuchEntity"
    other.ask("CreateUser", UserName="mary")
    other.ask("DeleteUser", UserName="mary")
    assert root.ask("GetUser", UserName="mary")["User"]["UserName"] == "mary"


def test_the_partition_of_the_account_is_in_its_arns(installation: Installation) -> None:
    installation.add_account("999988887777", partition="aws-cn")
    desk = Desk(installation, iam, root_principal("999988887777", "aws-cn"))
    user = desk.ask("CreateUser", UserName="mary")["User"]
    assert user["Arn"] == "arn:aws-cn:iam::999988887777:user/mary"
    desk.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER.replace("aws:", "aws-cn:", 1))
    fault = desk.refusal("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    assert fault.code == "InvalidInput"


def test_tags_are_set_replaced_taken_away_and_limited(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    root.ask("TagUser", UserName="mary", Tags=[{"Key": "Team", "Value": "a"}, {"Key": "x", "Value": ""}])
    root.ask("TagUser", UserName="mary", Tags=[{"Key": "TEAM", "Value": "b"}])
    assert root.ask("ListUserTags", UserName="mary")["Tags"] == [
        {"Key": "TEAM", "Value": "b"},
        {"Key": "x", "Value": ""},
    ]
    root.ask("UntagUser", UserName="mary", TagKeys=["team", "absent"])
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(49)]
    root.ask("TagUser", UserName="mary", Tags=many)
    fault = root.refusal("TagUser", UserName="mary", Tags=[{"Key": "one-more", "Value": ""}])
    assert (fault.code, fault.message) == ("LimitExceeded", "Cannot exceed quota for TagsPerResource: 50")
    twice = [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]
    assert root.refusal("TagUser", UserName="mary", Tags=twice).code == "InvalidInput"
    assert (
        root.refusal("TagUser", UserName="mary", Tags=[{"Key": "aws:x", "Value": ""}]).code == "InvalidInput"
    )


def test_conditions_see_the_tags_of_a_user_and_those_of_the_request(
    root: Desk, installation: Installation
) -> None:
    mary = installation.add_user("mary")
    document = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action":'
        ' ["iam:CreateUser", "iam:TagUser"], "Resource": "*",'
        ' "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}}},'
        ' {"Effect": "Allow", "Action": "iam:DeleteUser", "Resource": "*",'
        ' "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}]}'
    )
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=document)
    desk = Desk(installation, iam, user_principal(mary))
    assert desk.refusal("CreateUser", UserName="bob").code == "AccessDenied"
    desk.ask("CreateUser", UserName="bob", Tags=[{"Key": "team", "Value": "a"}])
    root.ask("CreateUser", UserName="eve")
    assert desk.refusal("DeleteUser", UserName="eve").code == "AccessDenied"
    desk.ask("DeleteUser", UserName="bob")


def test_tagging_a_user_as_it_is_made_needs_the_right_to_tag(root: Desk, installation: Installation) -> None:
    mary = installation.add_user("mary")
    document = ALLOW.replace("s3:*", "iam:CreateUser")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=document)
    desk = Desk(installation, iam, user_principal(mary))
    fault = desk.refusal("CreateUser", UserName="bob", Tags=[{"Key": "k", "Value": "v"}])
    assert "iam:TagUser" in fault.message


def test_a_boundary_can_be_set_seen_demanded_and_taken_away(root: Desk, installation: Installation) -> None:
    mary = installation.add_user("mary")
    document = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:CreateUser",'
        ' "Resource": "*", "Condition": {"StringEquals":'
        f' {{"iam:PermissionsBoundary": "{POWER_USER}"}}}}}}]}}'
    )
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=document)
    desk = Desk(installation, iam, user_principal(mary))
    assert desk.refusal("CreateUser", UserName="bob").code == "AccessDenied"
    made = desk.ask("CreateUser", UserName="bob", PermissionsBoundary=POWER_USER)["User"]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == POWER_USER
    root.ask("DeleteUserPermissionsBoundary", UserName="bob")
    assert root.refusal("DeleteUserPermissionsBoundary", UserName="bob").code == "NoSuchEntity"
    root.ask("PutUserPermissionsBoundary", UserName="bob", PermissionsBoundary=POWER_USER)
    missing = f"arn:aws:iam::{ACCOUNT}:policy/absent"
    fault = root.refusal("PutUserPermissionsBoundary", UserName="bob", PermissionsBoundary=missing)
    assert fault.code == "NoSuchEntity"


def test_a_user_quota_is_kept(root: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.services.iam.quotas.USERS_PER_ACCOUNT", 1)
    root.ask("CreateUser", UserName="mary")
    fault = root.refusal("CreateUser", UserName="bob")
    assert (fault.code, fault.status) == ("LimitExceeded", 409)
    assert fault.message == "Cannot exceed quota for UsersPerAccount: 1"


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü"])
def test_a_malformed_name_is_a_validation_error(root: Desk, name: str) -> None:
    assert root.refusal("CreateUser", UserName=name).code == "ValidationError"


def test_each_change_writes_one_audit_row_and_a_refused_one_none(
    root: Desk, installation: Installation
) -> None:
    from moorage.storage import audit

    root.ask("CreateUser", UserName="mary", Path="/t/")
    root.refusal("CreateUser", UserName="mary")
    root.ask("DeleteUser", UserName="mary")
    with installation.database.read() as connection:
        events = audit.recent(connection, ACCOUNT)
    assert sorted(event.action for event in events) == ["iam:CreateUser", "iam:DeleteUser"]
    assert {event.resource_arn for event in events} == {f"arn:aws:iam::{ACCOUNT}:user/t/mary"}
