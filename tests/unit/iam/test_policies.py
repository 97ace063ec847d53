from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/own"
ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def long_document(characters: int) -> str:
    """Return a sound document of that many characters besides white space."""
    empty = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::"}]}'
    )
    return empty.replace(":::", ":::" + "x" * (characters - len(empty)))


def test_a_policy_is_told_with_its_counts_and_document(root: Desk) -> None:
    made = root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW, Description="What")["Policy"]
    assert made["PolicyId"].startswith("ANPA")
    assert (made["Arn"], made["DefaultVersionId"], made["AttachmentCount"]) == (OWN, "v1", 0)
    root.ask("CreateUser", UserName="mary", PermissionsBoundary=OWN)
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=OWN)
    found = root.ask("GetPolicy", PolicyArn=OWN)["Policy"]
    assert (found["AttachmentCount"], found["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert found["Description"] == "What"
    version = root.ask("GetPolicyVersion", PolicyArn=OWN, VersionId="v1")["PolicyVersion"]
    assert version["Document"].startswith("%7B%22Version%22%3A%20%222012-10-17%22")
    assert unquote(version["Document"]) == ALLOW
    assert version["IsDefaultVersion"] is True


def test_an_aws_managed_policy_is_found_read_and_never_changed(root: Desk) -> None:
    policy = root.ask("GetPolicy", PolicyArn=POWER_USER)["Policy"]
    assert (policy["PolicyName"], policy["DefaultVersionId"]) == ("AWSCodeCommitPowerUser", "v18")
    version = root.ask("GetPolicyVersion", PolicyArn=POWER_USER, VersionId="v18")["PolicyVersion"]
    assert "codecommit:GitPush" in json.loads(unquote(version["Document"]))["Statement"][0]["Action"]
    assert root.refusal("GetPolicyVersion", PolicyArn=POWER_USER, VersionId="v1").code == "NoSuchEntity"
    assert len(root.ask("ListPolicyVersions", PolicyArn=POWER_USER)["Versions"]) == 1
    for operation, more in (
        ("DeletePolicy", {}),
        ("CreatePolicyVersion", {"PolicyDocument": ALLOW}),
        ("DeletePolicyVersion", {"VersionId": "v18"}),
        ("SetDefaultPolicyVersion", {"VersionId": "v18"}),
    ):
        assert root.refusal(operation, PolicyArn=POWER_USER, **more).code == "AccessDenied"


def test_policies_are_listed_by_scope_use_and_path(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    root.ask("CreatePolicy", PolicyName="other", Path="/team/", PolicyDocument=ALLOW)
    root.ask("CreateUser", UserName="mary", PermissionsBoundary=OWN)
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)

    def names(**request: object) -> list[str]:
        return [policy["PolicyName"] for policy in root.ask("ListPolicies", **request)["Policies"]]

    assert names(Scope="Local") == ["other", "own"]
    assert names(Scope="Local", PathPrefix="/team/") == ["other"]
    assert "AWSCodeCommitFullAccess" in names(Scope="AWS")
    assert "own" not in names(Scope="AWS")
    assert set(names(Scope="Local")) | set(names(Scope="AWS")) == set(names())
    assert names(OnlyAttached=True) == ["AWSCodeCommitPowerUser", "own"]
    assert names(OnlyAttached=True, PolicyUsageFilter="PermissionsPolicy") == ["AWSCodeCommitPowerUser"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["own"]


def test_versions_count_up_five_are_kept_and_numbers_do_not_return(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    for number in range(2, 6):
        made = root.ask("CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=ALLOW)["PolicyVersion"]
        assert (made["VersionId"], made["IsDefaultVersion"]) == (f"v{number}", False)
    fault = root.refusal("CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=ALLOW)
    assert (fault.code, fault.status) == ("LimitExceeded", 409)
    root.ask("DeletePolicyVersion", PolicyArn=OWN, VersionId="v5")
    made = root.ask("CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=ALLOW, SetAsDefault=True)
    assert made["PolicyVersion"]["VersionId"] == "v6"
    listed = root.ask("ListPolicyVersions", PolicyArn=OWN)["Versions"]
    assert [(row["VersionId"], row["IsDefaultVersion"]) for row in listed][:2] == [
        ("v6", True),
        ("v4", False),
    ]
    assert root.refusal("DeletePolicyVersion", PolicyArn=OWN, VersionId="v6").code == "DeleteConflict"
    root.ask("SetDefaultPolicyVersion", PolicyArn=OWN, VersionId="v1")
    assert root.ask("GetPolicy", PolicyArn=OWN)["Policy"]["DefaultVersionId"] == "v1"


@pytest.mark.parametrize("version", ["v9", "v99999999999999999999", "v1.x"])
def test_a_version_that_is_not_there_is_no_such_entity(root: Desk, version: str) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    for operation in ("GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"):
        assert root.refusal(operation, PolicyArn=OWN, VersionId=version).code == "NoSuchEntity"


def test_a_policy_in_use_or_with_versions_is_not_deleted(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    root.ask("CreateUser", UserName="mary", PermissionsBoundary=OWN)
    fault = root.refusal("DeletePolicy", PolicyArn=OWN)
    assert (fault.code, fault.message) == ("DeleteConflict", "Cannot delete a policy attached to entities.")
    root.ask("DeleteUserPermissionsBoundary", UserName="mary")
    root.ask("CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=ALLOW)
    assert "more than one version" in root.refusal("DeletePolicy", PolicyArn=OWN).message
    root.ask("DeletePolicyVersion", PolicyArn=OWN, VersionId="v2")
    root.ask("DeletePolicy", PolicyArn=OWN)
    fault = root.refusal("GetPolicy", PolicyArn=OWN)
    assert (fault.code, fault.message) == ("NoSuchEntity", f"Policy {OWN} was not found.")


def test_attaching_is_idempotent_limited_and_undone_once(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    for number in range(10):
        root.ask("CreatePolicy", PolicyName=f"p{number}", PolicyDocument=ALLOW)
        for _ in range(2):
            root.ask("AttachUserPolicy", UserName="mary", PolicyArn=OWN.replace("own", f"p{number}"))
    fault = root.refusal("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    assert (fault.code, fault.message) == ("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10")
    root.ask("DetachUserPolicy", UserName="mary", PolicyArn=OWN.replace("own", "p3"))
    assert root.refusal("DetachUserPolicy", UserName="mary", PolicyArn=POWER_USER).code == "NoSuchEntity"
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    listed = root.ask("ListAttachedUserPolicies", UserName="mary")["AttachedPolicies"]
    assert listed[-1] == {"PolicyName": "AWSCodeCommitPowerUser", "PolicyArn": POWER_USER}
    assert len(listed) == 10


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity"),
        (OWN, "NoSuchEntity"),
        ("arn:aws:iam::999988887777:policy/own", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials", "PolicyNotAttachable"),
        ("arn:aws:iam::aws:group/xxxxxxx", "InvalidInput"),
        ("not an arn, not at all", "InvalidInput"),
    ],
)
def test_what_is_no_policy_within_reach_is_not_attached(root: Desk, arn: str, code: str) -> None:
    root.ask("CreateUser", UserName="mary")
    assert root.refusal("AttachUserPolicy", UserName="mary", PolicyArn=arn).code == code


def test_policies_may_allow_attaching_certain_policies_only(root: Desk, installation: Installation) -> None:
    mary = installation.add_user("mary")
    document = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:AttachUserPolicy",'
        ' "Resource": "*", "Condition": {"ArnLike":'
        ' {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSCodeCommit*"}}}]}'
    )
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=document)
    desk = Desk(installation, iam, user_principal(mary))
    desk.ask("AttachUserPolicy", UserName="mary", PolicyArn=POWER_USER)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert desk.refusal("AttachUserPolicy", UserName="mary", PolicyArn=admin).code == "AccessDenied"


def test_entities_of_a_policy_are_its_users_groups_and_bounded_users(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    root.ask("CreateUser", UserName="mary", Path="/a/")
    root.ask("CreateUser", UserName="bob", PermissionsBoundary=OWN)
    root.ask("CreateGroup", GroupName="dev")
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn=OWN)
    root.ask("AttachGroupPolicy", GroupName="dev", PolicyArn=OWN)

    def entities(**request: object) -> tuple[list[str], list[str]]:
        found = root.ask("ListEntitiesForPolicy", PolicyArn=OWN, **request)
        assert found["PolicyRoles"] == []
        users = [row["UserName"] for row in found["PolicyUsers"]]
        return users, [row["GroupName"] for row in found["PolicyGroups"]]

    assert entities() == (["bob", "mary"], ["dev"])
    assert entities(PolicyUsageFilter="PermissionsPolicy") == (["mary"], ["dev"])
    assert entities(PolicyUsageFilter="PermissionsBoundary") == (["bob"], [])
    assert entities(EntityFilter="User", PathPrefix="/a/") == (["mary"], [])
    assert entities(EntityFilter="Group") == ([], ["dev"])


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("CreatePolicy", {"PolicyName": "p"}),
        ("PutUserPolicy", {"PolicyName": "p", "UserName": "mary"}),
        ("PutGroupPolicy", {"PolicyName": "p", "GroupName": "dev"}),
        ("CreatePolicyVersion", {"PolicyArn": OWN}),
    ],
)
@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Statement": []}',
        '{"Version": "2012-10-17", "Statement": {"Effect": "Perhaps"}}',
        "[" * 500,
    ],
)
def test_a_malformed_document_is_refused_and_nothing_is_stored(
    root: Desk, operation: str, more: dict[str, str], document: str
) -> None:
    root.ask("CreateUser", UserName="mary")
    root.ask("CreateGroup", GroupName="dev")
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    fault = root.refusal(operation, PolicyDocument=document, **more)
    assert (fault.code, fault.status) == ("MalformedPolicyDocument", 400)
    assert root.ask("ListUserPolicies", UserName="mary")["PolicyNames"] == []


def test_documents_are_limited_without_counting_white_space(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    fitting = long_document(6144).replace("{", "{   \n")
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=fitting)
    fault = root.refusal("CreatePolicy", PolicyName="p", PolicyDocument=long_document(6145))
    assert (fault.code, fault.message) == ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="a", PolicyDocument=long_document(1024))
    root.ask("PutUserPolicy", UserName="mary", PolicyName="b", PolicyDocument=long_document(1024))
    root.ask("PutUserPolicy", UserName="mary", PolicyName="b", PolicyDocument=long_document(1000))
    fault = root.refusal("PutUserPolicy", UserName="mary", PolicyName="c", PolicyDocument=long_document(200))
    assert fault.message == "Maximum policy size of 2048 bytes exceeded for user mary"


def test_an_inline_policy_is_put_read_back_replaced_and_deleted(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=ALLOW)
    newer = ALLOW.replace("s3", "sqs")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="p", PolicyDocument=newer)
    found = root.ask("GetUserPolicy", UserName="mary", PolicyName="p")
    assert (found["UserName"], unquote(found["PolicyDocument"])) == ("mary", newer)
    root.ask("DeleteUserPolicy", UserName="mary", PolicyName="p")
    fault = root.refusal("DeleteUserPolicy", UserName="mary", PolicyName="p")
    assert fault.message == "The user policy with name p cannot be found."


def test_a_policy_of_another_account_is_denied_to_all_but_looks_absent_to_nobody(
    root: Desk, installation: Installation
) -> None:
    mary = installation.add_user("mary")
    root.ask("AttachUserPolicy", UserName="mary", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    foreign = "arn:aws:iam::999988887777:policy/own"
    for desk in (root, Desk(installation, iam, user_principal(mary))):
        assert desk.refusal("GetPolicy", PolicyArn=foreign).code == "AccessDenied"


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def test_every_operation_registered_asks_for_permission(root: Desk, installation: Installation) -> None:
    nobody = Desk(installation, iam, user_principal(installation.add_user("nobody")))
    installation.add_user("mary")
    root.ask("CreateGroup", GroupName="dev")
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    request = {
        "UserName": "mary",
        "GroupName": "dev",
        "RoleName": "deploy",
        "InstanceProfileName": "web",
        "AssumeRolePolicyDocument": TRUST,
        "Description": "",
        "AWSServiceName": "ecs.amazonaws.com",
        "DeletionTaskId": "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/x",
        "PolicyArn": OWN,
        "PolicyName": "own",
        "PolicyDocument": ALLOW,
        "VersionId": "v1",
        "PermissionsBoundary": OWN,
        "AccessKeyId": installation.account.access_key_id,
        "Status": "Inactive",
        "Tags": [{"Key": "k", "Value": "v"}],
        "TagKeys": ["k"],
        "AuthenticationCode1": "123456",
        "AuthenticationCode2": "654321",
        "Url": "https://issuer.example.org",
        "ThumbprintList": [],
        "Encoding": "SSH",
        "ActionNames": ["iam:GetUser"],
        "PolicyInputList": [ALLOW],
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/mary",
        "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example.org",
        "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/x",
        "SAMLMetadataDocument": "x" * 1000,
    }
    for name, operation in iam.operations.items():
        shape = operation.model.input_shape
        asked = {key: value for key, value in request.items() if shape is not None and key in shape.members}
        asked |= {key: "x" * 20 for key in getattr(shape, "required_members", ()) if key not in asked}
        fault = nobody.refusal(name, **asked)
        assert fault.code == "AccessDenied", name


@pytest.mark.parametrize("more", [{"Description": "a\0b"}, {"Path": "/" + "x" * 510 + "/"}])
def test_a_policy_whose_description_or_arn_could_not_be_kept_is_refused(
    root: Desk, more: dict[str, str]
) -> None:
    fault = root.refusal("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW, **more)
    assert fault.code in {"InvalidInput", "ValidationError"}
    assert root.ask("ListPolicies", Scope="Local")["Policies"] == []


def test_a_description_in_any_language_is_kept(root: Desk) -> None:
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW, Description="Größe 値 \N{ANCHOR}\n")
    assert root.ask("GetPolicy", PolicyArn=OWN)["Policy"]["Description"] == "Größe 値 \N{ANCHOR}\n"
