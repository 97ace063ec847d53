"""Whether approval rules are met: pure, of rules and of who approves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from moorage.repos.approval.content import RuleContent
from moorage.repos.approval.pools import in_pool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the rules of a pull request's current revision stand; names of rules in order.

    `approved` says that every rule is met, whether or not somebody put the rules aside
    (`overridden`). Either is enough for a merge: ask `may_merge`.
    """

    approved: bool
    overridden: bool
    satisfied: tuple[str, ...]
    not_satisfied: tuple[str, ...]

    @property
    def may_merge(self) -> bool:
        return self.approved or self.overridden


def is_met(content: RuleContent, approvers: Collection[str]) -> bool:
    """Tell whether every statement has as many distinct approvers in its pool as it needs (their ARNs)."""
    distinct = set(approvers)
    return all(
        sum(1 for arn in distinct if not one.pool or in_pool(one.pool, arn)) >= one.needed
        for one in content.statements
    )


def evaluate_rules(
    rules: Iterable[tuple[str, RuleContent]], approvers: Collection[str], *, overridden: bool
) -> Evaluation:
    """Judge rules, given with their names, by the ARNs of those who approve."""
    met: list[str] = []
    unmet: list[str] = []
    for name, content in rules:
        (met if is_met(content, approvers) else unmet).append(name)
    return Evaluation(not unmet, overridden, tuple(met), tuple(unmet))
