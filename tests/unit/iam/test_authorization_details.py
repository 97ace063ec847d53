from __future__ import annotations

from typing import Any

import pytest

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Desk, Installation, root_principal
from moorage.services.iam import iam
from moorage.storage import attachments, identity_tags, instance_profiles, roles
from moorage.storage.attachments import InlinePolicyRow

DENY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
    ' "Principal": {"AWS": "%s"}}]}'
)
POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def peopled(root: Desk, installation: Installation) -> Desk:
    mary = installation.add_user("mary", "/team/")
    installation.add_user("Bob")
    root.ask("TagUser", UserName="mary", Tags=[{"Key": "team", "Value": "a"}])
    root.ask("CreateGroup", GroupName="ops")
    root.ask("AddUserToGroup", GroupName="ops", UserName="mary")
    root.ask("PutGroupPolicy", GroupName="ops", PolicyName="inline", PolicyDocument=DENY)
    own = root.ask("CreatePolicy", PolicyName="own", PolicyDocument=DENY, Description="ours")["Policy"]["Arn"]
    root.ask("CreatePolicyVersion", PolicyArn=own, PolicyDocument=DENY, SetAsDefault=True)
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    root.ask("PutUserPermissionsBoundary", UserName="mary", PermissionsBoundary=own)
    with installation.database.write() as connection:
        role = roles.create(
            connection, ACCOUNT, "deploy", path="/", trust_policy=TRUST % mary.user_id, now_ms=NOW_MS
        )
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(role.role_id, "inline", DENY))
        attachments.attach(connection, ACCOUNT, role.role_id, own, now_ms=NOW_MS)
        identity_tags.put(connection, role.role_id, {"stage": "test"})
        profile = instance_profiles.create(connection, ACCOUNT, "deploy", path="/", now_ms=NOW_MS)
        instance_profiles.set_role(connection, profile.profile_id, role.role_id)
    return root


def test_users_come_with_groups_policies_boundary_and_tags(peopled: Desk) -> None:
    answer = peopled.ask("GetAccountAuthorizationDetails", Filter=["User"])
    bob, mary = answer["UserDetailList"]
    assert (bob["UserName"], mary["Arn"]) == ("Bob", f"arn:aws:iam::{ACCOUNT}:user/team/mary")
    assert mary["GroupList"] == ["ops"]
    assert mary["AttachedManagedPolicies"] == [
        {"PolicyName": "AWSCodeCommitPowerUser", "PolicyArn": POWER_USER}
    ]
    assert mary["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/own")
    assert mary["Tags"] == [{"Key": "team", "Value": "a"}]
    assert (answer["GroupDetailList"], answer["RoleDetailList"], answer["Policies"]) == ([], [], [])
    assert answer["IsTruncated"] is False


def test_groups_and_roles_come_with_their_documents(peopled: Desk) -> None:
    answer = peopled.ask("GetAccountAuthorizationDetails", Filter=["Group", "Role"])
    (group,) = answer["GroupDetailList"]
    assert [policy["PolicyName"] for policy in group["GroupPolicyList"]] == ["inline"]
    (role,) = answer["RoleDetailList"]
    assert role["AttachedManagedPolicies"][0]["PolicyName"] == "own"
    assert role["Tags"] == [{"Key": "stage", "Value": "test"}]
    (profile,) = role["InstanceProfileList"]
    assert profile["Roles"][0]["RoleName"] == "deploy"
    # Saved by its unique id, shown as the ARN.
    assert "team%2Fmary" in str(role["AssumeRolePolicyDocument"])
    assert "Deny" in str(role["RolePolicyList"][0]["PolicyDocument"])


def test_policies_come_with_all_their_versions_and_those_of_aws_when_used(peopled: Desk) -> None:
    answer = peopled.ask("GetAccountAuthorizationDetails", Filter=["LocalManagedPolicy"])
    (own,) = answer["Policies"]
    assert (own["PolicyName"], own["DefaultVersionId"], own["Description"]) == ("own", "v2", "ours")
    assert [version["VersionId"] for version in own["PolicyVersionList"]] == ["v2", "v1"]
    assert own["PolicyVersionList"][0]["CreateDate"] == NOW
    answer = peopled.ask("GetAccountAuthorizationDetails", Filter=["AWSManagedPolicy"])
    (aws,) = answer["Policies"]
    assert (aws["Arn"], aws["AttachmentCount"]) == (POWER_USER, 1)
    assert "codecommit" in str(aws["PolicyVersionList"][0]["Document"])


def test_pages_go_through_all_kinds_without_a_gap(peopled: Desk) -> None:
    members = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    whole = peopled.ask("GetAccountAuthorizationDetails")
    found: list[Any] = []
    marker: dict[str, Any] = {}
    while True:
        page = peopled.ask("GetAccountAuthorizationDetails", MaxItems=1, **marker)
        found += [item for member in members for item in page[member]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert found == [item for member in members for item in whole[member]]
    assert len(found) == 6
