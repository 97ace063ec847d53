"""Attacks on the API by callers who have some rights: each test is named for the hole it looks for."""

from __future__ import annotations

from typing import Any

import pytest

from codecommit_at_hand import allow, deny
from identities_at_hand import ACCOUNT
from merges_at_hand import WHO, Sides
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.repos.authoring import building
from moorage.repos.publish import Proposal
from moorage.services.codecommit import codecommit
from moorage.storage.repositories import RefChange
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

GUARD_OF_TOPIC = deny(
    "codecommit:*",
    Condition={"StringEquals": {"codecommit:References": ["refs/heads/topic"]}},
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


def test_a_fast_forward_to_head_asks_about_the_branch_that_head_is(sides: Sides) -> None:
    guarded = sides.desk.of_user("guarded", allow("codecommit:*"), GUARD)
    topic = sides.tip("topic")
    sides.desk.ask("CreateBranch", **REPOSITORY, branchName="behind", commitId=topic)
    sides.desk.ask("UpdateDefaultBranch", **REPOSITORY, defaultBranchName="behind")
    request = {**REPOSITORY, "sourceCommitSpecifier": "topic", "destinationCommitSpecifier": "HEAD"}
    assert guarded.ask("MergeBranchesByFastForward", **request)["commitId"] == topic


@pytest.mark.parametrize("option", ["FastForward", "Squash", "ThreeWay"])
def test_a_pull_request_into_a_guarded_branch_is_merged_by_no_repository_named_beside_it(
    sides: Sides, option: str
) -> None:
    desk = sides.desk
    desk.repository("other")
    number = _pull_request(desk)
    guarded = desk.of_user("guarded", allow("codecommit:*"), GUARD)
    for name in ("demo", "other", "nowhere"):
        asked = {"pullRequestId": number, "repositoryName": name}
        assert refusal(guarded, f"MergePullRequestBy{option}", **asked).code == "AccessDenied"


def test_a_right_to_merge_is_enough_without_a_right_to_push_and_no_more_than_that(sides: Sides) -> None:
    number = _pull_request(sides.desk)
    merger = sides.desk.of_user("merger", allow("codecommit:MergePullRequestBySquash"), GUARD_OF_TOPIC)
    request = {
        **REPOSITORY,
        "branchName": "main",
        "filePath": "x",
        "fileContent": "eA==",
        "parentCommitId": sides.tip("main"),
    }
    assert refusal(merger, "PutFile", **request).code == "AccessDenied"
    merge = {**REPOSITORY, "pullRequestId": number}
    assert refusal(merger, "MergePullRequestByThreeWay", **merge).code == "AccessDenied"
    assert merger.ask("MergePullRequestBySquash", **merge)["pullRequest"]["pullRequestStatus"] == "CLOSED"


# --- what is of somebody else ---------------------------------------------------------------


def test_an_object_of_one_repository_is_reached_through_no_other(sides: Sides) -> None:
    desk = sides.desk
    desk.repository("other")
    commit = sides.tip("topic")
    blob = desk.ask("GetFile", **REPOSITORY, filePath="a")["blobId"]
    other = {"repositoryName": "other"}
    specified = {**other, "sourceCommitSpecifier": commit, "destinationCommitSpecifier": commit}
    put = {"branchName": "x", "parentCommitId": commit, "filePath": "b", "fileContent": "eA=="}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("GetBlob", {**other, "blobId": blob}),
        ("GetBlobDifferences", {**other, "afterBlobId": blob}),
        ("GetCommit", {**other, "commitId": commit}),
        ("GetFile", {**other, "commitSpecifier": commit, "filePath": "a"}),
        ("GetFolder", {**other, "commitSpecifier": commit, "folderPath": "/"}),
        ("GetDifferences", {**other, "afterCommitSpecifier": commit}),
        ("ListFileCommitHistory", {**other, "commitSpecifier": commit, "filePath": "a"}),
        ("CreateBranch", {**other, "branchName": "x", "commitId": commit}),
        ("PutFile", {**other, **put}),
        ("GetMergeOptions", specified),
        ("GetMergeCommit", specified),
        ("CreateUnreferencedMergeCommit", {**specified, "mergeOption": "SQUASH_MERGE"}),
        ("PostCommentForComparedCommit", {**other, "afterCommitId": commit, "content": "x"}),
        ("GetCommentsForComparedCommit", {**other, "afterCommitId": commit}),
    ]
    for operation, request in asked:
        assert refusal(desk, operation, **request).code.endswith("DoesNotExistException"), operation
    answer = desk.ask("BatchGetCommits", **other, commitIds=[commit])
    assert answer["commits"] == []


