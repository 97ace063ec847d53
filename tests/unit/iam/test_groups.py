from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal
from moorage.services.iam import iam

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def test_members_are_added_once_listed_from_both_sides_and_removed(root: Desk) -> None:
    group = root.ask("CreateGroup", GroupName="dev", Path="/t/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/t/dev"
    assert group["GroupId"].startswith("AGPA")
    user = root.ask("CreateUser", UserName="mary")["User"]
    for _ in range(2):
        root.ask("AddUserToGroup", GroupName="dev", UserName="mary")
    found = root.ask("GetGroup", GroupName="dev")
    assert (found["Group"], found["Users"]) == (group, [user])
    assert root.ask("ListGroupsForUser", UserName="mary")["Groups"] == [group]
    assert root.ask("ListGroups", PathPrefix="/t/")["Groups"] == [group]
    root.ask("RemoveUserFromGroup", GroupName="dev", UserName="mary")
    assert root.ask("GetGroup", GroupName="dev")["Users"] == []
    assert root.refusal("RemoveUserFromGroup", GroupName="dev", UserName="mary").code == "NoSuchEntity"


def test_a_user_is_in_ten_groups_at_most(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    for number in range(11):
        root.ask("CreateGroup", GroupName=f"g{number}")
    for number in range(10):
        root.ask("AddUserToGroup", GroupName=f"g{number}", UserName="mary")
    fault = root.refusal("AddUserToGroup", GroupName="g10", UserName="mary")
    assert (fault.code, fault.message) == ("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")


def test_a_group_is_renamed_with_its_members_and_a_taken_name_is_refused(root: Desk) -> None:
    made = root.ask("CreateGroup", GroupName="dev")["Group"]
    root.ask("CreateUser", UserName="mary")
    root.ask("AddUserToGroup", GroupName="dev", UserName="mary")
    root.ask("UpdateGroup", GroupName="dev", NewGroupName="Devs", NewPath="/x/")
    renamed = root.ask("GetGroup", GroupName="Devs")
    assert renamed["Group"]["GroupId"] == made["GroupId"]
    assert [user["UserName"] for user in renamed["Users"]] == ["mary"]
    assert root.refusal("CreateGroup", GroupName="devs").code == "EntityAlreadyExists"
    fault = root.refusal("GetGroup", GroupName="dev")
    assert fault.message == "The group with name dev cannot be found."


def test_a_group_is_deleted_only_when_nothing_hangs_on_it(root: Desk) -> None:
    root.ask("CreateGroup", GroupName="dev")
    root.ask("CreateUser", UserName="mary")
    root.ask("AddUserToGroup", GroupName="dev", UserName="mary")
    assert "remove users" in root.refusal("DeleteGroup", GroupName="dev").message
    root.ask("RemoveUserFromGroup", GroupName="dev", UserName="mary")
    root.ask("AttachGroupPolicy", GroupName="dev", PolicyArn=POWER_USER)
    assert "detach" in root.refusal("DeleteGroup", GroupName="dev").message
    assert root.ask("ListAttachedGroupPolicies", GroupName="dev")["AttachedPolicies"] == [
        {"PolicyName": "AWSCodeCommitPowerUser", "PolicyArn": POWER_USER}
    ]
    root.ask("DetachGroupPolicy", GroupName="dev", PolicyArn=POWER_USER)
    root.ask("PutGroupPolicy", GroupName="dev", PolicyName="p", PolicyDocument=ALLOW)
    assert root.ask("ListGroupPolicies", GroupName="dev")["PolicyNames"] == ["p"]
    assert "delete policies" in root.refusal("DeleteGroup", GroupName="dev").message
    root.ask("DeleteGroupPolicy", GroupName="dev", PolicyName="p")
    fault = root.refusal("GetGroupPolicy", GroupName="dev", PolicyName="p")
    assert fault.message == "The group policy with name p cannot be found."
    root.ask("DeleteGroup", GroupName="dev")
    assert root.ask("ListGroups")["Groups"] == []
