"""Compiled policies: what `parse` makes and `decide` asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from moorage.policy.by_beginning import ByBeginning
from moorage.policy.statement import Effect, Statement

PolicyKind = Literal["identity", "resource", "trust"]


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
