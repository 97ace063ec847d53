"""What Terraform's AWS provider and CDK's CloudFormation handlers call, in their order, by boto3.

Each test is one resource's life: made, read back, changed, read again, deleted, found gone. What is
compared is what the tools compare, for a difference shows as drift in every later plan.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codecommit_at_hand import REGION, Service, fresh

MACHINES = {"Service": "ec2.amazonaws.com"}


def document(action: str, *resources: str) -> dict[str, Any]:
    statement = {"Action": action, "Effect": "Allow", "Resource": list(resources) or "*"}
    return {"Statement": [statement], "Version": "2012-10-17"}


def trust(principal: object) -> dict[str, Any]:
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal}
    return {"Statement": [statement], "Version": "2012-10-17"}


def is_gone(code: str, call: Any, **request: Any) -> None:
    with pytest.raises(ClientError) as refused:
        call(**request)
    assert refused.value.response["Error"]["Code"] == code


@pytest.fixture
def iam(service: Service) -> Any:
    return service.client("iam", "us-east-1")


@pytest.fixture
def kms(service: Service) -> Any:
    return service.client("kms")


def test_aws_iam_user(iam: Any) -> None:
    name, tags = fresh("user"), [{"Key": "team", "Value": "blue"}]
    made = iam.create_user(UserName=name, Path="/team/", Tags=tags)["User"]
    read = iam.get_user(UserName=name)["User"]
    assert (read["UserId"], read["Arn"], read["Tags"]) == (made["UserId"], made["Arn"], tags)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in listed] == [key["AccessKeyId"]]
    iam.update_user(UserName=name, NewPath="/other/")
    iam.untag_user(UserName=name, TagKeys=["team"])
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "red"}])
    assert iam.get_user(UserName=name)["User"]["Tags"] == [{"Key": "team", "Value": "red"}]
    group = fresh("group")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=name)
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName=name)["Groups"]] == [group]
    delete_user_by_force(iam, name)
    iam.delete_group(GroupName=group)
    is_gone("NoSuchEntity", iam.get_user, UserName=name)


def delete_user_by_force(iam: Any, name: str) -> None:
    """Delete as `force_destroy = true` does: ask for everything that may hang on a user."""
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"] == []
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    is_gone("NoSuchEntity", iam.delete_login_profile, UserName=name)
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
    iam.delete_user(UserName=name)


def test_aws_iam_policy(iam: Any) -> None:
    name = fresh("policy")
    text = json.dumps(document("codecommit:GitPull"))
    arn = iam.create_policy(PolicyName=name, PolicyDocument=text, Description="Reads.")["Policy"]["Arn"]
    read = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (read["Description"], read["AttachmentCount"], read["DefaultVersionId"]) == ("Reads.", 0, "v1")
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == document("codecommit:GitPull")
    for number in range(5):  # the provider makes room for a sixth version by itself
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(versions) == 5:
            oldest = next(each for each in reversed(versions) if not each["IsDefaultVersion"])
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        changed = json.dumps(document("codecommit:GitPush", f"arn:aws:codecommit:*:*:r{number}"))
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=changed, SetAsDefault=True)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v6"
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "team", "Value": "blue"}])
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Tags"] == [{"Key": "team", "Value": "blue"}]
    iam.untag_policy(PolicyArn=arn, TagKeys=["team"])
    for each in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not each["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=each["VersionId"])
    iam.delete_policy(PolicyArn=arn)
    is_gone("NoSuchEntity", iam.get_policy, PolicyArn=arn)


def test_aws_iam_role_with_its_policies(iam: Any, service: Service) -> None:
    name = fresh("role")
    user = iam.create_user(UserName=fresh("user"))["User"]
    text = json.dumps(trust(MACHINES))
    made = iam.create_role(
        RoleName=name, Path="/", AssumeRolePolicyDocument=text, MaxSessionDuration=3600,
        Tags=[{"Key": "team", "Value": "blue"}],
    )["Role"]  # fmt: skip
    read = iam.get_role(RoleName=name)["Role"]
    assert read["AssumeRolePolicyDocument"] == trust(MACHINES)
    assert (read["Arn"], read["MaxSessionDuration"]) == (made["Arn"], 3600)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []

    trusted = trust({"AWS": user["Arn"]})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == trusted
    iam.update_role_description(RoleName=name, Description="Deploys.")
    iam.update_role(RoleName=name, MaxSessionDuration=7200)
    boundary = "arn:aws:iam::aws:policy/AWSCodeCommitFullAccess"
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    read = iam.get_role(RoleName=name)["Role"]
    assert (read["Description"], read["MaxSessionDuration"]) == ("Deploys.", 7200)
    assert read["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.untag_role(RoleName=name, TagKeys=["team"])
    assert "Tags" not in iam.get_role(RoleName=name)["Role"]

    inline = document("codecommit:GitPull", service.arn("*"))
    iam.put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(inline))
    assert iam.get_role_policy(RoleName=name, PolicyName="pull")["PolicyDocument"] == inline
    iam.attach_role_policy(RoleName=name, PolicyArn=boundary)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "AWSCodeCommitFullAccess", "PolicyArn": boundary}]

    iam.detach_role_policy(RoleName=name, PolicyArn=boundary)
    iam.delete_role_policy(RoleName=name, PolicyName="pull")
    is_gone("NoSuchEntity", iam.get_role_policy, RoleName=name, PolicyName="pull")
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    iam.delete_role(RoleName=name)
    is_gone("NoSuchEntity", iam.get_role, RoleName=name)
    iam.delete_user(UserName=user["UserName"])


def test_aws_iam_instance_profile(iam: Any) -> None:
    role, name = fresh("role"), fresh("profile")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust(MACHINES)))
    made = iam.create_instance_profile(InstanceProfileName=name, Path="/")["InstanceProfile"]
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    read = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert read["InstanceProfileId"] == made["InstanceProfileId"]
    assert [each["RoleName"] for each in read["Roles"]] == [role]
    iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "team", "Value": "blue"}])
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"][0]["Value"] == "blue"
    # A role deleted by force leaves its profiles first.
    for each in iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=each["InstanceProfileName"], RoleName=role)
    iam.delete_role(RoleName=role)
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"] == []
    iam.delete_instance_profile(InstanceProfileName=name)
    is_gone("NoSuchEntity", iam.get_instance_profile, InstanceProfileName=name)


def test_aws_kms_key_and_alias(kms: Any, service: Service) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Root",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{service.account_id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    made = kms.create_key(
        Description="For repositories.", KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT",
        Policy=json.dumps(policy), Tags=[{"TagKey": "team", "TagValue": "blue"}],
    )["KeyMetadata"]  # fmt: skip
    key_id = made["KeyId"]
    read = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (read["Description"], read["Enabled"], read["MultiRegion"]) == ("For repositories.", True, False)
    kms.enable_key_rotation(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is True
    assert json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == policy
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "team", "TagValue": "blue"}]
    kms.update_key_description(KeyId=key_id, Description="Other.")
    kms.untag_resource(KeyId=key_id, TagKeys=["team"])
    kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=json.dumps(policy))

    alias = f"alias/{fresh('key')}"
    kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    found = [each for page in kms.get_paginator("list_aliases").paginate() for each in page["Aliases"]]
    assert next(each for each in found if each["AliasName"] == alias)["TargetKeyId"] == key_id
    kms.delete_alias(AliasName=alias)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_aws_codecommit_repository(service: Service, kms: Any) -> None:
    codecommit, name = service.codecommit(), fresh("repository")
    key = kms.create_key()["KeyMetadata"]
    made = codecommit.create_repository(
        repositoryName=name, repositoryDescription="Ours.", tags={"team": "blue"}
    )["repositoryMetadata"]
    read = codecommit.get_repository(repositoryName=name)["repositoryMetadata"]
    assert (read["Arn"], read["repositoryDescription"]) == (made["Arn"], "Ours.")
    assert codecommit.list_tags_for_resource(resourceArn=made["Arn"])["tags"] == {"team": "blue"}
    codecommit.update_repository_description(repositoryName=name, repositoryDescription="Theirs.")
    codecommit.update_repository_encryption_key(repositoryName=name, kmsKeyId=key["Arn"])
    codecommit.untag_resource(resourceArn=made["Arn"], tagKeys=["team"])
    read = codecommit.get_repository(repositoryName=name)["repositoryMetadata"]
    assert (read["repositoryDescription"], read["kmsKeyId"]) == ("Theirs.", key["Arn"])
    codecommit.delete_repository(repositoryName=name)
    is_gone("RepositoryDoesNotExistException", codecommit.get_repository, repositoryName=name)


def test_cdk_bootstrap_roles_are_made_and_taken_on(service: Service, iam: Any) -> None:
    """A deploying role trusts the account, may pass another role, and is assumed by a user of it."""
    execution, deploy = fresh("cdk-exec"), fresh("cdk-deploy")
    cloudformation = json.dumps(trust({"Service": "cloudformation.amazonaws.com"}))
    made = iam.create_role(RoleName=execution, AssumeRolePolicyDocument=cloudformation)["Role"]
    iam.attach_role_policy(RoleName=execution, PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitPowerUser")
    account = json.dumps(trust({"AWS": service.account_id}))
    role = iam.create_role(RoleName=deploy, AssumeRolePolicyDocument=account)["Role"]
    passing = json.dumps(document("iam:PassRole", made["Arn"]))
    iam.put_role_policy(RoleName=deploy, PolicyName="default", PolicyDocument=passing)
    keys = service.user({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]})
    sts = service.client("sts", REGION, keys)
    assumed = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="aws-cdk-builder")
    assert assumed["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{deploy}/aws-cdk-builder")
    policies = iam.list_entities_for_policy(
        PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitPowerUser", EntityFilter="Role"
    )
    assert execution in [each["RoleName"] for each in policies["PolicyRoles"]]
    for name in (execution, deploy):
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        for inline in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=inline)
        iam.delete_role(RoleName=name)


def test_cdk_managed_policy_is_put_on_all_that_it_names(iam: Any) -> None:
    role, user, group = fresh("role"), fresh("user"), fresh("group")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust(MACHINES)))
    iam.create_user(UserName=user)
    iam.create_group(GroupName=group)
    text = json.dumps(document("codecommit:GitPull"))
    arn = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=text)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    is_gone("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [each["RoleName"] for each in entities["PolicyRoles"]] == [role]
    for each in entities["PolicyRoles"]:
        iam.detach_role_policy(RoleName=each["RoleName"], PolicyArn=arn)
    for each in entities["PolicyUsers"]:
        iam.detach_user_policy(UserName=each["UserName"], PolicyArn=arn)
    for each in entities["PolicyGroups"]:
        iam.detach_group_policy(GroupName=each["GroupName"], PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    iam.delete_role(RoleName=role)
    iam.delete_user(UserName=user)
    iam.delete_group(GroupName=group)