def test_what_hung_on_a_deleted_repository_is_not_found_under_its_name_again(sides: Sides) -> None:
    desk = sides.desk
    number = _pull_request(desk)
    commit = sides.tip("topic")
    posted = {**REPOSITORY, "afterCommitId": commit, "content": "x"}
    comment = desk.ask("PostCommentForComparedCommit", **posted)["comment"]["commentId"]
    desk.ask("DeleteRepository", **REPOSITORY)
    desk.repository("demo")
    for operation, request in (
        ("GetPullRequest", {"pullRequestId": number}),
        ("DescribePullRequestEvents", {"pullRequestId": number}),
        ("UpdatePullRequestTitle", {"pullRequestId": number, "title": "x"}),
        ("GetCommentsForPullRequest", {"pullRequestId": number}),
        ("MergePullRequestBySquash", {"pullRequestId": number, **REPOSITORY}),
        ("GetComment", {"commentId": comment}),
        ("GetCommentReactions", {"commentId": comment}),
        ("PutCommentReaction", {"commentId": comment, "reactionValue": ":heart:"}),
        ("PostCommentReply", {"inReplyTo": comment, "content": "x"}),
        ("DeleteCommentContent", {"commentId": comment}),
    ):
        code = refusal(desk, operation, **request).code
        assert code in {"PullRequestDoesNotExistException", "CommentDoesNotExistException"}, operation
    assert desk.ask("ListPullRequests", **REPOSITORY)["pullRequestIds"] == []


def test_rights_follow_a_renamed_repository_and_do_not_stay_with_its_old_name(sides: Sides) -> None:
    desk = sides.desk
    number = _pull_request(desk)
    old = desk.of_user("old", allow("codecommit:*", resource=ARN))
    new = desk.of_user("new", allow("codecommit:*", resource=f"{ARN}-new"))
    assert refusal(new, "GetPullRequest", pullRequestId=number).code == "AccessDenied"
    desk.ask("UpdateRepositoryName", oldName="demo", newName="demo-new")
    desk.repository("demo")
    assert refusal(old, "GetPullRequest", pullRequestId=number).code == "AccessDenied"
    (target,) = new.ask("GetPullRequest", pullRequestId=number)["pullRequest"]["pullRequestTargets"]
    assert target["repositoryName"] == "demo-new"


# --- what moorage keeps for itself ----------------------------------------------------------


def test_a_hidden_ref_is_named_by_no_specifier_and_no_branch(sides: Sides) -> None:
    desk = sides.desk
    specified = {**REPOSITORY, "sourceCommitSpecifier": "topic", "destinationCommitSpecifier": "main"}
    made = desk.ask("CreateUnreferencedMergeCommit", **specified, mergeOption="SQUASH_MERGE")["commitId"]
    for name in (f"refs/moorage/merges/{made}", f"moorage/merges/{made}", f"Refs/moorage/merges/{made}"):
        for operation, request in (
            ("GetFile", {"commitSpecifier": name, "filePath": "a"}),
            ("GetFolder", {"commitSpecifier": name, "folderPath": ""}),
            ("GetDifferences", {"afterCommitSpecifier": name}),
            ("MergeBranchesBySquash", specified | {"destinationCommitSpecifier": name}),
            ("MergeBranchesBySquash", specified | {"sourceCommitSpecifier": name}),
        ):
            assert refusal(desk, operation, **REPOSITORY | request).code == "CommitDoesNotExistException"
    target = {**REPOSITORY, "sourceReference": f"refs/moorage/merges/{made}"}
    fault = refusal(desk, "CreatePullRequest", title="x", targets=[target])
    assert fault.code == "ReferenceTypeNotSupportedException"
    assert desk.ask("GetFile", **REPOSITORY, commitSpecifier=made, filePath="a")["commitId"] == made
    assert desk.ask("ListBranches", **REPOSITORY)["branches"] == ["base", "main", "topic"]


# --- folders within folders -----------------------------------------------------------------


