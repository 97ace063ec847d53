"""Compiled policies: what `parse` makes and `decide` asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from moorage.policy.by_beginning import ByBeginning
from moorage.policy.conditions import Condition, NullCondition
from moorage.policy.patterns import ActionPattern, ResourcePattern
from moorage.policy.principals import PrincipalPattern
from moorage.policy.templates import Keys

Effect = Literal["Allow", "Deny"]
PolicyKind = Literal["identity", "resource", "trust"]


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


# Actions whose statements a document keeps at hand. There are fewer that anyone really asks for.
_KEPT_ACTIONS = 500


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed policy. `version` is 2008-10-17 where the text names none."""

    kind: PolicyKind
    version: str
    statements: tuple[Statement, ...]
    policy_id: str = ""
    text: str = field(default="", repr=False, compare=False)
    _about: dict[str, ByBeginning] = field(default_factory=dict, init=False, repr=False, compare=False)

    def about(self, action: str) -> ByBeginning:
        """Return the statements that can be about an action, given in lower case.

        Found once for each action and kept: of a large policy few statements are about any one.
        """
        found = self._about.get(action)
        if found is None:
            found = ByBeginning(statement for statement in self.statements if statement.is_about(action))
            if len(self._about) >= _KEPT_ACTIONS:
                self._about.clear()
            self._about[action] = found
        return found


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy and what to call it: its ARN, or `inline policy X of user Y`."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies of one principal. May be kept and used for many requests.

    `session` None means that no session policy limits the principal; an empty tuple is a session
    policy that allows nothing, as GetFederationToken without policy gives.
    """

    identity: tuple[NamedPolicy, ...] = ()
    boundary: NamedPolicy | None = None
    session: tuple[NamedPolicy, ...] | None = None

    def __iter__(self) -> Iterator[NamedPolicy]:
        yield from self.identity
        if self.boundary is not None:
            yield self.boundary
        yield from self.session or ()


def mentions(policies: Iterable[NamedPolicy], service_prefix: str, *, effect: Effect | None = None) -> bool:
    """Tell whether any statement can be about a service, so that a check may be skipped.

    `effect` narrows the question to statements that allow, or deny.
    """
    prefix = service_prefix.lower()
    return any(
        statement.mentions(prefix)
        for policy in policies
        for statement in policy.document.statements
        if effect is None or statement.effect == effect
    )
