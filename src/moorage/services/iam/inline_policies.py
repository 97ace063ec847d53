"""Inline policies of users, groups and roles."""

from __future__ import annotations

from sqlalchemy import Connection

from moorage.services.iam import answers, documents, owner_targets, quotas, refusals
from moorage.services.iam.owners import GROUP, ROLE, USER, Owner, OwnerOperation, owner_operations
from moorage.services.iam.pages import itself, paged
from moorage.services.iam.service import Answer
from moorage.storage import attachments
from moorage.storage.attachments import InlinePolicyRow

# Of all inline policies of one owner together.
_SIZES = {
    USER.noun: quotas.USER_INLINE_SIZE,
    GROUP.noun: quotas.GROUP_INLINE_SIZE,
    ROLE.noun: quotas.ROLE_INLINE_SIZE,
}


@owner_operations(
    {"PutUserPolicy": USER, "PutGroupPolicy": GROUP, "PutRolePolicy": ROLE}, resource=owner_targets.named
)
def put_policy(asked: OwnerOperation) -> None:
    """Write an inline policy, in place of an older one of the same name."""
    name, text = asked.request["PolicyName"], asked.request["PolicyDocument"]
    limit = _SIZES[asked.kind.noun]
    documents.require_sound(text, largest=max(limit, quotas.MANAGED_POLICY_SIZE))
    with asked.change() as (connection, owner):
        row = InlinePolicyRow(owner.unique_id, name, text)
        _require_size(connection, row, limit, f"{asked.kind.noun.lower()} {owner.name}")
        attachments.put_inline(connection, owner.account_id, row)


def _require_size(connection: Connection, row: InlinePolicyRow, limit: int, owner: str) -> None:
    others = (other for other in attachments.inline(connection, row.owner_id) if other.name != row.name)
    total = documents.size(row.document) + sum(documents.size(other.document) for other in others)
    if total > limit:
        raise quotas.limit_exceeded(f"Maximum policy size of {limit} bytes exceeded for {owner}")


@owner_operations(
    {"GetUserPolicy": USER, "GetGroupPolicy": GROUP, "GetRolePolicy": ROLE}, resource=owner_targets.named
)
def get_policy(asked: OwnerOperation) -> Answer:
    name = asked.request["PolicyName"]
    with asked.call.database.read() as connection:
        owner = asked.owner(connection)
        text = _document(connection, owner, asked.kind.noun, name)
    return {asked.kind.key: owner.name, "PolicyName": name, "PolicyDocument": answers.document(text)}


def _document(connection: Connection, owner: Owner, noun: str, name: str) -> str:
    for row in attachments.inline(connection, owner.unique_id):
        if row.name == name:
            return row.document
    raise refusals.no_such_inline_policy(noun.lower(), name)


@owner_operations(
    {"ListUserPolicies": USER, "ListGroupPolicies": GROUP, "ListRolePolicies": ROLE},
    resource=owner_targets.named,
)
def list_policies(asked: OwnerOperation) -> Answer:
    with asked.call.database.read() as connection:
        names = [row.name for row in attachments.inline(connection, asked.owner(connection).unique_id)]
    return paged(asked.call, asked.name, asked.request, "PolicyNames", names, key=itself, shown=itself)


@owner_operations(
    {"DeleteUserPolicy": USER, "DeleteGroupPolicy": GROUP, "DeleteRolePolicy": ROLE},
    resource=owner_targets.named,
)
def delete_policy(asked: OwnerOperation) -> None:
    name = asked.request["PolicyName"]
    with asked.change() as (connection, owner):
        if not attachments.remove_inline(connection, owner.unique_id, name):
            raise refusals.no_such_inline_policy(asked.kind.noun.lower(), name)
