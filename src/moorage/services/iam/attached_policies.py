"""Managed policies on users and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.services.iam import quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.managed import is_attachable
from moorage.services.iam.pages import itself, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_group, named_user
from moorage.storage import attachments, identities

if TYPE_CHECKING:
    from moorage.services.call import Call


@iam.operation("AttachUserPolicy", resource=targets.user_with_policy)
def attach_user_policy(call: Call, request: Request) -> None:
    """Give a user a managed policy; that it has it already is no error."""
    with change(call, "AttachUserPolicy", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        _attach(call, connection, user.user_id, request, ("PoliciesPerUser", quotas.POLICIES_PER_USER))


@iam.operation("AttachGroupPolicy", resource=targets.group_with_policy)
def attach_group_policy(call: Call, request: Request) -> None:
    """Give a group a managed policy; that it has it already is no error."""
    with change(call, "AttachGroupPolicy", group=request["GroupName"]) as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        _attach(call, connection, group.group_id, request, ("PoliciesPerGroup", quotas.POLICIES_PER_GROUP))


def _attach(
    call: Call, connection: Connection, owner_id: str, request: Request, quota: tuple[str, int]
) -> None:
    caller, arn = call.caller, request["PolicyArn"]
    if identities.managed_document(connection, caller.partition, caller.account_id, arn) is None:
        raise refusals.not_attachable(arn)
    if not is_attachable(arn):
        raise Fault("PolicyNotAttachable", f"Policy {arn} is for AWS's own roles and cannot be attached.")
    existing = attachments.attached(connection, owner_id)
    if arn in existing:
        return
    quotas.require_room(*quota, len(existing))
    attachments.attach(connection, caller.account_id, owner_id, arn, now_ms=now_ms(call))


@iam.operation("DetachUserPolicy", resource=targets.user_with_policy)
def detach_user_policy(call: Call, request: Request) -> None:
    with change(call, "DetachUserPolicy", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        if not attachments.detach(connection, user.user_id, request["PolicyArn"]):
            raise refusals.no_such_policy(request["PolicyArn"])


@iam.operation("DetachGroupPolicy", resource=targets.group_with_policy)
def detach_group_policy(call: Call, request: Request) -> None:
    with change(call, "DetachGroupPolicy", group=request["GroupName"]) as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        if not attachments.detach(connection, group.group_id, request["PolicyArn"]):
            raise refusals.no_such_policy(request["PolicyArn"])


@iam.operation("ListAttachedUserPolicies", resource=targets.named_user)
def list_attached_user_policies(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        found = attachments.attached(connection, user.user_id)
    return _page(call, "ListAttachedUserPolicies", request, found)


@iam.operation("ListAttachedGroupPolicies", resource=targets.named_group)
def list_attached_group_policies(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        found = attachments.attached(connection, group.group_id)
    return _page(call, "ListAttachedGroupPolicies", request, found)


def _page(call: Call, operation: str, request: Request, arns: list[str]) -> Answer:
    prefix = request.get("PathPrefix", "/")
    under = [arn for arn in arns if _path(arn).startswith(prefix)]
    return paged(call, operation, request, "AttachedPolicies", under, key=itself, shown=_shown)


def _path(arn: str) -> str:
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


def _shown(arn: str) -> Answer:
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
