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
from moorage.storage import access_keys, identity_tags, policies, users
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.call import Call
    from moorage.services.iam.owners import Owner
    from moorage.services.iam.service import Request

Context = Mapping[str, tuple[str, ...]]
Rule = Callable[["Call", "Request"], Iterable[Target]]


def everything_of_kind(kind: str) -> Rule:
    """The rule of lists: `user/`, `group/` or `policy/` with the path prefix asked for."""

    def rule(call: Call, request: Request) -> list[Target]:
        prefix = request.get("PathPrefix", "/")
        return [Target(_arn(call.caller, f"{kind}{prefix}"))]

    return rule


def named_user(call: Call, request: Request) -> list[Target]:
    """The rule of what is done to one user, or to the caller where no name is given."""
    return [_user_target(call, request)]


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
        return [Target(_arn(caller, "user/")) if user is None else known(connection, caller, user)]


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


def boundary(arn: str | None) -> Context:
    """Return the key that speaks of a boundary, where there is one."""
    return {} if arn is None else {"iam:PermissionsBoundary": (arn,)}


def known(connection: Connection, caller: Caller, owner: Owner, more: Context | None = None) -> Target:
    """Return what policies see of something that exists: its ARN, its tags, its boundary."""
    bounds = owner.boundary_arn if isinstance(owner, UserRow | RoleRow) else None
    context = {
        **resource_tags(identity_tags.of(connection, owner.unique_id)),
        **boundary(bounds),
        **(more or {}),
    }
    return Target(owner.arn(caller.partition), context)


def _arn(caller: Caller, resource: str) -> str:
    return iam_arn(caller.partition, caller.account_id, resource)


def _user_target(call: Call, request: Request) -> Target:
    caller = call.caller
    name = request.get("UserName")
    if name is None and caller.principal.kind != "user":
        return Target(caller.principal.arn)
    with call.database.read() as connection:
        user = (
            users.by_id(connection, caller.principal.unique_id)
            if name is None
            else users.find(connection, caller.account_id, name)
        )
        if user is None:
            return Target(_arn(caller, f"user/{name or caller.principal.user_name}"))
        return known(connection, caller, user)
