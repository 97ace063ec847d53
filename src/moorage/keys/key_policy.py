"""What CodeCommit asks of KMS in its caller's name, and the policy of the key it makes itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from moorage.core.arn import iam_arn, partition_of
from moorage.core.principal import Caller
from moorage.keys.key_access import about_encryption_context, about_key
from moorage.keys.wrapping import ENCRYPTION_CONTEXT_KEY
from moorage.storage.kms_keys import KmsKeyRow

DEFAULT_ALIAS = "alias/aws/codecommit"

# Source: CodeCommit User Guide, on AWS KMS and encryption; service.md section 6.
ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)

_DNS_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}


def via_service(region: str) -> str:
    """Return the name that `kms:ViaService` has for CodeCommit of a region."""
    return f"codecommit.{region}.{_DNS_SUFFIXES.get(partition_of(region), 'amazonaws.com')}"


def default_policy(account_id: str, region: str) -> str:
    """Return the policy of an AWS-managed key, which nobody can change.

    Whoever may use CodeCommit in the account may use the key through it, and needs no permission
    of its own; a deny in any of its policies still bites.
    """
    statements = [
        {
            "Sid": "AllowThroughCodeCommit",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:DescribeKey",
            ],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account_id, "kms:ViaService": via_service(region)}
            },
        },
        {
            "Sid": "AllowMetadataToTheAccount",
            "Effect": "Allow",
            "Principal": {"AWS": iam_arn(partition_of(region), account_id, "root")},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
            "Resource": "*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Id": "auto-codecommit-1", "Statement": statements})


def conditions(
    caller: Caller,
    key: KmsKeyRow,
    repository_id: str,
    aliases: tuple[str, ...],
    tags: Mapping[str, str],
) -> Mapping[str, tuple[str, ...]]:
    """Return the condition keys of a KMS call that CodeCommit makes for its caller."""
    return {
        **about_key(key, caller.account_id, aliases, tags),
        **about_encryption_context({ENCRYPTION_CONTEXT_KEY: repository_id}),
        "kms:ViaService": (via_service(key.region),),
        "aws:ViaAWSService": ("true",),
        "aws:CalledVia": ("codecommit.amazonaws.com",),
        "aws:CalledViaFirst": ("codecommit.amazonaws.com",),
        "aws:CalledViaLast": ("codecommit.amazonaws.com",),
    }
