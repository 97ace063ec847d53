"""Names that the end-to-end suites share."""

from __future__ import annotations

from collections.abc import Callable

from person import Person

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
READ_ONLY = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"

NewPerson = Callable[..., Person]

# Where the guide says that CodeCommit is, and where it has come to since.
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1"),
    *("af-south-1", "il-central-1", "me-south-1", "me-central-1", "ap-south-1", "ap-south-2"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-northeast-1", "ap-northeast-2"),
    *("ap-northeast-3", "ap-east-1"),
)
# Other partitions have accounts of their own.
CHINESE_REGIONS = ("cn-north-1", "cn-northwest-1")
GOVERNMENT_REGIONS = ("us-gov-west-1", "us-gov-east-1")
