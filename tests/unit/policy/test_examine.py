"""What each kind of policy says by itself, for people who ask why."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moorage.policy import Access, LayerReport, PolicySet, context_keys, decide, examine
from unit.policy.policy_examples import ALICE, HOME, ROOT, named, policy_of, statement
from unit.policy.random_cases import RandomCase, random_case

CASES = st.integers(min_value=0, max_value=2**32).map(lambda seed: random_case(Random(seed)))
REPOSITORY = f"arn:aws:codecommit:us-east-2:{HOME}:demo"
PUSH = Access(ALICE, "codecommit:GitPush", REPOSITORY, {}, HOME)
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def one(*statements: dict[str, Any], access: Access = PUSH) -> LayerReport:
    (report,) = examine(access, PolicySet((named("p", policy_of(*statements)),)))
    return report


@given(CASES)
def test_what_decides_is_among_what_is_found(case: RandomCase) -> None:
    access, policies, resource = case.asked()
    decision = decide(access, policies, resource, resource_policy_must_allow=case.must_allow)
    reports = {report.layer: report for report in examine(access, policies, resource)}
    denies = [report for report in reports.values() if report.verdict == "explicit deny"]
    assert (decision.reason == "explicit deny") is bool(denies)
    if decision.statement is not None:
        found = [match.statement for match in reports[decision.layer].matching]
        assert decision.statement in found
    elif decision.reason == "implicit deny" and decision.layer in reports:
        # A resource policy may allow the principal in its own account, and not here.
        assert reports[decision.layer].verdict == "implicit deny"


def test_every_statement_that_covers_an_access_is_found_not_the_first_alone() -> None:
    policies = (
        named("a", policy_of(statement(Sid="One"), statement("Deny", Sid="Two"), statement(action="s3:*"))),
        named("b", policy_of(statement(action="codecommit:Git*", Sid="Three"))),
    )
    (report,) = examine(PUSH, PolicySet(policies))
    assert [match.statement.sid for match in report.matching] == ["One", "Two", "Three"]


def test_a_statement_with_an_unmet_condition_is_a_near_miss_and_names_the_missing_key() -> None:
    report = one(statement(Condition=MFA), statement(action="s3:*", Condition={"Null": {"aws:x": "true"}}))
    assert report.verdict == "implicit deny"
    (miss,) = report.near
    assert [(each.operator, each.key) for each in miss.unmet] == [("Bool", "aws:MultiFactorAuthPresent")]
    assert report.missing == ("aws:MultiFactorAuthPresent",)


def test_a_variable_without_value_is_missing_and_its_statement_a_near_miss() -> None:
    report = one(statement(resource=f"arn:aws:codecommit:*:{HOME}:${{aws:PrincipalTag/Team}}-*"))
    assert [miss.unmet for miss in report.near] == [()]
    assert report.missing == ("aws:PrincipalTag/Team",)


def test_a_key_that_a_matching_statement_can_do_without_is_still_told() -> None:
    report = one(statement(Condition={"StringNotEqualsIfExists": {"aws:PrincipalTag/Team": "red"}}))
    assert (report.verdict, report.missing) == ("allowed", ("aws:PrincipalTag/Team",))


def test_each_layer_has_its_own_verdict() -> None:
    yes, no = named("yes", policy_of(statement())), named("no", policy_of(statement("Deny")))
    other = named("other", policy_of(statement(action="s3:*")))
    key = named("key", policy_of({**statement(), "Principal": {"AWS": ALICE.arn}}), "resource")
    reports = examine(PUSH, PolicySet((yes,), other, (no,)), key)
    assert [(report.layer, report.verdict) for report in reports] == [
        ("identity-based policy", "allowed"),
        ("permissions boundary", "implicit deny"),
        ("session policy", "explicit deny"),
        ("resource-based policy", "allowed"),
    ]


def test_a_root_user_needs_no_policy() -> None:
    (report,) = examine(Access(ROOT, "codecommit:GitPush", REPOSITORY), PolicySet())
    assert (report.layer, report.verdict) == ("root user", "allowed")


def test_context_keys_are_found_in_conditions_resources_and_values_each_once() -> None:
    documents = [
        named(
            "p",
            policy_of(
                statement(resource="arn:aws:codecommit:*:*:${aws:username}-*"),
                statement(
                    Condition={
                        "StringLike": {"aws:PrincipalTag/Team": ["${aws:userid}", "${saml:sub, 'x'}"]},
                        "Null": {"AWS:Username": "false"},
                    }
                ),
            ),
        ).document
    ]
    assert context_keys(documents) == ["aws:PrincipalTag/Team", "aws:userid", "aws:username", "saml:sub"]
