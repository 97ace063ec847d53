"""Rules of the evaluation logic that have no exceptions, over random policies."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.policy import explain, why
from unit.policy.policy_examples import policy_of, statement
from unit.policy.random_cases import RandomCase, compiled, random_case

CASES = st.integers(min_value=0, max_value=2**32).map(lambda seed: random_case(Random(seed)))
DENY_ALL = policy_of(statement("Deny"))
ALLOW_ALL = policy_of(statement())


def with_policies(case: RandomCase, **changes: Any) -> RandomCase:
    policies = case.policies._replace(**changes)
    return replace(case, policies=policies, compiled=compiled(policies))


@settings(deadline=None)
@given(CASES)
def test_adding_a_matching_deny_always_denies(case: RandomCase) -> None:
    for changes in (
        {"identity": [*case.policies.identity, DENY_ALL]},
        {"boundary": DENY_ALL},
        {"session": [DENY_ALL]},
        {"resource": policy_of({**statement("Deny"), "Principal": "*"}), "resource_kind": "resource"},
    ):
        assert with_policies(case, **changes).decision().reason == "explicit deny"


@settings(deadline=None)
@given(CASES)
def test_adding_an_allow_never_takes_an_access_away(case: RandomCase) -> None:
    more = with_policies(case, identity=[*case.policies.identity, ALLOW_ALL])
    if case.decision().allowed:
        assert more.decision().allowed
    assert (case.decision().reason == "explicit deny") is (more.decision().reason == "explicit deny")


@settings(deadline=None)
@given(CASES)
def test_a_boundary_or_a_session_policy_never_adds_an_access(case: RandomCase) -> None:
    free = with_policies(case, boundary=None, session=None)
    if case.decision().allowed and not case.policies.resource:
        assert free.decision().allowed
    wide = with_policies(case, boundary=case.policies.boundary, session=[ALLOW_ALL])
    if wide.decision().allowed:
        assert with_policies(case, session=None).decision().allowed


@settings(deadline=None)
@given(CASES)
def test_the_order_of_policies_and_statements_does_not_matter(case: RandomCase) -> None:
    def turned(policy: Any) -> Any:
        statements = policy["Statement"]
        return {**policy, "Statement": statements[::-1] if isinstance(statements, list) else statements}

    other = with_policies(case, identity=[turned(each) for each in case.policies.identity[::-1]])
    if case.policies.resource:
        other = with_policies(other, resource=turned(case.policies.resource))
    assert other.fast() == case.fast()


@settings(deadline=None)
@given(CASES)
def test_another_account_is_never_allowed_more(case: RandomCase) -> None:
    home = replace(case, access=replace(case.access, resource_account=""))
    abroad = replace(case, access=replace(case.access, resource_account="333333333333"))
    if abroad.decision().allowed:
        assert home.decision().allowed


@settings(deadline=None)
@given(CASES)
def test_every_decision_can_be_explained_and_names_its_statement(case: RandomCase) -> None:
    decision = case.decision()
    assert decision.allowed is (decision.reason == "allowed")
    assert explain(decision, case.access) in why(decision, case.access)
    if decision.reason == "explicit deny":
        assert decision.statement is not None
        assert decision.statement.effect == "Deny"
    if decision.statement is not None:
        assert decision.policy is not None
        assert decision.statement in decision.policy.document.statements


@settings(deadline=None)
@given(CASES, st.dictionaries(st.text(), st.lists(st.text()).map(tuple)), st.text(), st.text())
def test_no_request_is_too_odd_to_decide(
    case: RandomCase, context: dict[str, tuple[str, ...]], action: str, resource: str
) -> None:
    keys = {
        name: next(iter(context.values()), ()) for name in json.loads(json.dumps(list(case.access.context)))
    }
    odd = replace(case.access, action=action, resource=resource, context={**context, **keys})
    replace(case, access=odd).decision()
