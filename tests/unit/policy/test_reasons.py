"""What would have to change, told to people."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moorage.policy import Access, Explanation, PolicySet, account_for, text_of
from unit.policy.policy_examples import ABROAD, ALICE, BUILDER, HOME, named, policy_of, statement
from unit.policy.random_cases import RandomCase, random_case

CASES = st.integers(min_value=0, max_value=2**32).map(lambda seed: random_case(Random(seed)))
REPOSITORY = f"arn:aws:codecommit:us-east-2:{HOME}:demo"
PUSH = Access(ALICE, "codecommit:GitPush", REPOSITORY, {"aws:SourceIp": ("10.0.0.1",)}, HOME)
WHAT = f"codecommit:GitPush on {REPOSITORY}"
YES, OTHER = named("yes", policy_of(statement())), named("arn:other", policy_of(statement(action="s3:*")))


def told(policies: PolicySet, access: Access = PUSH, **more: Any) -> Explanation:
    return account_for(access, policies, **more)


@given(CASES)
def test_a_refusal_has_remedies_and_an_allow_has_none(case: RandomCase) -> None:
    access, policies, resource = case.asked()
    found = account_for(access, policies, resource, resource_policy_must_allow=case.must_allow)
    assert found.decision.reason == case.decision().reason
    assert bool(found.remedies) is not found.decision.allowed


def test_where_nothing_allows_a_policy_is_to_be_attached() -> None:
    (remedy,) = told(PolicySet((OTHER,))).remedies
    assert remedy == (f"attach a policy to {ALICE.arn}, or to a group it is in, that allows {WHAT}")


def test_a_sessions_policy_goes_to_its_role() -> None:
    (remedy,) = told(PolicySet(), Access(BUILDER, "codecommit:GitPush", REPOSITORY)).remedies
    assert f"attach a policy to arn:aws:iam::{HOME}:role/team/builder that allows" in remedy


def test_every_deny_is_to_be_removed_and_what_is_missing_besides_is_told_too() -> None:
    guards = policy_of(statement("Deny", Sid="One"), statement("Deny"))
    found = told(PolicySet((named("inline policy guard of user alice", guards),), OTHER))
    assert found.decision.reason == "explicit deny"
    assert [remedy.partition(",")[0] for remedy in found.remedies] == [
        'remove statement "One" of inline policy guard of user alice',
        "remove statement number 2 of inline policy guard of user alice",
        f"attach a policy to {ALICE.arn}",
        f"allow {WHAT} in the permissions boundary arn:other as well",
    ]


def test_a_condition_that_is_not_met_is_named_with_what_the_request_has() -> None:
    wants = statement(
        Sid="Office",
        Condition={
            "IpAddress": {"aws:sourceip": "192.0.2.0/24"},
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
        },
    )
    found = told(PolicySet((named("office", policy_of(wants)),)))
    assert found.remedies[0] == (
        'meet what statement "Office" of office asks: IpAddress aws:sourceip (it is 10.0.0.1); '
        "Bool aws:MultiFactorAuthPresent (the request has no such key)"
    )
    assert found.missing == ("aws:MultiFactorAuthPresent",)


def test_a_variable_without_value_is_to_be_given_one() -> None:
    own = statement(resource=f"arn:aws:codecommit:*:{HOME}:${{aws:PrincipalTag/Team}}")
    assert told(PolicySet((named("own", policy_of(own)),))).remedies[0] == (
        "meet what statement number 1 of own asks: a value for each variable in its Resource "
        "(aws:PrincipalTag/Team)"
    )


def test_session_and_key_policies_have_remedies_of_their_own() -> None:
    found = told(PolicySet((YES,), session=()), resource_policy=None, resource_policy_must_allow=True)
    assert found.remedies == (
        f"allow {ALICE.arn}, or its account, {WHAT} in a policy of the resource",
        f"open the session without a session policy, or with one that allows {WHAT}",
    )
    abroad = Access(ALICE, "kms:Decrypt", f"arn:aws:kms:us-east-2:{ABROAD}:key/k", {}, ABROAD)
    key = named("key policy of k", policy_of({**statement(), "Principal": {"AWS": ABROAD}}), "resource")
    remedies = told(PolicySet(), abroad, resource_policy=key, resource_policy_must_allow=True).remedies
    assert remedies[0] == (
        f"allow {ALICE.arn}, or its account, kms:Decrypt on {abroad.resource} in key policy of k"
    )
    assert remedies[1].startswith("attach a policy to ")


def test_a_statement_is_shown_as_it_is_written() -> None:
    policy = named("p", policy_of(statement(), statement("Deny", Sid="Two")))
    decision = told(PolicySet((policy,))).decision
    assert decision.policy is not None
    assert decision.statement is not None
    assert json.loads(text_of(decision.policy, decision.statement)) == statement("Deny", Sid="Two")
