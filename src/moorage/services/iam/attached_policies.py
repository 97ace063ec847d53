"""Managed policies on users, groups and roles."""

from __future__ import annotations

from moorage.core.faults import Fault
from moorage.services.iam import owner_targets, quotas, refusals
from moorage.services.iam.changes import now_ms
from moorage.services.iam.managed import is_attachable
from moorage.services.iam.owners import GROUP, ROLE, USER, OwnerOperation, owner_operations
from moorage.services.iam.pages import itself, paged
from moorage.services.iam.service import Answer
from moorage.storage import attachments, identities

# How many of them, and what AWS calls that quota.
_QUOTAS = {
    USER.noun: ("PoliciesPerUser", quotas.POLICIES_PER_USER),
    GROUP.noun: ("PoliciesPerGroup", quotas.POLICIES_PER_GROUP),
    ROLE.noun: ("PoliciesPerRole", quotas.POLICIES_PER_ROLE),
}


@owner_operations(
    {"AttachUserPolicy": USER, "AttachGroupPolicy": GROUP, "AttachRolePolicy": ROLE},
    resource=owner_targets.with_policy,
)
def attach_policy(asked: OwnerOperation) -> None:
    """Give an owner a managed policy; that it has it already is no error."""
    caller, arn = asked.call.caller, asked.request["PolicyArn"]
    with asked.change() as (connection, owner):
        if identities.managed_document(connection, caller.partition, caller.account_id, arn) is None:
            raise refusals.not_attachable(arn)
        if not is_attachable(arn):
            raise Fault("PolicyNotAttachable", f"Policy {arn} is for AWS's own roles and cannot be attached.")
        existing = attachments.attached(connection, owner.unique_id)
        if arn in existing:
            return
        quotas.require_room(*_QUOTAS[asked.kind.noun], len(existing))
        attachments.attach(connection, caller.account_id, owner.unique_id, arn, now_ms=now_ms(asked.call))


@owner_operations(
    {"DetachUserPolicy": USER, "DetachGroupPolicy": GROUP, "DetachRolePolicy": ROLE},
    resource=owner_targets.with_policy,
)
def detach_policy(asked: OwnerOperation) -> None:
    arn = asked.request["PolicyArn"]
    with asked.change() as (connection, owner):
        if not attachments.detach(connection, owner.unique_id, arn):
            raise refusals.no_such_policy(arn)


@owner_operations(
    {
        "ListAttachedUserPolicies": USER,
        "ListAttachedGroupPolicies": GROUP,
        "ListAttachedRolePolicies": ROLE,
    },
    resource=owner_targets.named,
)
def list_attached_policies(asked: OwnerOperation) -> Answer:
    with asked.call.database.read() as connection:
        found = attachments.attached(connection, asked.owner(connection).unique_id)
    prefix = asked.request.get("PathPrefix", "/")
    under = [arn for arn in found if _path(arn).startswith(prefix)]
    return paged(asked.call, asked.name, asked.request, "AttachedPolicies", under, key=itself, shown=_shown)


def _path(arn: str) -> str:
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


def _shown(arn: str) -> Answer:
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
