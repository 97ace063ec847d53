"""What each operation asks permission on: ARNs and the condition keys that go with them.

Names that do not exist get the ARN they would have without a path, so that whether they exist does
not show to those who may not know. Source: Service Authorization Reference, "IAM".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.services.iam.subjects import require_policy_arn
from moorage.storage import access_keys, groups, identity_tags, policies, users
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.call import Call
    from moorage.services.iam.service import Request
    from moorage.storage.users import UserRow

Context = Mapping[str, tuple[str, ...]]
Rule = Callable[["Call", "Request"], Iterable[Target]]


def everything_of_kind(kind: str) -> Rule:
    """The rule of lists: `user/`, `group/` or `policy/` with the path prefix asked for."""

    def rule(call: Call, request: Request) -> list[Target]:
        prefix = request.get("PathPrefix", "/")
        return [Target(_arn(call.caller, f"{kind}{prefix}"))]

    return rule


def new_user(call: Call, request: Request) -> list[Target]:
    """The rule of CreateUser. Tags on it need iam:TagUser besides."""
    target = Target(
        _arn(call.caller, f"user{request.get('Path', '/')}{request['UserName']}"),
        {**request_tags(request), **_boundary(request.get("PermissionsBoundary"))},
    )
    if request.get("Tags"):
        call.gate.require(call.caller, "iam:TagUser", target.arn, target.context)
    return [target]


def named_user(call: Call, request: Request) -> list[Target]:
    """The rule of what is done to one user, or to the caller where no name is given."""
    return [_user_target(call, request)]


def user_with_policy(call: Call, request: Request) -> list[Target]:
    """The rule of attaching and detaching: policies may allow only certain policies."""
    require_policy_arn(call.caller, request["PolicyArn"])
    return [_user_target(call, request, {"iam:PolicyARN": (request["PolicyArn"],)})]


def user_with_new_boundary(call: Call, request: Request) -> list[Target]:
    """The rule of setting a boundary: the new one is what conditions see."""
    require_policy_arn(call.caller, request["PermissionsBoundary"])
    return [_user_target(call, request, _boundary(request["PermissionsBoundary"]))]


def tagged_user(call: Call, request: Request) -> list[Target]:
    """The rule of tagging and untagging a user."""
    return [_user_target(call, request, request_tags(request))]


def both_user_names(call: Call, request: Request) -> list[Target]:
    """The rule of renaming or moving a user: the old ARN and the new one."""
    with call.database.read() as connection:
        user = users.find(connection, call.caller.account_id, request["UserName"])
    path = request.get("NewPath", "/" if user is None else user.path)
    new = _arn(call.caller, f"user{path}{request.get('NewUserName', request['UserName'])}")
    old = _user_target(call, request)
    return [old] if new == old.arn else [old, Target(new, old.context)]


def key_owner(call: Call, request: Request) -> list[Target]:
    """The rule of GetAccessKeyLastUsed: the user whose key it is."""
    caller = call.caller
    with call.database.read() as connection:
        key = access_keys.find(connection, request["AccessKeyId"])
        if key is None or key.account_id != caller.account_id:
            return [Target(_arn(caller, "user/"))]
        if key.user_id is None:
            return [Target(_arn(caller, "root"))]
        user = users.by_id(connection, key.user_id)
        return [Target(_arn(caller, "user/")) if user is None else _known_user(connection, caller, user)]


def new_group(call: Call, request: Request) -> list[Target]:
    """The rule of CreateGroup."""
    return [Target(_arn(call.caller, f"group{request.get('Path', '/')}{request['GroupName']}"))]


def named_group(call: Call, request: Request) -> list[Target]:
    """The rule of what is done to one group, its members included."""
    return [Target(_group_arn(call, request))]


def group_with_policy(call: Call, request: Request) -> list[Target]:
    """The rule of attaching to and detaching from a group."""
    require_policy_arn(call.caller, request["PolicyArn"])
    return [Target(_group_arn(call, request), {"iam:PolicyARN": (request["PolicyArn"],)})]


def both_group_names(call: Call, request: Request) -> list[Target]:
    """The rule of renaming or moving a group: the old ARN and the new one."""
    with call.database.read() as connection:
        group = groups.find(connection, call.caller.account_id, request["GroupName"])
    path = request.get("NewPath", "/" if group is None else group.path)
    new = _arn(call.caller, f"group{path}{request.get('NewGroupName', request['GroupName'])}")
    old = _group_arn(call, request)
    return [Target(arn) for arn in dict.fromkeys((old, new))]


def new_policy(call: Call, request: Request) -> list[Target]:
    """The rule of CreatePolicy. Tags on it need iam:TagPolicy besides."""
    arn = _arn(call.caller, f"policy{request.get('Path', '/')}{request['PolicyName']}")
    target = Target(arn, request_tags(request))
    if request.get("Tags"):
        call.gate.require(call.caller, "iam:TagPolicy", target.arn, target.context)
    return [target]


def named_policy(call: Call, request: Request) -> list[Target]:
    """The rule of what is done to one managed policy, the account's own or AWS's."""
    arn = request["PolicyArn"]
    require_policy_arn(call.caller, arn)
    with call.database.read() as connection:
        policy = policies.find(connection, call.caller.account_id, arn)
        tags = {} if policy is None else identity_tags.of(connection, policy.policy_id)
    return [Target(arn, resource_tags(tags))]


def request_tags(request: Request) -> Context:
    """Return the keys that speak of the tags a request brings, or of the keys it takes away."""
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    keys = tuple(tags) + tuple(request.get("TagKeys", ()))
    context = {f"aws:RequestTag/{key}": (value,) for key, value in tags.items()}
    return {**context, "aws:TagKeys": keys} if keys else context


def resource_tags(tags: Mapping[str, str]) -> Context:
    """Return the keys that speak of the tags a thing has, under both of IAM's names for them."""
    prefixes = ("aws:ResourceTag", "iam:ResourceTag")
    return {f"{prefix}/{key}": (value,) for prefix in prefixes for key, value in tags.items()}


def _arn(caller: Caller, resource: str) -> str:
    return iam_arn(caller.partition, caller.account_id, resource)


def _boundary(arn: str | None) -> Context:
    return {} if arn is None else {"iam:PermissionsBoundary": (arn,)}


def _group_arn(call: Call, request: Request) -> str:
    with call.database.read() as connection:
        group = groups.find(connection, call.caller.account_id, request["GroupName"])
    if group is None:
        return _arn(call.caller, f"group/{request['GroupName']}")
    return group.arn(call.caller.partition)


def _user_target(call: Call, request: Request, more: Context | None = None) -> Target:
    caller = call.caller
    name = request.get("UserName")
    if name is None and caller.principal.kind != "user":
        return Target(caller.principal.arn, more or {})
    with call.database.read() as connection:
        user = (
            users.by_id(connection, caller.principal.unique_id)
            if name is None
            else users.find(connection, caller.account_id, name)
        )
        if user is None:
            return Target(_arn(caller, f"user/{name or caller.principal.user_name}"), more or {})
        return _known_user(connection, caller, user, more or {})


def _known_user(connection: Connection, caller: Caller, user: UserRow, more: Context | None = None) -> Target:
    context = {
        **resource_tags(identity_tags.of(connection, user.user_id)),
        **_boundary(user.boundary_arn),
        **(more or {}),
    }
    return Target(user.arn(caller.partition), context)
