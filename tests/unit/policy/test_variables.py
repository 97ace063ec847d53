"""Policy variables: where they work, what they are filled with, and what happens when they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from unit.policy.policy_examples import allowed, policy_of, reason, statement
from unit.policy.test_operators import holds

REPOSITORY = "arn:aws:codecommit:us-east-2:111111111111:{}"


def may_pull(resource: str, name: str, **context: tuple[str, ...]) -> bool:
    keys = {key.replace("_", ":", 1): values for key, values in context.items()}
    return allowed(
        policy_of(statement(resource=resource)), "codecommit:GitPull", REPOSITORY.format(name), keys
    )


def test_a_variable_is_filled_from_the_request_in_any_case_of_its_name() -> None:
    for name in ("aws:username", "AWS:UserName", " aws:username "):
        resource = REPOSITORY.format(f"${{{name}}}-*")
        assert may_pull(resource, "alice-x", aws_username=("alice",))
        assert not may_pull(resource, "bob-x", aws_username=("alice",))


def test_a_default_stands_in_for_an_absent_key_only() -> None:
    resource = REPOSITORY.format("${aws:PrincipalTag/team, 'common'}-*")
    assert may_pull(resource, "common-x")
    assert not may_pull(resource, "common-x", **{"aws_PrincipalTag/team": ("red",)})
    assert may_pull(resource, "red-x", **{"aws_PrincipalTag/team": ("red",)})
    assert not may_pull(resource, "common-x", **{"aws_PrincipalTag/team": ("red", "blue")})


def test_a_default_may_hold_a_brace_and_is_taken_literally() -> None:
    assert holds("StringLike", "${svc:none, 'a}*'}", "a}*")
    assert not holds("StringLike", "${svc:none, 'a}*'}", "a}bc")
    assert holds("StringEquals", "x${svc:none, ''}y", "xy")


@pytest.mark.parametrize("character", ["*", "?", "$"])
def test_an_escape_means_the_character_itself(character: str) -> None:
    assert holds("StringLike", f"a${{{character}}}b", f"a{character}b")
    assert not holds("StringLike", f"a${{{character}}}b", "axb")
    assert holds("StringEquals", f"a${{{character}}}b", f"a{character}b")
    assert may_pull(REPOSITORY.format(f"a${{{character}}}b"), f"a{character}b")
    assert not may_pull(REPOSITORY.format(f"a${{{character}}}b"), "axb")


def test_a_value_with_wildcards_matches_only_itself() -> None:
    assert not may_pull(REPOSITORY.format("${aws:username}"), "anything", aws_username=("*",))
    assert not holds("StringLike", "${aws:username}", "bob", aws_username=("b?b",))
    assert holds("StringLike", "${aws:username}", "b?b", aws_username=("b?b",))
    assert not holds(
        "ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::1:user/b", aws_username=("*",)
    )


def test_a_value_that_looks_like_a_variable_is_not_filled_again() -> None:
    assert not holds("StringEquals", "${svc:a}", "secret", svc_a=("${svc:b}",), svc_b=("secret",))
    assert holds("StringEquals", "${svc:a}", "${svc:b}", svc_a=("${svc:b}",), svc_b=("secret",))


def test_a_colon_of_a_value_does_not_begin_another_part_of_an_arn() -> None:
    resource = "arn:aws:codecommit:${svc:place}:demo"
    assert not may_pull(resource, "demo", svc_place=("us-east-2:111111111111",))
    assert may_pull("arn:aws:codecommit:*:*:${svc:name}", "a:b", svc_name=("a:b",))


def test_a_variable_may_stand_for_a_whole_arn() -> None:
    own = "arn:aws:iam::1:user/alice"
    assert holds("ArnEquals", "${aws:PrincipalArn}", own, aws_PrincipalArn=(own,))
    assert not holds("ArnEquals", "${aws:PrincipalArn}", f"{own}2", aws_PrincipalArn=(own,))
    assert holds("ArnLike", "${aws:PrincipalArn}/*", f"{own}/x", aws_PrincipalArn=(own,))
    assert not holds("ArnLike", "${svc:other}", "no arn", svc_other=("no arn",))


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_resource_whose_variable_has_no_value_matches_nothing(effect: str) -> None:
    other = statement("Deny" if effect == "Allow" else "Allow", action="svc:Other")
    for element in ("Resource", "NotResource"):
        about = statement(effect, **{element: REPOSITORY.format("${aws:username}")})
        if element == "NotResource":
            del about["Resource"]
        policy = policy_of(about, other)
        assert reason(policy, "codecommit:GitPull", REPOSITORY.format("demo")) == "implicit deny"


def test_a_pattern_without_value_leaves_the_other_patterns_of_a_resource_their_say() -> None:
    resources = [REPOSITORY.format("${aws:username}"), REPOSITORY.format("demo")]
    policy = policy_of(statement(resource=resources))
    assert allowed(policy, "codecommit:GitPull", REPOSITORY.format("demo"))
    assert not allowed(policy, "codecommit:GitPull", REPOSITORY.format("other"))


@pytest.mark.parametrize(
    ("operator", "operand"),
    [
        ("StringEquals", "${svc:none}"),
        ("StringNotEquals", "${svc:none}"),
        ("StringLike", "${svc:none}*"),
        ("StringNotLike", "${svc:none}*"),
        ("StringNotEqualsIgnoreCase", "${svc:none}"),
        ("ArnLike", "arn:aws:iam::1:${svc:none}"),
        ("ArnNotLike", "arn:aws:iam::1:${svc:none}"),
        ("ArnNotEquals", "${svc:none}"),
        ("ForAnyValue:StringNotEquals", "${svc:none}"),
        ("ForAllValues:StringNotEquals", "${svc:none}"),
    ],
)
def test_a_comparison_with_a_variable_without_value_is_never_true(operator: str, operand: str) -> None:
    assert not holds(operator, operand, "arn:aws:iam::1:user/alice")


def test_a_negated_comparison_known_without_the_variable_is_decided() -> None:
    assert not holds("StringNotEquals", ["x", "${svc:none}"], "x")
    assert holds("StringEquals", ["x", "${svc:none}"], "x")
    assert holds("ArnNotLike", "arn:aws:s3:::${svc:none}", "arn:aws:iam::1:user/alice")


def test_an_absent_key_is_judged_before_the_variables_of_its_values() -> None:
    assert holds("StringNotEquals", "${svc:none}")
    assert holds("StringEqualsIfExists", "${svc:none}")


def test_the_old_version_of_the_language_has_no_variables() -> None:
    plain = statement(Condition={"StringEquals": {"svc:a": "${svc:b}"}})
    like = statement(Condition={"StringLike": {"svc:a": "${*}"}})
    for version in ({"Version": "2008-10-17"}, {}):
        policy: dict[str, Any] = {**version, "Statement": plain}
        assert allowed(policy, "svc:Act", "*", {"svc:a": ("${svc:b}",)})
        assert not allowed(policy, "svc:Act", "*", {"svc:a": ("b",), "svc:b": ("b",)})
        assert allowed({**version, "Statement": like}, "svc:Act", "*", {"svc:a": ("${anything}",)})
