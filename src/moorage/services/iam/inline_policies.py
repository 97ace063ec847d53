"""Inline policies of users and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import answers, documents, quotas, refusals, targets
from moorage.services.iam.changes import change
from moorage.services.iam.pages import itself, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_group, named_user
from moorage.storage import attachments
from moorage.storage.attachments import InlinePolicyRow

if TYPE_CHECKING:
    from moorage.services.call import Call


@iam.operation("PutUserPolicy", resource=targets.named_user)
def put_user_policy(call: Call, request: Request) -> None:
    """Write an inline policy, in place of an older one of the same name."""
    documents.require_sound(request["PolicyDocument"])
    with change(call, "PutUserPolicy", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        row = InlinePolicyRow(user.user_id, request["PolicyName"], request["PolicyDocument"])
        _require_size(connection, row, quotas.USER_INLINE_SIZE, f"user {user.name}")
        attachments.put_inline(connection, call.caller.account_id, row)


@iam.operation("PutGroupPolicy", resource=targets.named_group)
def put_group_policy(call: Call, request: Request) -> None:
    """Write an inline policy, in place of an older one of the same name."""
    documents.require_sound(request["PolicyDocument"])
    with change(call, "PutGroupPolicy", group=request["GroupName"]) as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        row = InlinePolicyRow(group.group_id, request["PolicyName"], request["PolicyDocument"])
        _require_size(connection, row, quotas.GROUP_INLINE_SIZE, f"group {group.name}")
        attachments.put_inline(connection, call.caller.account_id, row)


def _require_size(connection: Connection, row: InlinePolicyRow, limit: int, owner: str) -> None:
    others = (other for other in attachments.inline(connection, row.owner_id) if other.name != row.name)
    total = documents.size(row.document) + sum(documents.size(other.document) for other in others)
    if total > limit:
        raise quotas.limit_exceeded(f"Maximum policy size of {limit} bytes exceeded for {owner}")


@iam.operation("GetUserPolicy", resource=targets.named_user)
def get_user_policy(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        text = _document(connection, user.user_id, "user", request["PolicyName"])
    return {
        "UserName": user.name,
        "PolicyName": request["PolicyName"],
        "PolicyDocument": answers.document(text),
    }


@iam.operation("GetGroupPolicy", resource=targets.named_group)
def get_group_policy(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        text = _document(connection, group.group_id, "group", request["PolicyName"])
    return {
        "GroupName": group.name,
        "PolicyName": request["PolicyName"],
        "PolicyDocument": answers.document(text),
    }


def _document(connection: Connection, owner_id: str, kind: str, name: str) -> str:
    for row in attachments.inline(connection, owner_id):
        if row.name == name:
            return row.document
    raise refusals.no_such_inline_policy(kind, name)


@iam.operation("ListUserPolicies", resource=targets.named_user)
def list_user_policies(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        names = [row.name for row in attachments.inline(connection, user.user_id)]
    return paged(call, "ListUserPolicies", request, "PolicyNames", names, key=itself, shown=itself)


@iam.operation("ListGroupPolicies", resource=targets.named_group)
def list_group_policies(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        names = [row.name for row in attachments.inline(connection, group.group_id)]
    return paged(call, "ListGroupPolicies", request, "PolicyNames", names, key=itself, shown=itself)


@iam.operation("DeleteUserPolicy", resource=targets.named_user)
def delete_user_policy(call: Call, request: Request) -> None:
    with change(call, "DeleteUserPolicy", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        if not attachments.remove_inline(connection, user.user_id, request["PolicyName"]):
            raise refusals.no_such_inline_policy("user", request["PolicyName"])


@iam.operation("DeleteGroupPolicy", resource=targets.named_group)
def delete_group_policy(call: Call, request: Request) -> None:
    with change(call, "DeleteGroupPolicy", group=request["GroupName"]) as connection:
        group = named_group(connection, call.caller, request["GroupName"])
        if not attachments.remove_inline(connection, group.group_id, request["PolicyName"]):
            raise refusals.no_such_inline_policy("group", request["PolicyName"])
