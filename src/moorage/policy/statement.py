"""One compiled statement of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from moorage.policy.conditions import Condition, NullCondition
from moorage.policy.patterns import ActionPattern, ResourcePattern
from moorage.policy.principals import PrincipalPattern
from moorage.policy.templates import Keys

Effect = Literal["Allow", "Deny"]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement. `index` counts from 1; `sid` is empty where none is written.

    `not_action` and `not_resource` tell that the pattern lists the exceptions; a statement without
    `resources` (of a trust policy) is about the resource that it belongs to.
    """

    index: int
    sid: str
    effect: Effect
    actions: ActionPattern = field(repr=False)
    not_action: bool
    resources: ResourcePattern | None = field(repr=False)
    not_resource: bool
    principals: PrincipalPattern | None = field(repr=False)
    conditions: tuple[Condition | NullCondition, ...] = field(repr=False)
    # Every condition key that its conditions and variables ask for, as written.
    context_keys: tuple[str, ...] = field(default=(), repr=False)

    def is_about(self, action: str) -> bool:
        """Tell whether the statement can be about an action, given in lower case."""
        return self.actions.matches(action) is not self.not_action

    def fits(self, resource: str, parts: Sequence[str] | None, keys: Keys) -> bool | None:
        """Tell whether a resource is meant; None where a variable without value leaves it open.

        `parts` is split_arn(resource), `keys` has lower-case names.
        """
        if self.resources is None:
            return True
        fits = self.resources.matches(resource, parts, keys)
        return None if fits is None else fits is not self.not_resource

    def covers(self, resource: str, parts: Sequence[str] | None, keys: Keys) -> bool:
        """Tell whether a statement that is about a request's action is about the request.

        The arguments are those of `fits`. A variable without value matches nothing, in Resource and
        in NotResource alike.
        """
        if not self.fits(resource, parts, keys):
            return False
        return all(condition.holds(keys) for condition in self.conditions)

    def mentions(self, service_prefix: str) -> bool:
        """Tell whether the statement can be about any action of a service, as `kms`."""
        if self.not_action:
            return not (self.actions.everything or self.actions.prefixes.get(service_prefix, False))
        return self.actions.everything or service_prefix in self.actions.prefixes
