"""Managed policies, the account's own and AWS's, seen as one kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import answers, refusals
from moorage.services.iam.subjects import is_aws_managed
from moorage.storage import attachments, aws_policies, policies, roles, users

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.iam.service import Answer
    from moorage.storage.aws_policies import AwsPolicy
    from moorage.storage.policies import PolicyRow

# Policies that only AWS's own service roles and root sessions carry.
_NOT_ATTACHABLE = (":policy/aws-service-role/", ":policy/root-task/")


def is_attachable(arn: str) -> bool:
    """Tell whether a policy may be put on a user, group or role."""
    return not any(path in arn for path in _NOT_ATTACHABLE)


@dataclass(frozen=True, slots=True)
class Usage:
    """How often each managed policy is attached, and how often it is a boundary, by ARN."""

    attached: Mapping[str, int]
    boundaries: Mapping[str, int]


def usage(connection: Connection, account_id: str) -> Usage:
    """Count the uses of managed policies in an account."""
    boundaries = Counter(users.boundary_counts(connection, account_id))
    boundaries.update(roles.boundary_counts(connection, account_id))
    return Usage(attachments.counts(connection, account_id), boundaries)


def own_policy(connection: Connection, caller: Caller, arn: str) -> PolicyRow:
    """Return the account's own policy of that ARN.

    Raises:
        Fault: AccessDenied for one of AWS's, which nobody here may change; NoSuchEntity.
    """
    if is_aws_managed(arn):
        raise refusals.aws_managed(arn)
    policy = policies.find(connection, caller.account_id, arn)
    if policy is None:
        raise refusals.no_such_policy(arn)
    return policy


def aws_policy(caller: Caller, arn: str) -> AwsPolicy | None:
    """Return AWS's policy of that ARN; None when the ARN is not one of AWS's.

    Raises:
        Fault: NoSuchEntity, it should be one of AWS's and is not carried here.
    """
    found = aws_policies.in_partition(caller.partition).get(arn)
    if found is None and is_aws_managed(arn):
        raise refusals.no_such_policy(arn)
    return found


def own_shown(row: PolicyRow, partition: str, uses: Usage) -> Answer:
    """Return a customer policy as lists show it."""
    return {
        "PolicyName": row.name,
        "PolicyId": row.policy_id,
        **_counted(row.arn(partition), uses),
        "Path": row.path,
        "DefaultVersionId": f"v{row.default_version}",
        "CreateDate": answers.date(row.created_at_ms),
        "UpdateDate": answers.date(row.updated_at_ms),
    }


def aws_shown(policy: AwsPolicy, uses: Usage) -> Answer:
    """Return one of AWS's policies as lists show it."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        **_counted(policy.arn, uses),
        "Path": policy.path,
        "DefaultVersionId": policy.version,
        "CreateDate": answers.date(policy.created_at_ms),
        "UpdateDate": answers.date(policy.updated_at_ms),
    }


def _counted(arn: str, uses: Usage) -> Answer:
    return {
        "Arn": arn,
        "AttachmentCount": uses.attached.get(arn, 0),
        "PermissionsBoundaryUsageCount": uses.boundaries.get(arn, 0),
        "IsAttachable": is_attachable(arn),
    }
