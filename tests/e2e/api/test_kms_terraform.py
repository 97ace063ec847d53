"""What Terraform and CDK ask for a key, an alias and a repository under it, replayed with boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecommit_at_hand import Service, fresh, refused


@pytest.fixture
def kms(service: Service) -> Any:
    return service.client("kms", "us-east-2")


def policy(service: Service, *more: dict[str, Any]) -> dict[str, Any]:
    root = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{service.account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-policy", "Statement": [root, *more]}


def test_terraform_applies_reads_changes_and_destroys_a_key(service: Service, kms: Any) -> None:
    wanted = policy(service)
    key_id = kms.create_key(
        BypassPolicyLockoutSafetyCheck=False,
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        Description="CodeCommit",
        KeyUsage="ENCRYPT_DECRYPT",
        MultiRegion=False,
        Policy=json.dumps(wanted),
        Tags=[{"TagKey": "Team", "TagValue": "red"}],
    )["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=365)
    read(kms, key_id, wanted, {"Team": "red"}, rotated=True)

    changed = policy(
        service,
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:DescribeKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:CallerAccount": service.account_id}},
        },
    )
    kms.update_key_description(KeyId=key_id, Description="Changed")
    kms.put_key_policy(
        KeyId=key_id, Policy=json.dumps(changed), PolicyName="default", BypassPolicyLockoutSafetyCheck=False
    )
    kms.disable_key_rotation(KeyId=key_id)
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "Cost", "TagValue": "1"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["Team"])
    read(kms, key_id, changed, {"Cost": "1"}, rotated=False)

    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def read(kms: Any, key_id: str, wanted: dict[str, Any], tags: dict[str, str], *, rotated: bool) -> None:
    """Refresh a key as the provider does: nothing must differ from what was asked for."""
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    assert json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == wanted
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is rotated
    listed = kms.list_resource_tags(KeyId=key_id)["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in listed} == tags


def test_terraform_applies_moves_and_destroys_an_alias(kms: Any) -> None:
    alias = f"alias/{fresh('terraform')}"
    one, two = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName=alias, TargetKeyId=one)

    def found() -> dict[str, Any] | None:
        pages = kms.get_paginator("list_aliases").paginate()
        return next((a for page in pages for a in page["Aliases"] if a["AliasName"] == alias), None)

    made = found()
    assert made is not None
    assert made["TargetKeyId"] == one
    assert made["AliasArn"].endswith(f":{alias}")
    kms.update_alias(AliasName=alias, TargetKeyId=two)
    moved = found()
    assert moved is not None
    assert moved["TargetKeyId"] == two
    kms.delete_alias(AliasName=alias)
    assert found() is None


def test_terraform_applies_a_grant(service: Service, kms: Any) -> None:
    iam = service.client("iam", "us-east-1")
    name = fresh("grantee")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    made = kms.create_grant(
        KeyId=key_id,
        GranteePrincipal=arn,
        Operations=["Encrypt", "Decrypt", "GenerateDataKey"],
        Constraints={"EncryptionContextEquals": {"Department": "Finance"}},
        Name="my-grant",
    )
    (listed,) = kms.list_grants(KeyId=key_id, GrantId=made["GrantId"])["Grants"]
    assert (listed["GranteePrincipal"], listed["Name"]) == (arn, "my-grant")
    kms.revoke_grant(KeyId=key_id, GrantId=made["GrantId"])
    with refused(kms, "InvalidGrantIdException"):
        kms.list_grants(KeyId=key_id, GrantId=made["GrantId"])


def test_cdk_makes_a_repository_under_a_key_of_its_own(service: Service, kms: Any) -> None:
    key = kms.create_key(Policy=json.dumps(policy(service)))["KeyMetadata"]
    codecommit = service.codecommit()
    name = fresh("cdk")
    made = codecommit.create_repository(repositoryName=name, kmsKeyId=key["KeyId"])["repositoryMetadata"]
    assert made["kmsKeyId"] == key["Arn"]
    assert codecommit.get_repository(repositoryName=name)["repositoryMetadata"]["kmsKeyId"] == key["Arn"]
    other = kms.create_key()["KeyMetadata"]["Arn"]
    answer = codecommit.update_repository_encryption_key(repositoryName=name, kmsKeyId=other)
    assert (answer["kmsKeyId"], answer["originalKmsKeyId"]) == (other, key["Arn"])
