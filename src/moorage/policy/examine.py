"""What every kind of policy says about an access: for people who want to know why.

`decide` stops at the first statement that settles it; this looks at all, and is in no request's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moorage.core.principal import Principal
from moorage.policy.access import Access, Layer, Reason
from moorage.policy.conditions import Condition, NullCondition
from moorage.policy.decide import Question
from moorage.policy.document import Document, NamedPolicy, PolicySet
from moorage.policy.principals import Grant
from moorage.policy.statement import Statement


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that covers the access, and the policy it stands in."""

    policy: NamedPolicy
    statement: Statement


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A statement about this action and resource that does not cover the access all the same.

    `unmet` are the conditions that do not hold; none, where a variable in Resource has no value.
    """

    policy: NamedPolicy
    statement: Statement
    unmet: tuple[Condition | NullCondition, ...]


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What one kind of policy says. `missing` are condition keys it asks for and the request lacks."""

    layer: Layer
    verdict: Reason
    policies: tuple[NamedPolicy, ...]
    matching: tuple[Match, ...] = ()
    near: tuple[NearMiss, ...] = ()
    missing: tuple[str, ...] = ()


def examine(
    access: Access, policies: PolicySet, resource_policy: NamedPolicy | None = None
) -> tuple[LayerReport, ...]:
    """Return what each kind of policy that bears on an access says, by itself.

    How they combine is `decide`'s affair.
    """
    question = Question(access, bounded=policies.boundary is not None)
    reports = [_of_identity(access, policies.identity, question)]
    if policies.boundary is not None:
        reports.append(_look("permissions boundary", (policies.boundary,), question))
    if policies.session is not None:
        reports.append(_look("session policy", policies.session, question))
    if resource_policy is not None:
        layer: Layer = (
            "role trust policy" if resource_policy.document.kind == "trust" else "resource-based policy"
        )
        reports.append(_look(layer, (resource_policy,), question))
    return tuple(reports)


def context_keys(documents: Iterable[Document]) -> list[str]:
    """Return the condition keys that policies ask for, each once (names differ by more than case), sorted."""
    found: dict[str, str] = {}
    for document in documents:
        for statement in document.statements:
            for key in statement.context_keys:
                found.setdefault(key.lower(), key)
    return sorted(found.values(), key=str.lower)


def _of_identity(access: Access, policies: tuple[NamedPolicy, ...], question: Question) -> LayerReport:
    report = _look("identity-based policy", policies, question)
    is_root = isinstance(access.principal, Principal) and access.principal.kind == "root"
    if is_root and report.verdict == "implicit deny":
        return LayerReport("root user", "allowed", policies)
    return report


def _look(layer: Layer, policies: tuple[NamedPolicy, ...], question: Question) -> LayerReport:
    found: list[Match] = []
    near: list[NearMiss] = []
    missing: dict[str, None] = {}
    for policy in policies:
        for statement in policy.document.about(question.action).all:
            if policy.document.kind != "identity" and question.named_by(statement) is Grant.NONE:
                continue
            fits = question.fits(statement)
            if fits is False:
                continue
            missing.update(dict.fromkeys(question.missing(statement)))
            unmet = question.unmet(statement)
            if fits and not unmet:
                found.append(Match(policy, statement))
            else:
                near.append(NearMiss(policy, statement, unmet))
    return LayerReport(layer, _verdict(found), policies, tuple(found), tuple(near), tuple(missing))


def _verdict(found: Sequence[Match]) -> Reason:
    effects = {match.statement.effect for match in found}
    if "Deny" in effects:
        return "explicit deny"
    return "allowed" if effects else "implicit deny"
