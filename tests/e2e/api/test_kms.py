"""KMS by boto3, over the wire: errors by their names, keys of repositories, two accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codecommit_at_hand import Pushed, Service, allow, deny, refused

ACTIONS = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
]


@pytest.fixture
def kms(service: Service) -> Any:
    return service.client("kms", "us-east-2")


def test_a_key_encrypts_over_the_wire_and_errors_have_their_names(kms: Any) -> None:
    key = kms.create_key(Description="tests")["KeyMetadata"]
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"text", EncryptionContext={"a": "1"})[
        "CiphertextBlob"
    ]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "1"})["Plaintext"] == b"text"
    with refused_without_message(kms, "InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=sealed)
    kms.disable_key(KeyId=key["KeyId"])
    with refused(kms, "DisabledException"):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "1"})
    with refused(kms, "NotFoundException"):
        kms.describe_key(KeyId="alias/none")
    with pytest.raises(ClientError, match="ValidationException"):
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=3)


def refused_without_message(client: Any, error: str) -> Any:
    return pytest.raises(getattr(client.exceptions, error))


def test_a_disabled_key_closes_its_repository_on_the_next_request(
    service: Service, pushed: Pushed, kms: Any
) -> None:
    codecommit = service.codecommit()
    key = kms.create_key()["KeyMetadata"]
    codecommit.update_repository_encryption_key(repositoryName=pushed.name, kmsKeyId=key["Arn"])
    metadata = codecommit.get_repository(repositoryName=pushed.name)["repositoryMetadata"]
    assert metadata["kmsKeyId"] == key["Arn"]
    assert codecommit.get_branch(repositoryName=pushed.name, branchName="main")["branch"]["commitId"] in (
        pushed.commits
    )
    kms.disable_key(KeyId=key["KeyId"])
    with refused(codecommit, "EncryptionKeyDisabledException"):
        codecommit.get_branch(repositoryName=pushed.name, branchName="main")
    kms.enable_key(KeyId=key["KeyId"])
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    codecommit.get_branch(repositoryName=pushed.name, branchName="main")
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    with refused(codecommit, "EncryptionKeyUnavailableException"):
        codecommit.get_branch(repositoryName=pushed.name, branchName="main")


def test_clones_and_pushes_go_on_while_a_repository_moves_between_keys(
    service: Service, pushed: Pushed, kms: Any, tmp_path: Path
) -> None:
    codecommit = service.codecommit()
    for number in range(3):
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        codecommit.update_repository_encryption_key(repositoryName=pushed.name, kmsKeyId=arn)
        service.git(pushed.folder, pushed.name, "push", "--quiet", "URL", f"main:refs/heads/b{number}")
    service.git(tmp_path, pushed.name, "clone", "--quiet", "URL", "copy")
    branches = codecommit.list_branches(repositoryName=pushed.name)["branches"]
    assert {"b0", "b1", "b2", "main"} <= set(branches)


def test_a_user_of_another_account_reaches_a_key_only_by_both_sides(
    service: Service, other_account: Service, kms: Any
) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    theirs = other_account.codecommit()
    with refused(theirs, "EncryptionKeyAccessDeniedException"):
        theirs.create_repository(repositoryName="cross", kmsKeyId=arn)
    root = {"AWS": f"arn:aws:iam::{service.account_id}:root"}
    other = {"AWS": f"arn:aws:iam::{other_account.account_id}:root"}
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": other, "Action": ACTIONS, "Resource": "*"},
        ],
    }
    kms.put_key_policy(KeyId=arn, Policy=json.dumps(document))
    made = theirs.create_repository(repositoryName="cross", kmsKeyId=arn)["repositoryMetadata"]
    assert made["kmsKeyId"] == arn
    shut_out = other_account.user(allow("*"), deny("kms:Decrypt"))
    client = other_account.codecommit(keys=shut_out)
    with refused(client, "EncryptionKeyAccessDeniedException"):
        client.get_repository(repositoryName="cross")


def test_a_key_that_locks_everyone_out_stays_locked(service: Service, kms: Any) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    root = {"AWS": f"arn:aws:iam::{service.account_id}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:Encrypt", "Resource": "*"}
    shut = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with refused(kms, "MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=key_id, Policy=shut)
    kms.put_key_policy(KeyId=key_id, Policy=shut, BypassPolicyLockoutSafetyCheck=True)
    for ask in (kms.describe_key, kms.get_key_policy, kms.disable_key, kms.schedule_key_deletion):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            ask(KeyId=key_id)


def test_lists_page_as_boto3_pages_them(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    assert made <= {key["KeyId"] for page in pages for key in page["Keys"]}
