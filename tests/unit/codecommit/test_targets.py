"""What policies may ask of each operation."""

from __future__ import annotations

from typing import Any

import pytest

from identities_at_hand import ACCOUNT
from moorage.core.faults import Fault
from moorage.services.codecommit import codecommit
from moorage.services.codecommit.targets import REFERENCES
from repositories_at_hand import REGION, Desk

ARN = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"


def context(desk: Desk, operation: str, **request: Any) -> dict[str, tuple[str, ...]]:
    (target,) = codecommit.operations[operation].targets(desk.call, request)
    assert target.arn == ARN
    return dict(target.context)


def test_the_branch_that_is_to_be_changed_is_asked_about_by_its_full_name(desk: Desk) -> None:
    for operation in ("CreateBranch", "DeleteBranch"):
        found = context(desk, operation, repositoryName="demo", branchName="a/b", commitId="0" * 40)
        assert found == {REFERENCES: ("refs/heads/a/b",)}


def test_no_other_operation_names_a_reference(desk: Desk) -> None:
    for operation, more in (
        ("GetBranch", {"branchName": "main"}),
        ("UpdateDefaultBranch", {"defaultBranchName": "main"}),
        ("GetCommit", {"commitId": "0" * 40}),
    ):
        assert REFERENCES not in context(desk, operation, repositoryName="demo", **more)


def test_the_tags_of_a_repository_can_be_asked_about_under_both_names(desk: Desk) -> None:
    desk.repository("demo", tags={"team": "core"})
    both = {"aws:ResourceTag/team": ("core",), "codecommit:ResourceTag/team": ("core",)}
    assert context(desk, "GetRepository", repositoryName="demo") == both
    assert context(desk, "UntagResource", resourceArn=ARN, tagKeys=["a"]) == both | {"aws:TagKeys": ("a",)}
    batch = codecommit.operations["BatchGetRepositories"]
    (target,) = batch.targets(desk.call, {"repositoryNames": ["demo", "demo"]})
    assert (target.arn, target.context) == (ARN, both)
    renamed = codecommit.operations["UpdateRepositoryName"]
    targets = renamed.targets(desk.call, {"oldName": "demo", "newName": "new"})
    assert [(target.arn, target.context) for target in targets] == [(ARN, both), (ARN[:-4] + "new", both)]


def test_the_tags_of_a_request_can_be_asked_about(desk: Desk) -> None:
    tags = {"team": "core", "stage": "test"}
    asked = {"aws:RequestTag/team": ("core",), "aws:RequestTag/stage": ("test",)}
    expected = asked | {"aws:TagKeys": ("team", "stage")}
    assert context(desk, "CreateRepository", repositoryName="demo", tags=tags) == expected
    assert context(desk, "TagResource", resourceArn=ARN, tags=tags) == expected
    assert context(desk, "CreateRepository", repositoryName="demo") == {}


def test_listing_is_about_everything(desk: Desk) -> None:
    (target,) = codecommit.operations["ListRepositories"].targets(desk.call, {})
    assert target.arn == "*"


def test_a_guard_of_one_branch_lets_the_others_go_on(desk: Desk) -> None:
    guard = {
        "Effect": "Deny",
        "Action": ["codecommit:CreateBranch", "codecommit:DeleteBranch"],
        "Resource": "*",
        "Condition": {
            "StringEqualsIfExists": {REFERENCES: ["refs/heads/release"]},
            "Null": {REFERENCES: "false"},
        },
    }
    desk.repository("demo")
    user = desk.of_user("mary", {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}, guard)
    assert user.ask("DeleteBranch", repositoryName="demo", branchName="other") == {}
    with pytest.raises(Fault, match="explicit deny"):
        user.ask("DeleteBranch", repositoryName="demo", branchName="release")


def test_form_is_checked_before_anyone_is_asked(desk: Desk) -> None:
    stranger = desk.of_user("stranger")
    for operation, error, request in (
        ("CreateBranch", "InvalidCommitIdException", {"branchName": "b", "commitId": "short"}),
        ("CreateBranch", "InvalidBranchNameException", {"branchName": "a..b", "commitId": "0" * 40}),
        ("GetBranch", "BranchNameRequiredException", {}),
        ("BatchGetCommits", "CommitIdsListRequiredException", {"commitIds": []}),
        ("CreateRepository", "InvalidTagsMapException", {"tags": {"semi;colon": ""}}),
        ("CreateRepository", "EncryptionKeyInvalidIdException", {"kmsKeyId": "aws/codecommit"}),
    ):
        with pytest.raises(Fault, match=error):
            stranger.ask(operation, repositoryName="demo", **request)
        with pytest.raises(Fault, match=r"InvalidRepositoryNameException|RequiredException"):
            stranger.ask(operation, repositoryName="a.git", **request)
