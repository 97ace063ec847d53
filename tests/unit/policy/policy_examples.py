"""Principals, and short ways to ask a policy, for the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from moorage.core.arn import Arn
from moorage.core.principal import Principal, Session
from moorage.policy import Access, Decision, NamedPolicy, PolicySet, decide, parse

Context = Mapping[str, tuple[str, ...]]

HOME = "111111111111"
ABROAD = "222222222222"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)

ALICE = Principal(
    kind="user",
    arn=Arn(f"arn:aws:iam::{HOME}:user/alice"),
    account_id=HOME,
    partition="aws",
    unique_id="AIDAALICEALICEALICE1",
    user_name="alice",
)
ROOT = Principal(
    kind="root", arn=Arn(f"arn:aws:iam::{HOME}:root"), account_id=HOME, partition="aws", unique_id=HOME
)
BUILDER_ROLE = f"arn:aws:iam::{HOME}:role/team/builder"
BUILDER = Principal(
    kind="role-session",
    arn=Arn(f"arn:aws:sts::{HOME}:assumed-role/builder/nightly"),
    account_id=HOME,
    partition="aws",
    unique_id="AROABUILDERBUILDER01:nightly",
    session=Session(NOON, NOON, Arn(BUILDER_ROLE), "AROABUILDERBUILDER01"),
)
GUEST = Principal(
    kind="federated-user",
    arn=Arn(f"arn:aws:sts::{HOME}:federated-user/guest"),
    account_id=HOME,
    partition="aws",
    unique_id=f"{HOME}:guest",
    session=Session(NOON, NOON, ALICE.arn, ALICE.unique_id),
)


def named(name: str, policy: Any, kind: Any = "identity") -> NamedPolicy:
    """Compile a policy given as Python values."""
    return NamedPolicy(name, parse(json.dumps(policy), kind))


def statement(effect: str = "Allow", action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy_of(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@dataclass(frozen=True)
class Case:
    """One identity policy and one request of alice's."""

    policy: Any
    action: str
    resource: str
    context: Context = field(default_factory=dict)

    def decide(self) -> Decision:
        policies = PolicySet((named("policy", self.policy),))
        return decide(Access(ALICE, self.action, self.resource, self.context, HOME), policies)

    def allowed(self) -> bool:
        return self.decide().allowed

    def on(self, resource: str) -> Case:
        return replace(self, resource=resource)

    def with_context(self, context: Context) -> Case:
        return replace(self, context=context)


def reason(policy: Any, action: str, resource: str = "*", context: Context | None = None) -> str:
    return Case(policy, action, resource, context or {}).decide().reason


def allowed(policy: Any, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return Case(policy, action, resource, context or {}).allowed()
