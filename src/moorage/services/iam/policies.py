"""Managed policies: made, found, listed, deleted; and who has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn
from moorage.services.iam import answers, documents, managed, quotas, refusals, tag_rules, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import aws_policies, identity_tags, policies

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call
    from moorage.services.iam.managed import Usage

# As the rows of attachments hold it. AWS publishes no such limit beside those of path and name.
MAX_ARN = 512


@iam.operation("CreatePolicy", resource=targets.new_policy)
def create_policy(call: Call, request: Request) -> Answer:
    caller, name, path = call.caller, request["PolicyName"], request.get("Path", "/")
    tags = tag_rules.parsed(request.get("Tags", ()))
    tag_rules.require_room({}, tags)
    require_document(request["PolicyDocument"])
    arn = iam_arn(caller.partition, caller.account_id, f"policy{path}{name}")
    if len(arn) > MAX_ARN:
        raise refusals.invalid_input(f"Path and name are too long: an ARN has {MAX_ARN} characters at most.")
    with change(call, "CreatePolicy", arn) as connection:
        if policies.holder_of(connection, caller.account_id, name) is not None:
            raise refusals.policy_name_taken(name)
        used = policies.count(connection, caller.account_id)
        quotas.require_room("PoliciesPerAccount", quotas.POLICIES_PER_ACCOUNT, used)
        policy = policies.create(
            connection,
            caller.account_id,
            name,
            path=path,
            description=request.get("Description", ""),
            document=request["PolicyDocument"],
            now_ms=now_ms(call),
            entropy=call.entropy,
        )
        identity_tags.put(connection, policy.policy_id, tags)
    shown = managed.own_shown(policy, caller.partition, managed.Usage({}, {}))
    return {"Policy": {**shown, "Tags": answers.tag_list(tags)} if tags else shown}


def require_document(text: str) -> None:
    """Refuse a managed policy's document that is malformed or too long.

    Raises:
        Fault: MalformedPolicyDocument, LimitExceeded.
    """
    documents.require_sound(text)


@iam.operation("GetPolicy", resource=targets.named_policy)
def get_policy(call: Call, request: Request) -> Answer:
    caller, arn = call.caller, request["PolicyArn"]
    with call.database.read() as connection:
        uses = managed.usage(connection, caller.account_id)
        ours = managed.aws_policy(caller, arn)
        if ours is not None:
            return {"Policy": {**managed.aws_shown(ours, uses), "Description": ours.description}}
        policy = managed.own_policy(connection, caller, arn)
        tags = identity_tags.of(connection, policy.policy_id)
    shown = managed.own_shown(policy, caller.partition, uses)
    if policy.description:
        shown["Description"] = policy.description
    return {"Policy": {**shown, "Tags": answers.tag_list(tags)}}


@iam.operation("ListPolicies", resource=targets.everything_of_kind("policy"))
def list_policies(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        uses = managed.usage(connection, call.caller.account_id)
        found = list(_all_policies(connection, call, request.get("Scope", "All"), uses))
    prefix = request.get("PathPrefix", "/")
    shown = [policy for policy in found if policy["Path"].startswith(prefix) and _wanted(policy, request)]
    return paged(call, "ListPolicies", request, "Policies", shown, key=_by_name, shown=lambda policy: policy)


def _all_policies(connection: Connection, call: Call, scope: str, uses: Usage) -> Iterator[Answer]:
    partition = call.caller.partition
    if scope in {"All", "Local"}:
        for row in policies.listing(connection, call.caller.account_id):
            yield managed.own_shown(row, partition, uses)
    if scope in {"All", "AWS"}:
        for policy in aws_policies.in_partition(partition).values():
            yield managed.aws_shown(policy, uses)


def _wanted(policy: Answer, request: Request) -> bool:
    if not request.get("OnlyAttached") and "PolicyUsageFilter" not in request:
        return True
    as_policy = bool(policy["AttachmentCount"])
    as_boundary = bool(policy["PermissionsBoundaryUsageCount"])
    usage = request.get("PolicyUsageFilter")
    if usage == "PermissionsBoundary":
        return as_boundary
    return as_policy if usage == "PermissionsPolicy" else as_policy or as_boundary


def _by_name(policy: Answer) -> str:
    # One of AWS's and one of the account's own may have the same name.
    return f"{policy['PolicyName'].lower()} {policy['Arn']}"


@iam.operation("DeletePolicy", resource=targets.named_policy)
def delete_policy(call: Call, request: Request) -> None:
    arn = request["PolicyArn"]
    with change(call, "DeletePolicy", arn) as connection:
        policy = managed.own_policy(connection, call.caller, arn)
        uses = managed.usage(connection, call.caller.account_id)
        if uses.attached.get(arn) or uses.boundaries.get(arn):
            raise refusals.delete_conflict("Cannot delete a policy attached to entities.")
        if len(policies.versions(connection, policy.policy_id)) > 1:
            raise refusals.delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        policies.remove(connection, policy.policy_id)
