"""Guards of branches that leave a way open are named by their statement, and whole ones are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor_at_hand import Home
from moorage.client.doctor import own_policies, policies, policy_checks
from moorage.client.doctor.own_policies import NotReadable, Place, Policy
from moorage.client.doctor.policy_checks import DIRECT, REVIEWED, NotAPolicy
from moorage.client.machine import Machine

MAIN = ["refs/heads/main"]
MERGES = [f"codecommit:{action}" for action in (*DIRECT[-3:], *REVIEWED)]
AWS_RECIPE = ["codecommit:GitPush", "codecommit:DeleteBranch", "codecommit:PutFile", *MERGES]
WHOLE = [*AWS_RECIPE, "codecommit:CreateCommit", "codecommit:DeleteFile"]
ALLOW = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}


def deny(actions: str | list[str], branches: list[str] = MAIN, **changed: Any) -> dict[str, Any]:
    condition = {
        "StringEqualsIfExists": {"codecommit:References": branches},
        "Null": {"codecommit:References": "false"},
    }
    return {
        "Sid": "Guard",
        "Effect": "Deny",
        "Action": actions,
        "Resource": "*",
        "Condition": condition,
    } | changed


def judged(*statements: dict[str, Any]) -> list[tuple[str, str]]:
    parsed = policy_checks.parse("P", json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return [(finding.id, finding.problem) for finding in policy_checks.check(parsed)]


def test_awss_own_recipe_forgets_two_actions() -> None:
    [(known_as, problem)] = judged(ALLOW, deny(AWS_RECIPE))
    assert known_as == "guard-forgets-actions"
    assert problem == "A policy guards refs/heads/main against pushes and forgets CreateCommit, DeleteFile."


@pytest.mark.parametrize(
    "statements",
    [
        [deny(WHOLE)],
        [deny("codecommit:*")],
        [deny("CODECOMMIT:*")],
        [deny([], NotAction="codecommit:Git?ull")],
        [deny(["codecommit:GitPush"]), deny(WHOLE[1:])],
        [deny(["codecommit:GitPush"]), deny(WHOLE[1:], ["refs/heads/*"])],
        [deny(["codecommit:GitPush"]), {"Effect": "Deny", "Action": WHOLE[1:], "Resource": "*"}],
        [deny([*(f"codecommit:{each}" for each in DIRECT), "codecommit:GitPush"])],  # merges by review alone
        [{"Effect": "Allow", "Action": "codecommit:GitP*", "Resource": "*"}, deny(AWS_RECIPE)],
        [{"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*"}],
        [ALLOW],
    ],
)
def test_a_guard_without_a_gap_is_not_reported(statements: list[dict[str, Any]]) -> None:
    for each in statements:
        if each.get("NotAction"):
            del each["Action"]
    assert judged(*statements) == []


@pytest.mark.parametrize(
    "other",
    [
        deny(WHOLE[1:], ["refs/heads/next"]),
        deny(WHOLE[1:], Resource="arn:aws:codecommit:us-east-1:123456789012:other"),
        deny(WHOLE[1:], Effect="Allow"),
        deny(WHOLE[1:], Condition={"StringNotEquals": {"codecommit:References": MAIN}}),
        deny(WHOLE[1:], Condition={"Bool": {"aws:MultiFactorAuthPresent": False}}),
    ],
)
def test_a_statement_about_something_else_closes_no_gap(other: dict[str, Any]) -> None:
    [(known_as, problem)] = judged(deny(["codecommit:GitPush"]), other)
    assert known_as == "guard-forgets-actions"
    assert "CreateCommit, PutFile, DeleteFile, DeleteBranch" in problem


@pytest.mark.parametrize(
    ("condition", "stops"),
    [
        ({"StringEqualsIfExists": {"codecommit:References": MAIN}}, True),
        ({"StringNotLike": {"codecommit:References": "refs/heads/me/*"}}, True),
        ({"ForAllValues:StringLike": {"codecommit:References": MAIN}}, True),
        ({"StringEquals": {"codecommit:References": MAIN}}, False),
        ({"StringNotLike": {"codecommit:References": MAIN}, "Null": {"codecommit:References": False}}, False),
        ({"StringNotLike": {"codecommit:References": MAIN}, "Null": {"codecommit:references": "true"}}, True),
    ],
)
def test_a_condition_that_holds_without_a_branch_stops_every_push(
    condition: dict[str, Any], stops: bool
) -> None:
    found = judged(deny(WHOLE, Condition=condition))
    assert [known_as for known_as, _ in found] == (["guard-stops-every-push"] if stops else [])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"Statement": 3}', '{"Statement": [{}]}', "[" * 100_000]
)
def test_what_is_no_policy_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotAPolicy, match="P"):
        policy_checks.parse("P", text)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.text() | st.booleans(), lambda it: st.lists(it) | st.dictionaries(st.text(), it)
    )
)
def test_odd_statements_are_refused_or_read(told: object) -> None:
    try:
        parsed = policy_checks.parse(
            "P", json.dumps({"Statement": [{"Effect": "Deny", "Condition": told, "Action": told}]})
        )
    except NotAPolicy:
        return
    assert isinstance(list(policy_checks.check(parsed)), list)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("a*c", "abbc", True), ("a?c", "abc", True), ("a?c", "ac", False), ("*", "", True), ("[a]", "a", False)],
)
def test_wildcards_are_iams(pattern: str, text: str, fits: bool) -> None:
    assert policy_checks.matches(pattern, text) is fits


def test_a_hostile_pattern_takes_no_long_time() -> None:
    assert not policy_checks.matches("*a" * 500 + "b", "a" * 1000)


def test_the_command_judges_a_file_and_refuses_what_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    file = home.home / "guard.json"
    home.write(file, json.dumps({"Statement": deny(AWS_RECIPE)}))
    said = home.doctor("--policy", str(file))
    assert said.status == 1
    assert "[guard-forgets-actions]" in said.out
    assert "statement 1 (Guard) of " in said.out
    home.write(file, "nonsense")
    assert home.doctor("--policy", str(file)).status == 2


def test_the_callers_own_policies_are_read_once_for_each_profile(tmp_path: Path) -> None:
    home = Home(tmp_path)
    asked: list[tuple[Place, str | None]] = []

    def read(_: Machine, place: Place, profile: str | None) -> Iterator[Policy]:
        asked.append((place, profile))
        yield Policy("inline policy Guard of user mary", json.dumps({"Statement": [ALLOW, deny(AWS_RECIPE)]}))
        raise NotReadable("ListGroupsForUser: not allowed")

    found = policies.findings(home.machine, home.facts(), [], own=True, read=read)
    assert asked == [(own_policies.of_aws("us-east-1"), None)]
    assert [finding.id for finding in found] == ["guard-forgets-actions", "policies-not-read"]
    assert found[0].evidence == "statement 2 (Guard) of inline policy Guard of user mary"


def test_endpoints_are_those_of_the_regions_partition() -> None:
    assert own_policies.of_aws("eu-west-1").iam == "https://iam.amazonaws.com/"
    assert own_policies.of_aws("cn-north-1").sts == "https://sts.cn-north-1.amazonaws.com.cn/"
    assert own_policies.of_aws("us-gov-east-1").iam_region == "us-gov-west-1"
