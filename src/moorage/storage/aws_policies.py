"""The policies AWS manages, as data files: the same in every account, in the partition's own spelling.

`managed_policies/` holds each as one JSON file with version and dates; NOTICE tells their origin.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from moorage.core.arn import Arn, iam_arn
from moorage.core.clock import milliseconds
from moorage.storage.identifiers import POLICY

# The account field of these policies' ARNs.
OWNER = "aws"


@dataclass(frozen=True, slots=True)
class AwsPolicy:
    """One AWS-managed policy in one partition. Times are Unix milliseconds."""

    policy_id: str
    arn: Arn
    name: str
    path: str
    version: str  # as v13; only the version in force is carried
    description: str
    document: str
    created_at_ms: int
    updated_at_ms: int


@cache
def in_partition(partition: str) -> Mapping[str, AwsPolicy]:
    """Return AWS's policies by ARN, for the partition aws, aws-cn or aws-us-gov."""
    folder = resources.files("moorage.storage") / "managed_policies"
    found = [
        _policy(json.loads(entry.read_text(encoding="utf-8")), partition)
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    ]
    return MappingProxyType({policy.arn: policy for policy in sorted(found, key=_by_name)})


def _by_name(policy: AwsPolicy) -> str:
    return policy.name.lower()


def _policy(data: dict[str, Any], partition: str) -> AwsPolicy:
    document = json.dumps(data["document"], indent=4)
    return AwsPolicy(
        policy_id=_stable_id(data["name"]),
        arn=iam_arn(partition, OWNER, f"policy{data['path']}{data['name']}"),
        name=data["name"],
        path=data["path"],
        version=data["version"],
        description=data["description"],
        document=document.replace('"arn:aws:', f'"arn:{partition}:'),
        created_at_ms=milliseconds(datetime.fromisoformat(data["created"])),
        updated_at_ms=milliseconds(datetime.fromisoformat(data["updated"])),
    )


def _stable_id(name: str) -> str:
    # AWS's own ids are not in the data; clients only need one that stays the same.
    return POLICY + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
