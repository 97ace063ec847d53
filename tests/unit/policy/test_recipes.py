"""Policies that users really write, as the guides show them."""

from __future__ import annotations

import json

import pytest

from unit.policy.policy_examples import ALICE, Case, allowed, reason

GUARD = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": [
                "codecommit:GitPush",
                "codecommit:DeleteBranch",
                "codecommit:PutFile",
                "codecommit:MergeBranchesByFastForward",
                "codecommit:MergeBranchesBySquash",
                "codecommit:MergeBranchesByThreeWay",
                "codecommit:MergePullRequestByFastForward",
                "codecommit:MergePullRequestBySquash",
                "codecommit:MergePullRequestByThreeWay",
            ],
            "Resource": "arn:aws:codecommit:us-east-2:111111111111:MyDemoRepo",
            "Condition": {
                "StringEqualsIfExists": {
                    "codecommit:References": ["refs/heads/main", "refs/heads/prod"],
                },
                "Null": {"codecommit:References": "false"},
            },
        },
    ],
}
REPOSITORY = "arn:aws:codecommit:us-east-2:111111111111:MyDemoRepo"


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ((), "allowed"),
        (("refs/heads/main",), "explicit deny"),
        (("refs/heads/prod",), "explicit deny"),
        (("refs/heads/feature",), "allowed"),
        (("refs/heads/main2",), "allowed"),
        (("refs/tags/main",), "allowed"),
    ],
)
def test_the_branch_guard_lets_a_push_begin_and_stops_only_its_branches(
    references: tuple[str, ...], expected: str
) -> None:
    context = {"codecommit:References": references} if references else {}
    assert reason(GUARD, "codecommit:GitPush", REPOSITORY, context) == expected


def test_the_branch_guard_without_null_would_stop_every_push_at_its_start() -> None:
    bare = json.loads(json.dumps(GUARD))
    del bare["Statement"][1]["Condition"]["Null"]
    assert reason(bare, "codecommit:GitPush", REPOSITORY) == "explicit deny"


def test_the_branch_guard_of_one_repository_leaves_others_alone() -> None:
    context = {"codecommit:References": ("refs/heads/main",)}
    assert reason(GUARD, "codecommit:GitPush", f"{REPOSITORY}2", context) == "allowed"


OWN_KEYS = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["iam:*SSHPublicKey*", "iam:*ServiceSpecificCredential*"],
        "Resource": "arn:aws:iam::*:user/${aws:username}",
    },
}


def test_a_user_manages_its_own_keys_and_nobody_elses() -> None:
    context = {"aws:username": ("alice",)}
    case = Case(OWN_KEYS, "iam:UploadSSHPublicKey", ALICE.arn, context)
    assert case.allowed()
    assert not case.on("arn:aws:iam::111111111111:user/alice2").allowed()
    assert not case.on("arn:aws:iam::111111111111:user/bob").allowed()
    assert not case.with_context({}).allowed()


def test_a_user_named_with_wildcards_gains_nothing() -> None:
    for name in ("*", "?ob", "b*"):
        context = {"aws:username": (name,)}
        assert not allowed(OWN_KEYS, "iam:ListSSHPublicKeys", "arn:aws:iam::111111111111:user/bob", context)
        assert allowed(OWN_KEYS, "iam:ListSSHPublicKeys", f"arn:aws:iam::111111111111:user/{name}", context)


def test_a_variable_names_the_repositories_of_a_user() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "codecommit:*",
            "Resource": "arn:aws:codecommit:*:*:${aws:username}-*",
        },
    }
    case = Case(policy, "codecommit:GitPull", "arn:aws:codecommit:us-east-2:111111111111:alice-notes")
    assert case.with_context({"aws:username": ("alice",)}).allowed()
    assert not case.with_context({"aws:username": ("bob",)}).allowed()
    assert not case.with_context({}).allowed()
