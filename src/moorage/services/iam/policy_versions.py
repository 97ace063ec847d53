"""Versions of managed policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import answers, managed, quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.policies import require_document
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import policies

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.policies import PolicyRow, VersionRow

_VERSION = re.compile(r"v([1-9][0-9]{0,8})", re.ASCII)


@iam.operation("CreatePolicyVersion", resource=targets.named_policy)
def create_policy_version(call: Call, request: Request) -> Answer:
    arn, make_default = request["PolicyArn"], bool(request.get("SetAsDefault"))
    require_document(request["PolicyDocument"])
    with change(call, "CreatePolicyVersion", arn) as connection:
        policy = managed.own_policy(connection, call.caller, arn)
        if len(policies.versions(connection, policy.policy_id)) >= quotas.VERSIONS_PER_POLICY:
            raise quotas.limit_exceeded(
                f"A managed policy can have up to {quotas.VERSIONS_PER_POLICY} versions. Before you create "
                "a new version, you must delete an existing version."
            )
        version = policies.add_version(
            connection, policy, request["PolicyDocument"], now_ms=now_ms(call), make_default=make_default
        )
    return {"PolicyVersion": answers.version(version, version.version if make_default else 0)}


@iam.operation("GetPolicyVersion", resource=targets.named_policy)
def get_policy_version(call: Call, request: Request) -> Answer:
    arn, wanted = request["PolicyArn"], request["VersionId"]
    ours = managed.aws_policy(call.caller, arn)
    if ours is not None:
        if ours.version != wanted:  # AWS's older versions are not carried
            raise refusals.no_such_version(arn, wanted)
        return {
            "PolicyVersion": {
                "Document": answers.document(ours.document),
                "VersionId": ours.version,
                "IsDefaultVersion": True,
                "CreateDate": answers.date(ours.updated_at_ms),
            }
        }
    with call.database.read() as connection:
        policy = managed.own_policy(connection, call.caller, arn)
        version = _version(connection, policy, request)
    shown = answers.version(version, policy.default_version)
    return {"PolicyVersion": {"Document": answers.document(version.document), **shown}}


@iam.operation("ListPolicyVersions", resource=targets.named_policy)
def list_policy_versions(call: Call, request: Request) -> Answer:
    arn = request["PolicyArn"]
    ours = managed.aws_policy(call.caller, arn)
    if ours is not None:
        created = answers.date(ours.updated_at_ms)
        only = {"VersionId": ours.version, "IsDefaultVersion": True, "CreateDate": created}
        return _page(call, request, [only])
    with call.database.read() as connection:
        policy = managed.own_policy(connection, call.caller, arn)
        found = policies.versions(connection, policy.policy_id)
    return _page(call, request, [answers.version(row, policy.default_version) for row in found])


def _page(call: Call, request: Request, versions: list[Answer]) -> Answer:
    return paged(
        call,
        "ListPolicyVersions",
        request,
        "Versions",
        versions,
        key=_newest_first,
        shown=lambda version: version,
    )


def _newest_first(version: Answer) -> str:
    return f"{10**10 - int(version['VersionId'].removeprefix('v')):011}"


@iam.operation("DeletePolicyVersion", resource=targets.named_policy)
def delete_policy_version(call: Call, request: Request) -> None:
    with change(call, "DeletePolicyVersion", request["PolicyArn"]) as connection:
        policy = managed.own_policy(connection, call.caller, request["PolicyArn"])
        version = _version(connection, policy, request)
        if version.version == policy.default_version:
            raise refusals.delete_conflict("Cannot delete the default version of a policy.")
        policies.remove_version(connection, policy.policy_id, version.version)


@iam.operation("SetDefaultPolicyVersion", resource=targets.named_policy)
def set_default_policy_version(call: Call, request: Request) -> None:
    with change(call, "SetDefaultPolicyVersion", request["PolicyArn"]) as connection:
        policy = managed.own_policy(connection, call.caller, request["PolicyArn"])
        version = _version(connection, policy, request)
        policies.set_default(connection, policy.policy_id, version.version, now_ms=now_ms(call))


def _version(connection: Connection, policy: PolicyRow, request: Request) -> VersionRow:
    match = _VERSION.fullmatch(request["VersionId"])
    found = None if match is None else policies.version(connection, policy.policy_id, int(match[1]))
    if found is None:
        raise refusals.no_such_version(request["PolicyArn"], request["VersionId"])
    return found
