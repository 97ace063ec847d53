"""The resource rules that all kinds of owners share; each is made for a kind.

Names that do not exist get the ARN they would have without a path, as in `targets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn
from moorage.services.iam.owners import POLICY, AnyKind
from moorage.services.iam.subjects import require_policy_arn
from moorage.services.iam.targets import Context, Rule, boundary, known, request_tags
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.iam.service import Request


def created(kind: AnyKind) -> Rule:
    """Make the rule of creating one of a kind. Tags on it need the kind's tagging action besides."""

    def rule(call: Call, request: Request) -> list[Target]:
        resource = f"{kind.resource}{request.get('Path', '/')}{request[kind.key]}"
        context = {**request_tags(request), **boundary(request.get("PermissionsBoundary"))}
        target = Target(iam_arn(call.caller.partition, call.caller.account_id, resource), context)
        if request.get("Tags"):
            call.gate.require(call.caller, f"iam:Tag{kind.noun}", target.arn, target.context)
        return [target]

    return rule


def named(kind: AnyKind) -> Rule:
    """Make the rule of what is done to one of a kind."""
    return lambda call, request: [_target(call, request, kind)]


def with_policy(kind: AnyKind) -> Rule:
    """Make the rule of attaching and detaching: policies may allow only certain policies."""

    def rule(call: Call, request: Request) -> list[Target]:
        require_policy_arn(call.caller, request["PolicyArn"])
        return [_target(call, request, kind, {"iam:PolicyARN": (request["PolicyArn"],)})]

    return rule


def with_new_boundary(kind: AnyKind) -> Rule:
    """Make the rule of setting a boundary: the new one is what conditions see."""

    def rule(call: Call, request: Request) -> list[Target]:
        require_policy_arn(call.caller, request["PermissionsBoundary"])
        return [_target(call, request, kind, boundary(request["PermissionsBoundary"]))]

    return rule


def tagged(kind: AnyKind) -> Rule:
    """Make the rule of tagging and untagging."""
    return lambda call, request: [_target(call, request, kind, request_tags(request))]


def renamed(kind: AnyKind) -> Rule:
    """Make the rule of renaming or moving: the old ARN and the new one."""

    def rule(call: Call, request: Request) -> list[Target]:
        caller = call.caller
        with call.database.read() as connection:
            found = kind.find(connection, caller.account_id, request[kind.key])
        path = request.get("NewPath", "/" if found is None else found.path)
        resource = f"{kind.resource}{path}{request.get(f'New{kind.key}', request[kind.key])}"
        new = iam_arn(caller.partition, caller.account_id, resource)
        old = _target(call, request, kind)
        return [old] if new == old.arn else [old, Target(new, old.context)]

    return rule


def _target(call: Call, request: Request, kind: AnyKind, more: Context | None = None) -> Target:
    caller, name = call.caller, request[kind.key]
    if kind is POLICY:
        require_policy_arn(caller, name)
    with call.database.read() as connection:
        found = kind.find(connection, caller.account_id, name)
        if found is not None:
            return known(connection, caller, found, more)
    arn = name if kind is POLICY else iam_arn(caller.partition, caller.account_id, f"{kind.resource}/{name}")
    return Target(arn, more or {})
