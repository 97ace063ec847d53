"""Attacks on the API by callers who have some rights: each test is named for the hole it looks for."""

from __future__ import annotations

from typing import Any

import pytest

from codecommit_at_hand import allow, deny
from identities_at_hand import ACCOUNT
from merges_at_hand import Sides
from moorage.core.faults import Fault
from moorage.services.codecommit import codecommit
from repositories_at_hand import REGION, Desk

REPOSITORY = {"repositoryName": "demo"}
ARN = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"

# The recipe of service.md section 5.3, with what it leaves out.
GUARD = deny(
    "codecommit:GitPush",
    "codecommit:*Branch*",
    "codecommit:*File",
    "codecommit:CreateCommit",
    "codecommit:Merge*",
    Condition={
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
        "Null": {"codecommit:References": "false"},
    },
)


def refusal(desk: Desk, operation: str, **request: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        desk.ask(operation, **request)
    return caught.value


@pytest.fixture
def sides(desk: Desk) -> Sides:
    """Branches main (the default) and topic, which merge."""
    made = Sides.of(desk, {"a": "a\n"}, {"a": "a\n", "m": "m\n"}, {"a": "a\n", "t": "t\n"})
    desk.ask("UpdateDefaultBranch", **REPOSITORY, defaultBranchName="main")
    return made


# --- guarded branches -----------------------------------------------------------------------


@pytest.mark.parametrize("option", ["FastForward", "Squash", "ThreeWay"])
def test_a_guarded_branch_is_reached_by_no_way_of_naming_it(sides: Sides, option: str) -> None:
    guarded = sides.desk.of_user("guarded", allow("codecommit:*"), GUARD)
    tip = sides.tip("main")
    sides.commit("refs/tags/mark", {"a": "a\n"}, tip)
    reached: list[dict[str, str]] = [
        {"destinationCommitSpecifier": "main"},
        {"destinationCommitSpecifier": "refs/heads/main"},
        {"destinationCommitSpecifier": "HEAD"},
        {"destinationCommitSpecifier": tip, "targetBranch": "main"},
        {"destinationCommitSpecifier": tip.upper(), "targetBranch": "main"},
        {"destinationCommitSpecifier": "refs/tags/mark", "targetBranch": "main"},
        {"destinationCommitSpecifier": "HEAD", "targetBranch": "main"},
        {"destinationCommitSpecifier": "topic", "targetBranch": "main"},
    ]
    for named in reached:
        request = {**REPOSITORY, "sourceCommitSpecifier": "topic", **named}
        assert refusal(guarded, f"MergeBranchesBy{option}", **request).code == "AccessDenied"
    missed: list[dict[str, str]] = [
        {"destinationCommitSpecifier": "MAIN"},
        {"destinationCommitSpecifier": "refs/Heads/main"},
        {"destinationCommitSpecifier": "heads/main"},
        {"destinationCommitSpecifier": "head"},
        {"destinationCommitSpecifier": "HEAD", "targetBranch": "topic"},
        {"destinationCommitSpecifier": "main", "targetBranch": "topic"},
        {"destinationCommitSpecifier": tip},
        {"destinationCommitSpecifier": tip, "targetBranch": "topic"},
        {"destinationCommitSpecifier": tip, "targetBranch": "refs/heads/main"},
    ]
    for named in missed:
        request = {**REPOSITORY, "sourceCommitSpecifier": "topic", **named}
        refusal(guarded, f"MergeBranchesBy{option}", **request)
    assert sides.tip("main") == tip


@pytest.mark.parametrize("option", ["Squash", "ThreeWay"])
def test_head_that_becomes_a_guarded_branch_after_the_gate_was_asked_is_asked_about_again(
    sides: Sides, option: str
) -> None:
    guarded = sides.desk.of_user("guarded", allow("codecommit:*"), GUARD)
    sides.commit("feature", {"a": "a\n"}, sides.tip("main"))
    sides.desk.ask("UpdateDefaultBranch", **REPOSITORY, defaultBranchName="feature")
    tip = sides.tip("main")
    operation = codecommit.operations[f"MergeBranchesBy{option}"]
    request = {**REPOSITORY, "sourceCommitSpecifier": "topic", "destinationCommitSpecifier": "HEAD"}
    for target in operation.targets(guarded.call, request):
        guarded.call.gate.require(guarded.caller, operation.action, target.arn, target.context)
    sides.desk.ask("UpdateDefaultBranch", **REPOSITORY, defaultBranchName="main")
    with pytest.raises(Fault, match="is not authorized to perform"):
        operation.handle(guarded.call, request)
    assert sides.tip("main") == tip
