"""Amazon Resource Names, partitions and the names derived from them."""

from __future__ import annotations

from typing import NewType

Arn = NewType("Arn", str)

# The region whose name every signature for IAM carries, per partition (design.md section 1).
GLOBAL_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def partition_of(region: str) -> str:
    """Return the partition a region belongs to: aws, aws-cn or aws-us-gov."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


def repository_arn(region: str, account_id: str, name: str) -> Arn:
    """Return a repository's ARN. CodeCommit's has no `repository/` before the name."""
    return Arn(f"arn:{partition_of(region)}:codecommit:{region}:{account_id}:{name}")


def key_arn(region: str, account_id: str, key_id: str) -> Arn:
    """Return the ARN of a KMS key."""
    return Arn(f"arn:{partition_of(region)}:kms:{region}:{account_id}:key/{key_id}")


def iam_arn(partition: str, account_id: str, resource: str) -> Arn:
    """Return the ARN of something IAM names, as `user/team/demo`, `group/ops` or `root`."""
    return Arn(f"arn:{partition}:iam::{account_id}:{resource}")


def sts_arn(partition: str, account_id: str, resource: str) -> Arn:
    """Return the ARN of a session, as `assumed-role/build/nightly` or `federated-user/guest`."""
    return Arn(f"arn:{partition}:sts::{account_id}:{resource}")