def test_folders_without_files_without_end_are_no_hang(desk: Desk) -> None:
    desk.repository("demo")
    for put in ("bomb", "other/bomb"):
        tip = _bomb(desk, "main", b"", beside=b"f")
        request = {**REPOSITORY, "branchName": "main", "filePath": put, "fileContent": "eA=="}
        assert desk.ask("PutFile", **request, parentCommitId=tip)["commitId"]
    tip = _bomb(desk, "main", b"", beside=b"f")
    request = {**REPOSITORY, "branchName": "main", "filePath": "other/f"}
    desk.ask("DeleteFile", **request, parentCommitId=tip, keepEmptyFolders=True)
    assert desk.ask("GetFile", **REPOSITORY, filePath="other/.gitkeep")["fileSize"] == 0


def test_files_without_end_that_a_commit_adds_or_changes_are_no_hang(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.repos.file_history._MOST_CHANGED", 1_000)
    desk.repository("demo")
    for before, after in ((None, b"x"), (b"x", b"y")):
        _bomb(desk, "main", before, beside=b"f")
        tip = _bomb(desk, "main", after, beside=b"new")
        told = desk.ask("ListFileCommitHistory", **REPOSITORY, filePath="other/new")["revisionDag"]
        assert told[0]["commit"]["commitId"] == tip
    monkeypatch.setattr("moorage.repos.file_history.MOST_LOOKED_AT", 999)
    fault = refusal(desk, "ListFileCommitHistory", **REPOSITORY, filePath="other/new")
    assert fault.code == "TipsDivergenceExceededException"


def test_a_merge_of_files_too_deep_or_too_many_is_refused(desk: Desk) -> None:
    desk.repository("demo")
    _bomb(desk, "base", b"x", beside=b"f")
    for branch, content in (("main", b"y"), ("topic", b"z")):
        desk.ask("CreateBranch", **REPOSITORY, branchName=branch, commitId=_tip(desk, "base"))
        _bomb(desk, branch, content, beside=b"f")
    specified = {**REPOSITORY, "sourceCommitSpecifier": "topic", "destinationCommitSpecifier": "main"}
    for operation, more in (
        ("GetMergeOptions", {}),
        ("GetMergeConflicts", {"mergeOption": "THREE_WAY_MERGE"}),
        ("MergeBranchesBySquash", {"conflictResolutionStrategy": "ACCEPT_SOURCE"}),
    ):
        code = refusal(desk, operation, **specified, **more).code
        assert code == "MaximumItemsToCompareExceededException"


def _bomb(desk: Desk, branch: str, content: bytes | None, beside: bytes) -> ObjectId:
    """Commit 10,000,000,000 folders in folders, each with a file (if content is empty: without any).

    They are at `bomb` and at `other/bomb`, a file beside them in `other`. Without content there is no bomb.
    """
    opened = desk.open("demo")
    with building(opened) as new:

        def tree(*entries: tuple[bytes, bytes, str]) -> str:
            lines = (b"%b %b\0%b" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in entries)
            return new.tree(b"".join(lines))

        folder = tree((b"100644", b"f", new.blob(content))) if content else tree()
        for _ in range(10):
            folder = tree(*((b"40000", b"%d" % number, folder) for number in range(10)))
        bomb = () if content is None else ((b"40000", b"bomb", folder),)
        other = tree(*bomb, (b"100644", beside, new.blob(b"beside\n")))
        root = tree(*bomb, (b"40000", b"other", other))
        name = f"refs/heads/{branch}".encode()
        before = opened.snapshot.ref(name)
        parents = [before] if before else []
        made = new.commit(ObjectId(root), parents, author=WHO, committer=WHO, message="bomb\n")
        change = RefChange(name, before or ZERO_ID, made)
        publisher = desk.call.publisher
        proposal = Proposal(
            desk.caller, "codecommit:GitPush", (change,), publisher.started(), received=new.packed()
        )
        assert publisher.publish(opened, proposal) == {}
    return made


def _tip(desk: Desk, branch: str) -> str:
    found: str = desk.ask("GetBranch", **REPOSITORY, branchName=branch)["branch"]["commitId"]
    return found


def _pull_request(desk: Desk) -> str:
    target = {**REPOSITORY, "sourceReference": "topic", "destinationReference": "main"}
    made: str = desk.ask("CreatePullRequest", title="x", targets=[target])["pullRequest"]["pullRequestId"]
    return made
