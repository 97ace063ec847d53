"""What a simulation rests on: whose policies, in whose name, with which others beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moorage.core.arn import Arn, iam_arn
from moorage.core.principal import Principal
from moorage.policy import NamedPolicy, PolicyError, PolicySet, parse
from moorage.services.iam import refusals
from moorage.services.iam.subjects import is_aws_managed, named_group
from moorage.storage import identities, roles, users

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.policy.document import PolicyKind
    from moorage.services.iam.service import Request
    from moorage.storage.identities import BoundPolicies, PolicyText

SourceType = Literal["user", "group", "role", "aws-managed", "user-managed", "resource", "none"]

_INLINE = re.compile(r"inline policy (?P<policy>\S+) of (?P<kind>user|group|role) (?P<owner>\S+)")
_SOURCE = re.compile(
    r"arn:(?P<partition>aws(?:-cn|-us-gov)?):iam::(?P<account>[0-9]{12}):(?P<kind>user|group|role)(?P<path>/.+)"
)
_USER = re.compile(
    r"arn:(?P<partition>aws(?:-cn|-us-gov)?):iam::(?P<account>[0-9]{12}):user/(?:[!-~]+/)*(?P<name>[\w+=,.@-]+)"
)


@dataclass(frozen=True, slots=True)
class Source:
    """One policy of a simulation, and what answers call it."""

    policy: NamedPolicy
    source_id: str
    source_type: SourceType


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that a simulated access is decided by.

    `levels` are organization policies from the root down, each of which must allow. `principal` None:
    the simulated caller is somebody of the account about whom nothing is known.
    """

    principal: Principal | None
    identity: tuple[Source, ...]
    boundary: Source | None = None
    resource: Source | None = None
    levels: tuple[tuple[Source, ...], ...] = ()

    @property
    def policies(self) -> PolicySet:
        boundary = None if self.boundary is None else self.boundary.policy
        return PolicySet(tuple(source.policy for source in self.identity), boundary)

    @property
    def sources(self) -> Iterator[Source]:
        yield from self.identity
        yield from (source for level in self.levels for source in level)
        yield from (source for source in (self.boundary, self.resource) if source is not None)

    def source_of(self, policy: NamedPolicy) -> Source:
        """Return what answers call a policy of this simulation."""
        return next(source for source in self.sources if source.policy is policy)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, group or role whose policies are simulated."""

    kind: Literal["user", "group", "role"]
    bound: BoundPolicies
    principal: Principal | None


def require_source_arn(caller: Caller, arn: str) -> re.Match[str]:
    """Refuse what is no user's, group's or role's ARN.

    Raises:
        Fault: InvalidInput.
    """
    match = _SOURCE.fullmatch(arn)
    if match is None or match["partition"] != caller.partition:
        raise refusals.invalid_arn(arn)
    return match


def owner(connection: Connection, caller: Caller, arn: str) -> Owner:
    """Find whose policies `PolicySourceArn` means.

    Raises:
        Fault: InvalidInput; NoSuchEntity, also for another account's.
    """
    match = require_source_arn(caller, arn)
    name = arn.rpartition("/")[2]
    if match["account"] != caller.account_id:
        raise refusals.no_such_principal(arn)
    if match["kind"] == "group":
        group = named_group(connection, caller, name)
        if group.arn(caller.partition) != arn:
            raise refusals.no_such_principal(arn)
        return Owner("group", identities.group_policies(connection, caller.partition, group), None)
    if match["kind"] == "role":
        role = roles.find(connection, caller.account_id, name)
        bound = None if role is None else identities.role_policies(connection, caller.partition, role.role_id)
        if role is None or bound is None or role.arn(caller.partition) != arn:
            raise refusals.no_such_principal(arn)
        return Owner("role", bound, None)
    user = users.find(connection, caller.account_id, name)
    bound = None if user is None else identities.policies_of(connection, caller.partition, user.user_id)
    if user is None or bound is None or user.arn(caller.partition) != arn:
        raise refusals.no_such_principal(arn)
    return Owner("user", bound, user_of(connection, caller, arn))


def user_of(connection: Connection, caller: Caller, arn: str) -> Principal:
    """Return the user of `CallerArn`, who need not exist.

    Raises:
        Fault: InvalidInput, the ARN is no user's.
    """
    match = _USER.fullmatch(arn)
    if match is None or match["partition"] != caller.partition:
        raise refusals.invalid_input(f"Invalid CallerArn {arn}: it must be the ARN of an IAM user.")
    user = users.find(connection, match["account"], match["name"])
    known = user is not None and user.arn(caller.partition) == arn and match["account"] == caller.account_id
    return Principal(
        "user",
        Arn(arn),
        match["account"],
        match["partition"],
        user.user_id if known and user is not None else "",
        user_name=match["name"],
        tags=identities.tags_of(connection, user.user_id) if known and user is not None else {},
    )


def nobody(caller: Caller) -> Principal:
    """Return the stand-in for a caller about whom nothing is said."""
    arn = iam_arn(caller.partition, caller.account_id, "user/simulated")
    return Principal("user", arn, caller.account_id, caller.partition, "")


def given(request: Request, member: str, kind: PolicyKind = "identity") -> tuple[Source, ...]:
    """Compile the policies that a request brings in a list.

    Raises:
        Fault: InvalidInput, naming the policy, the place and the remedy.
    """
    return tuple(
        _compiled(text, f"{member}.{number}", "none", kind)
        for number, text in enumerate(request.get(member, ()), start=1)
    )


def resource_policy(request: Request) -> Source | None:
    """Compile `ResourcePolicy`, if there is one."""
    text = request.get("ResourcePolicy")
    return None if text is None else _compiled(text, "ResourcePolicy", "resource", "resource")


def levels(request: Request) -> tuple[tuple[Source, ...], ...]:
    """Compile the organization policies that a request brings, level by level."""
    return tuple(
        tuple(
            _compiled(
                text,
                f"OrderedOrganizationPolicyInputList.{at}.ServiceControlPolicyInputList.{number}",
                "none",
            )
            for number, text in enumerate(level.get("ServiceControlPolicyInputList", ()), start=1)
        )
        for at, level in enumerate(request.get("OrderedOrganizationPolicyInputList", ()), start=1)
    )


def _compiled(text: str, source_id: str, source_type: SourceType, kind: PolicyKind = "identity") -> Source:
    try:
        return Source(NamedPolicy(source_id, parse(text, kind)), source_id, source_type)
    except PolicyError as error:
        raise refusals.invalid_input(f"{source_id} is malformed: {error}") from error


def bound_sources(
    bound: BoundPolicies, exclusions: Iterable[Mapping[str, Any]]
) -> tuple[tuple[Source, ...], Source | None]:
    """Compile the policies that bind somebody, less those excluded, and the boundary."""
    excluded = tuple(exclusions)
    kept = tuple(_source(text) for text in bound.identity if not _is_excluded(text, excluded))
    no_boundary = any(each.get("PolicyType") == "permission-boundary" for each in excluded)
    return kept, None if bound.boundary is None or no_boundary else _source(bound.boundary)


def _source(text: PolicyText) -> Source:
    inline = _INLINE.fullmatch(text.name)
    if inline is not None:
        source_id = f"{inline['kind']}_{inline['owner']}_{inline['policy']}"
        kinds: dict[str, SourceType] = {"user": "user", "group": "group", "role": "role"}
        return _compiled(text.text, source_id, kinds[inline["kind"]])
    name = text.name.rpartition("/")[2]
    return _compiled(text.text, name, "aws-managed" if is_aws_managed(text.name) else "user-managed")


def _is_excluded(text: PolicyText, exclusions: Sequence[Mapping[str, Any]]) -> bool:
    inline = _INLINE.fullmatch(text.name)
    managed = "aws-managed" if is_aws_managed(text.name) else "user-managed"
    for each in exclusions:
        if each.get("PolicyType") == ("inline" if inline else managed):
            return True
        if inline is None and each.get("PolicyArn") == text.name:
            return True
        named = each.get("InlinePolicyIdentifier")
        if inline is not None and named is not None and _same(inline, named):
            return True
    return False


def _same(inline: re.Match[str], named: Mapping[str, str]) -> bool:
    return (inline["policy"], inline["kind"], inline["owner"]) == (
        named["PolicyName"],
        named["AttachmentType"],
        named["AttachmentName"],
    )
