"""Roles and instance profiles, as the API has them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam
from moorage.storage import policies, roles
from moorage.storage.access_keys import LastUse

OTHER = "444455556666"
ALLOW = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]}
)
MACHINES = {"Service": "ec2.amazonaws.com"}


def trust(principal: object, **more: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def made(root: Desk, name: str = "Deploy", principal: object = MACHINES, **more: object) -> dict[str, Any]:
    role: dict[str, Any] = root.ask(
        "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust(principal), **more
    )["Role"]
    return role


def read(document: str) -> Any:
    return json.loads(unquote(document))


def trusted(root: Desk, name: str = "Deploy") -> Any:
    document = read(root.ask("GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    return document["Statement"][0]["Principal"]


def allowed_to(installation: Installation, *actions: str, resource: str = "*", **condition: object) -> Desk:
    user = installation.add_user("hand")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **condition}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    Desk(installation, iam, root_principal()).ask(
        "PutUserPolicy", UserName="hand", PolicyName="own", PolicyDocument=text
    )
    return Desk(installation, iam, user_principal(user))


def test_a_role_is_shown_as_it_was_made(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="Limit", PolicyDocument=ALLOW)
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/Limit"
    role = made(
        root, Path="/team/", Description="Deploys.", MaxSessionDuration=7200, PermissionsBoundary=boundary,
        Tags=[{"Key": "team", "Value": "blue"}],
    )  # fmt: skip
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/Deploy"
    assert role["RoleId"].startswith("AROA")
    shown = root.ask("GetRole", RoleName="Deploy")["Role"]
    assert shown == {**role, "RoleLastUsed": {}}
    assert shown["MaxSessionDuration"] == 7200
    assert shown["Description"] == "Deploys."
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert shown["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert read(shown["AssumeRolePolicyDocument"]) == json.loads(trust(MACHINES))


def test_a_roles_last_use_is_shown_to_the_second(root: Desk, installation: Installation) -> None:
    role = made(root)
    with installation.database.write() as connection:
        roles.note_uses(connection, {role["RoleId"]: LastUse(1_795_521_600_999, "codecommit", "eu-west-1")})
    used = root.ask("GetRole", RoleName="Deploy")["Role"]["RoleLastUsed"]
    assert used["Region"] == "eu-west-1"
    assert used["LastUsedDate"].microsecond == 0


def test_lists_of_roles_leave_out_tags_and_last_use(root: Desk) -> None:
    made(root, "B", Path="/team/", Tags=[{"Key": "team", "Value": "blue"}])
    made(root, "a")
    listed = root.ask("ListRoles")["Roles"]
    assert [role["RoleName"] for role in listed] == ["a", "B"]
    assert not {"Tags", "RoleLastUsed"} & listed[1].keys()
    assert [r["RoleName"] for r in root.ask("ListRoles", PathPrefix="/team/")["Roles"]] == ["B"]


def test_a_roles_name_is_taken_in_every_spelling(root: Desk) -> None:
    made(root)
    fault = root.refusal("CreateRole", RoleName="DEPLOY", AssumeRolePolicyDocument=trust(MACHINES))
    assert fault.code == "EntityAlreadyExists"
    assert fault.message == "Role with name DEPLOY already exists."


def test_a_role_that_is_not_there_is_told_in_aws_words(root: Desk) -> None:
    fault = root.refusal("GetRole", RoleName="Nobody")
    assert (fault.code, fault.status) == ("NoSuchEntity", 404)
    assert fault.message == "The role with name Nobody cannot be found."


def test_an_update_leaves_what_it_does_not_name(root: Desk) -> None:
    made(root, Description="Old.", MaxSessionDuration=7200)
    root.ask("UpdateRole", RoleName="Deploy", MaxSessionDuration=43200)
    root.ask("UpdateRoleDescription", RoleName="Deploy", Description="New.")
    shown = root.ask("GetRole", RoleName="Deploy")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("New.", 43200)
    root.ask("UpdateRole", RoleName="Deploy", Description="Newer.")
    shown = root.ask("GetRole", RoleName="Deploy")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("Newer.", 43200)


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_a_session_is_an_hour_to_twelve_at_most(root: Desk, seconds: int) -> None:
    fault = root.refusal(
        "CreateRole", RoleName="R", AssumeRolePolicyDocument=trust(MACHINES), MaxSessionDuration=seconds
    )
    assert fault.code == "ValidationError"


def test_sign_in_sessions_which_there_are_not_are_refused_not_ignored(root: Desk) -> None:
    fault = root.refusal(
        "CreateRole",
        RoleName="R",
        AssumeRolePolicyDocument=trust(MACHINES),
        MaxSigninSessionDuration=3600,
    )
    assert fault.code == "InvalidInput"


@pytest.mark.parametrize("text", ["{}", "no JSON", ALLOW, trust({"AWS": "arn:aws:iam::*:root"})])
def test_what_is_no_trust_policy_is_refused(root: Desk, text: str) -> None:
    fault = root.refusal("CreateRole", RoleName="R", AssumeRolePolicyDocument=text)
    assert fault.code == "MalformedPolicyDocument"


def test_a_trust_policy_has_room_for_2048_characters(root: Desk) -> None:
    text = trust({"AWS": [f"{number:012}" for number in range(200)]})
    fault = root.refusal("CreateRole", RoleName="R", AssumeRolePolicyDocument=text)
    assert fault.code == "LimitExceeded"
    assert fault.message == "Cannot exceed quota for ACLSizePerRole: 2048"


def test_users_and_roles_are_trusted_by_their_ids(root: Desk, installation: Installation) -> None:
    user = installation.add_user("mary", "/team/")
    other = made(root, "Other", Path="/team/")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Other/night"
    role = made(root, principal={"AWS": [user.arn("aws"), other["Arn"], session]})
    with installation.database.read() as connection:
        row = roles.by_id(connection, role["RoleId"])
    assert row is not None
    saved = json.loads(row.trust_policy)["Statement"][0]["Principal"]
    assert saved == {"AWS": [user.user_id, other["RoleId"], f"{other['RoleId']}:night"]}
    assert trusted(root) == {"AWS": [user.arn("aws"), other["Arn"], session]}


def test_one_made_again_under_an_old_name_is_not_the_one_trusted(
    root: Desk, installation: Installation
) -> None:
    user = installation.add_user("mary")
    made(root, principal={"AWS": user.arn("aws")})
    root.ask("DeleteUser", UserName="mary")
    installation.add_user("mary")
    assert trusted(root) == {"AWS": user.user_id}
    written_back = root.refusal(
        "UpdateAssumeRolePolicy", RoleName="Deploy", PolicyDocument=trust({"AWS": user.user_id})
    )
    assert written_back.code == "MalformedPolicyDocument"


@pytest.mark.parametrize(
    "name",
    [
        f"arn:aws:iam::{ACCOUNT}:user/nobody",
        f"arn:aws:iam::{ACCOUNT}:user/elsewhere/mary",
        f"arn:aws:iam::{ACCOUNT}:user/MARY",
        f"arn:aws:iam::{ACCOUNT}:role/mary",
        f"arn:aws-cn:iam::{ACCOUNT}:user/mary",
        f"arn:aws:iam::{OTHER}:user/mary",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Nobody/session",
        "AIDAAAAAAAAAAAAAAAAAA",
    ],
)
def test_nobody_can_be_trusted_who_does_not_exist(root: Desk, installation: Installation, name: str) -> None:
    installation.add_user("mary")
    fault = root.refusal("CreateRole", RoleName="R", AssumeRolePolicyDocument=trust({"AWS": name}))
    assert fault.code == "MalformedPolicyDocument"
    assert fault.message == f'Invalid principal in policy: "AWS":"{name}"'


def test_users_of_another_account_of_this_installation_can_be_trusted(
    root: Desk, installation: Installation
) -> None:
    installation.add_account(OTHER)
    Desk(installation, iam, root_principal(OTHER)).ask("CreateUser", UserName="guest")
    made(root, principal={"AWS": f"arn:aws:iam::{OTHER}:user/guest"})
    assert trusted(root) == {"AWS": f"arn:aws:iam::{OTHER}:user/guest"}


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": f"arn:aws:iam::{OTHER}:root"},
        {"AWS": OTHER},
        {"AWS": "*"},
        "*",
        {"AWS": f"arn:aws:sts::{ACCOUNT}:federated-user/guest"},
        MACHINES,
    ],
)
def test_principals_without_a_row_stay_as_they_are_written(root: Desk, principal: object) -> None:
    made(root, principal=principal)
    assert trusted(root) == principal


def test_numbers_of_a_trust_policy_lose_nothing(root: Desk, installation: Installation) -> None:
    user = installation.add_user("mary")
    text = trust({"AWS": user.arn("aws")}).replace(
        '"Action"',
        '"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": 12345678901234567890.5}}, "Action"',
    )
    root.ask("CreateRole", RoleName="R", AssumeRolePolicyDocument=text)
    shown = read(root.ask("GetRole", RoleName="R")["Role"]["AssumeRolePolicyDocument"])["Statement"][0]
    assert shown["Condition"]["NumericLessThan"] == {"aws:MultiFactorAuthAge": "12345678901234567890.5"}


def test_a_role_goes_only_when_nothing_hangs_on_it(root: Desk) -> None:
    made(root)
    root.ask("PutRolePolicy", RoleName="Deploy", PolicyName="own", PolicyDocument=ALLOW)
    read_only = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
    root.ask("AttachRolePolicy", RoleName="Deploy", PolicyArn=read_only)
    root.ask("CreateInstanceProfile", InstanceProfileName="web")
    root.ask("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="Deploy")
    said = [root.refusal("DeleteRole", RoleName="Deploy")]
    root.ask("RemoveRoleFromInstanceProfile", InstanceProfileName="web", RoleName="Deploy")
    said.append(root.refusal("DeleteRole", RoleName="Deploy"))
    root.ask("DetachRolePolicy", RoleName="Deploy", PolicyArn=read_only)
    said.append(root.refusal("DeleteRole", RoleName="Deploy"))
    root.ask("DeleteRolePolicy", RoleName="Deploy", PolicyName="own")
    root.ask("DeleteRole", RoleName="Deploy")
    assert {fault.code for fault in said} == {"DeleteConflict"}
    assert [fault.message for fault in said] == [
        "Cannot delete entity, must remove roles from instance profile first.",
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
    ]


def test_inline_policies_of_a_role_have_10240_characters_together(root: Desk) -> None:
    made(root)
    arns = [f"arn:aws:codecommit:us-east-1:{ACCOUNT}:repository-{number:03}" for number in range(170)]
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "codecommit:*", "Resource": arns}],
        }
    )
    assert 6_144 < len("".join(text.split())) < 10_240
    root.ask("PutRolePolicy", RoleName="Deploy", PolicyName="first", PolicyDocument=text)
    fault = root.refusal("PutRolePolicy", RoleName="Deploy", PolicyName="second", PolicyDocument=text)
    assert fault.code == "LimitExceeded"
    assert fault.message == "Maximum policy size of 10240 bytes exceeded for role Deploy"
    root.ask("PutRolePolicy", RoleName="Deploy", PolicyName="first", PolicyDocument=text)
    shown = root.ask("GetRolePolicy", RoleName="Deploy", PolicyName="first")
    assert (shown["RoleName"], read(shown["PolicyDocument"])) == ("Deploy", json.loads(text))


def test_a_role_has_ten_managed_policies_at_most(root: Desk) -> None:
    made(root)
    for number in range(11):
        root.ask("CreatePolicy", PolicyName=f"P{number}", PolicyDocument=ALLOW)
    for number in range(10):
        root.ask("AttachRolePolicy", RoleName="Deploy", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/P{number}")
    eleventh = f"arn:aws:iam::{ACCOUNT}:policy/P10"
    fault = root.refusal("AttachRolePolicy", RoleName="Deploy", PolicyArn=eleventh)
    assert fault.message == "Cannot exceed quota for PoliciesPerRole: 10"
    assert len(root.ask("ListAttachedRolePolicies", RoleName="Deploy")["AttachedPolicies"]) == 10


def test_the_boundary_of_a_role_is_set_counted_and_taken_away(root: Desk) -> None:
    made(root)
    arn = root.ask("CreatePolicy", PolicyName="Limit", PolicyDocument=ALLOW)["Policy"]["Arn"]
    assert root.refusal("DeleteRolePermissionsBoundary", RoleName="Deploy").code == "NoSuchEntity"
    root.ask("PutRolePermissionsBoundary", RoleName="Deploy", PermissionsBoundary=arn)
    assert root.ask("GetPolicy", PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert root.refusal("DeletePolicy", PolicyArn=arn).code == "DeleteConflict"
    root.ask("DeleteRolePermissionsBoundary", RoleName="Deploy")
    assert "PermissionsBoundary" not in root.ask("GetRole", RoleName="Deploy")["Role"]
    root.ask("DeletePolicy", PolicyArn=arn)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"PolicyRoles": ["Deploy"], "PolicyUsers": ["mary"], "PolicyGroups": ["dev"]}),
        ({"EntityFilter": "Role"}, {"PolicyRoles": ["Deploy"], "PolicyUsers": [], "PolicyGroups": []}),
        ({"PathPrefix": "/team/"}, {"PolicyRoles": ["Deploy"], "PolicyUsers": [], "PolicyGroups": []}),
        (
            {"PolicyUsageFilter": "PermissionsBoundary"},
            {"PolicyRoles": [], "PolicyUsers": ["mary"], "PolicyGroups": []},
        ),
    ],
)
def test_the_entities_of_a_policy_are_listed_by_kind(
    root: Desk, asked: dict[str, str], expected: dict[str, list[str]]
) -> None:
    arn = root.ask("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)["Policy"]["Arn"]
    made(root, Path="/team/")
    root.ask("CreateUser", UserName="mary", PermissionsBoundary=arn)
    root.ask("CreateGroup", GroupName="dev")
    root.ask("AttachRolePolicy", RoleName="Deploy", PolicyArn=arn)
    root.ask("AttachGroupPolicy", GroupName="dev", PolicyArn=arn)
    answer = root.ask("ListEntitiesForPolicy", PolicyArn=arn, **asked)
    found = {
        f"Policy{noun}s": [row[f"{noun}Name"] for row in answer[f"Policy{noun}s"]]
        for noun in ("Role", "User", "Group")
    }
    assert found == expected


def test_tags_of_roles_policies_and_profiles_are_set_and_taken_away(root: Desk) -> None:
    made(root)
    root.ask("CreateInstanceProfile", InstanceProfileName="web", Tags=[{"Key": "a", "Value": "1"}])
    arn = root.ask("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)["Policy"]["Arn"]
    for noun, named in (
        ("Role", {"RoleName": "Deploy"}),
        ("InstanceProfile", {"InstanceProfileName": "web"}),
        ("Policy", {"PolicyArn": arn}),
    ):
        root.ask(f"Tag{noun}", **named, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
        root.ask(f"Untag{noun}", **named, TagKeys=["B"])
        assert root.ask(f"List{noun}Tags", **named)["Tags"] == [{"Key": "a", "Value": "2"}]


def test_a_profile_holds_one_role(root: Desk) -> None:
    made(root)
    made(root, "Other")
    profile = root.ask("CreateInstanceProfile", InstanceProfileName="web", Path="/x/")["InstanceProfile"]
    assert profile["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/x/web"
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert profile["Roles"] == []
    root.ask("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="Deploy")
    fault = root.refusal("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="Other")
    assert fault.message == "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    shown = root.ask("GetInstanceProfile", InstanceProfileName="web")["InstanceProfile"]
    assert [role["RoleName"] for role in shown["Roles"]] == ["Deploy"]
    assert root.ask("ListInstanceProfilesForRole", RoleName="Deploy")["InstanceProfiles"] == [shown]
    assert root.ask("ListInstanceProfilesForRole", RoleName="Other")["InstanceProfiles"] == []
    assert root.ask("ListInstanceProfiles", PathPrefix="/x/")["InstanceProfiles"] == [shown]
    assert root.refusal("DeleteInstanceProfile", InstanceProfileName="web").code == "DeleteConflict"
    wrong = root.refusal("RemoveRoleFromInstanceProfile", InstanceProfileName="web", RoleName="Other")
    assert wrong.code == "NoSuchEntity"
    root.ask("RemoveRoleFromInstanceProfile", InstanceProfileName="web", RoleName="Deploy")
    root.ask("DeleteInstanceProfile", InstanceProfileName="web")
    assert root.refusal("GetInstanceProfile", InstanceProfileName="web").message == (
        "Instance Profile web cannot be found."
    )


def test_who_gives_a_machine_a_role_must_be_allowed_to_pass_it(
    root: Desk, installation: Installation
) -> None:
    made(root)
    root.ask("CreateInstanceProfile", InstanceProfileName="web")
    hand = allowed_to(installation, "iam:AddRoleToInstanceProfile")
    asked = {"InstanceProfileName": "web", "RoleName": "Deploy"}
    fault = hand.refusal("AddRoleToInstanceProfile", **asked)
    assert fault.code == "AccessDenied"
    assert "iam:PassRole on resource: arn:aws:iam::111122223333:role/Deploy" in fault.message


@pytest.mark.parametrize(("service", "allowed"), [("ec2.amazonaws.com", True), ("ecs.amazonaws.com", False)])
def test_passing_a_role_may_be_allowed_to_one_service(
    root: Desk, installation: Installation, service: str, *, allowed: bool
) -> None:
    made(root)
    root.ask("CreateInstanceProfile", InstanceProfileName="web")
    hand = allowed_to(
        installation, "iam:*", Condition={"StringEqualsIfExists": {"iam:PassedToService": service}}
    )
    asked = {"InstanceProfileName": "web", "RoleName": "Deploy"}
    if allowed:
        hand.ask("AddRoleToInstanceProfile", **asked)
    else:
        assert hand.refusal("AddRoleToInstanceProfile", **asked).code == "AccessDenied"


def test_making_a_role_with_tags_needs_the_right_to_tag(root: Desk, installation: Installation) -> None:
    hand = allowed_to(installation, "iam:CreateRole")
    asked = {"RoleName": "R", "AssumeRolePolicyDocument": trust(MACHINES)}
    fault = hand.refusal("CreateRole", **asked, Tags=[{"Key": "a", "Value": "1"}])
    assert "iam:TagRole" in fault.message
    hand.ask("CreateRole", **asked)


def test_changes_of_roles_raise_the_accounts_revision(root: Desk, installation: Installation) -> None:
    made(root)
    before = installation.revision()
    root.ask("PutRolePolicy", RoleName="Deploy", PolicyName="own", PolicyDocument=ALLOW)
    assert installation.revision() == before + 1


def test_the_attachments_of_roles_count_for_a_policy(root: Desk, installation: Installation) -> None:
    made(root)
    arn = root.ask("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)["Policy"]["Arn"]
    root.ask("AttachRolePolicy", RoleName="Deploy", PolicyArn=arn)
    assert root.ask("GetPolicy", PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    with installation.database.read() as connection:
        assert policies.find(connection, ACCOUNT, arn) is not None


def test_a_services_own_role_is_protected(root: Desk) -> None:
    role = root.ask("CreateServiceLinkedRole", AWSServiceName="ecs.amazonaws.com")["Role"]
    name = "AWSServiceRoleForECS"
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/{name}"
    assert trusted(root, name) == {"Service": "ecs.amazonaws.com"}
    root.ask("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/P"
    root.ask("CreateInstanceProfile", InstanceProfileName="web")
    refused: dict[str, dict[str, object]] = {
        "AttachRolePolicy": {"PolicyArn": arn},
        "DetachRolePolicy": {"PolicyArn": arn},
        "PutRolePolicy": {"PolicyName": "P", "PolicyDocument": ALLOW},
        "DeleteRolePolicy": {"PolicyName": "P"},
        "PutRolePermissionsBoundary": {"PermissionsBoundary": arn},
        "DeleteRolePermissionsBoundary": {},
        "UpdateAssumeRolePolicy": {"PolicyDocument": trust(MACHINES)},
        "UpdateRole": {"MaxSessionDuration": 7200},
        "DeleteRole": {},
        "AddRoleToInstanceProfile": {"InstanceProfileName": "web"},
    }
    for operation, more in refused.items():
        fault = root.refusal(operation, RoleName=name, **more)
        assert fault.code == "UnmodifiableEntity", operation
        assert f"protected role '{name}'" in fault.message
    root.ask("UpdateRole", RoleName=name, Description="Ours.")
    assert root.ask("GetRole", RoleName=name)["Role"]["Description"] == "Ours."


def test_a_services_own_role_is_deleted_by_a_task_that_can_be_asked_about(root: Desk) -> None:
    made_twice = {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "mine"}
    root.ask("CreateServiceLinkedRole", **made_twice)
    assert "has been taken" in root.refusal("CreateServiceLinkedRole", **made_twice).message
    name = "AWSServiceRoleForAutoScaling_mine"
    task = root.ask("DeleteServiceLinkedRole", RoleName=name)["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/autoscaling.amazonaws.com/{name}/")
    status = root.ask("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED"
    assert root.refusal("GetRole", RoleName=name).code == "NoSuchEntity"
    unknown = task[:-1] + ("0" if task[-1] != "0" else "1")
    assert root.refusal("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=unknown).code == "NoSuchEntity"


@pytest.mark.parametrize(
    "asked",
    [
        {"AWSServiceName": "nothing.amazonaws.com"},
        {"AWSServiceName": "ecs.amazonaws.com", "CustomSuffix": "x"},
    ],
)
def test_other_services_have_no_role_of_their_own_here(root: Desk, asked: dict[str, str]) -> None:
    assert root.refusal("CreateServiceLinkedRole", **asked).code == "InvalidInput"


def test_nobody_makes_a_role_where_the_services_own_are(root: Desk) -> None:
    fault = root.refusal(
        "CreateRole",
        RoleName="R",
        Path="/aws-service-role/ecs.amazonaws.com/",
        AssumeRolePolicyDocument=trust(MACHINES),
    )
    assert fault.code == "InvalidInput"


def test_an_ordinary_role_is_not_deleted_as_a_services(root: Desk) -> None:
    made(root)
    assert root.refusal("DeleteServiceLinkedRole", RoleName="Deploy").code == "NoSuchEntity"
    root.ask("GetRole", RoleName="Deploy")
