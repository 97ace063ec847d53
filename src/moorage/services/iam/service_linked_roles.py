"""Service-linked roles: a service's own, which only it may change.

The roles are there in shape, for tools that make and read them. Nothing here acts as these services,
so no permissions are attached. Source: IAM User Guide, "Service-linked roles".
"""

from __future__ import annotations

import hmac
import json
import re
import uuid
from hashlib import sha256
from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn
from moorage.services.iam import owner_targets, refusals
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.owners import ROLE, changed
from moorage.services.iam.roles import DEFAULT_SESSION_SECONDS, require_bare, require_free, whole
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.targets import Context
from moorage.storage import roles
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.roles import RoleRow

# Services by the name that their roles carry; AWS derives it by no rule.
_SERVICES = {
    "autoscaling.amazonaws.com": "AutoScaling",
    "codeguru-reviewer.amazonaws.com": "AmazonCodeGuruReviewer",
    "codestar-notifications.amazonaws.com": "CodeStarNotifications",
    "ecs.amazonaws.com": "ECS",
    "elasticloadbalancing.amazonaws.com": "ElasticLoadBalancing",
    "rds.amazonaws.com": "RDS",
    "spot.amazonaws.com": "EC2Spot",
    "trustedadvisor.amazonaws.com": "TrustedAdvisor",
}
# Only these take a suffix of the caller's.
_WITH_SUFFIX = frozenset({"autoscaling.amazonaws.com"})

_TASK = re.compile(r"task(?P<role>/aws-service-role/[^/]+/[^/]+)/(?P<proof>[0-9a-f-]{36})", re.ASCII)


def _path(service: str) -> str:
    return f"{roles.SERVICE_LINKED_PATH}{service}/"


def _name(request: Request) -> str:
    suffix = request.get("CustomSuffix")
    name = f"AWSServiceRoleFor{_SERVICES.get(request['AWSServiceName'], '')}"
    return f"{name}_{suffix}" if suffix else name


def _new(call: Call, request: Request) -> list[Target]:
    """The rule of CreateServiceLinkedRole: the ARN that the role will have, and the service."""
    service = request["AWSServiceName"]
    resource = f"role{_path(service)}{_name(request)}"
    context: Context = {"iam:AWSServiceName": (service,)}
    return [Target(iam_arn(call.caller.partition, call.caller.account_id, resource), context)]


@iam.operation("CreateServiceLinkedRole", resource=_new)
def create_service_linked_role(call: Call, request: Request) -> Answer:
    caller, service, name = call.caller, request["AWSServiceName"], _name(request)
    if service not in _SERVICES:
        raise refusals.invalid_input(f"{service} has no service-linked role that this server could make.")
    if request.get("CustomSuffix") and service not in _WITH_SUFFIX:
        raise refusals.invalid_input(f"Custom suffix is not allowed for {service}")
    arn = iam_arn(caller.partition, caller.account_id, f"role{_path(service)}{name}")
    with change(call, "CreateServiceLinkedRole", arn) as connection:
        if roles.holder_of(connection, caller.account_id, name) is not None:
            raise refusals.invalid_input(
                f"Service role name {name} has been taken in this account, please try a different suffix."
            )
        require_free(connection, call, name)
        role = roles.create(
            connection,
            caller.account_id,
            name,
            path=_path(service),
            trust_policy=_trust(service),
            now_ms=now_ms(call),
            description=request.get("Description", ""),
            max_session_seconds=DEFAULT_SESSION_SECONDS,
            entropy=call.entropy,
        )
        shown = whole(connection, call, role)
    shown.pop("RoleLastUsed")
    return {"Role": shown}


def _trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


@iam.operation("DeleteServiceLinkedRole", resource=owner_targets.named(ROLE))
def delete_service_linked_role(call: Call, request: Request) -> Answer:
    """Delete such a role at once; AWS takes its time, which is why there is a task to ask about."""
    with changed(call, "DeleteServiceLinkedRole", ROLE, request) as (connection, role):
        if not role.service_linked:
            raise refusals.no_such_role(role.name)
        require_bare(connection, role)
        roles.remove(connection, role.role_id)
    return {"DeletionTaskId": f"task{_whole_name(role)}/{_proof(call, _whole_name(role))}"}


def _whole_name(role: RoleRow) -> str:
    return f"{role.path}{role.name}"


def _proof(call: Call, name: str) -> str:
    """Return what only a task of this account's has: nobody can ask about one that never was."""
    text = f"{call.caller.account_id}:{name}".encode()
    return str(uuid.UUID(bytes=hmac.digest(call.root_key.derive("deletion tasks"), text, sha256)[:16]))


def _task_role(call: Call, request: Request) -> list[Target]:
    """The rule of asking about a task: the role that it deletes."""
    match = _TASK.fullmatch(request["DeletionTaskId"])
    resource = "role/" if match is None else f"role{match['role']}"
    return [Target(iam_arn(call.caller.partition, call.caller.account_id, resource))]


@iam.operation("GetServiceLinkedRoleDeletionStatus", resource=_task_role)
def get_service_linked_role_deletion_status(call: Call, request: Request) -> Answer:
    """Tell that a deletion is done: it was when its task was told."""
    match = _TASK.fullmatch(request["DeletionTaskId"])
    if match is None or not hmac.compare_digest(match["proof"], _proof(call, match["role"])):
        raise refusals.no_such_deletion_task(request["DeletionTaskId"])
    return {"Status": "SUCCEEDED"}
