"""Pull requests merged through the API: what becomes true, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.storage import tables
from pull_requests_at_hand import Work
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow

WAYS = ("FastForward", "Squash", "ThreeWay")
OPTIONS = {"FastForward": "FAST_FORWARD_MERGE", "Squash": "SQUASH_MERGE", "ThreeWay": "THREE_WAY_MERGE"}


@pytest.fixture
def work(desk: Desk, tmp_path: Path) -> Work:
    made = Work.at(desk, tmp_path)
    made.commit("feature")
    return made


def refused(work: Work, error: str, number: str, how: str = "FastForward", **more: Any) -> Fault:
    """Expect an error that changes nothing."""
    before = work.tip("main"), work.get(number), work.history(number), work.told()
    with pytest.raises(Fault) as caught:
        work.merge(number, how, **more)
    assert caught.value.code.removesuffix("Exception") == error, caught.value.message
    assert before == (work.tip("main"), work.get(number), work.history(number), work.told())
    return caught.value


def parents(work: Work, commit: ObjectId) -> list[str]:
    answer = work.desk.ask("GetCommit", repositoryName="Demo", commitId=commit)
    return list(answer["commit"]["parents"])


@pytest.mark.parametrize("how", WAYS)
def test_a_merge_moves_the_branch_and_closes_the_pull_request(work: Work, how: str) -> None:
    number, source = work.request(), work.tip("feature")
    merged = work.merge(number, how)
    assert merged["pullRequestStatus"] == "CLOSED"
    shown = merged["pullRequestTargets"][0]
    assert shown["mergeMetadata"] == {
        "isMerged": True,
        "mergedBy": work.desk.caller.principal.arn,
        "mergeCommitId": work.tip("main"),
        "mergeOption": OPTIONS[how],
    }
    # What it was about stays to be seen.
    assert (shown["sourceCommit"], shown["destinationCommit"], shown["mergeBase"]) == (
        source,
        work.start,
        work.start,
    )
    expected = {"FastForward": None, "Squash": [work.start], "ThreeWay": [work.start, source]}[how]
    assert work.tip("main") == source if expected is None else parents(work, work.tip("main")) == expected
    assert work.kinds(number) == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]
    assert work.history(number)[1]["pullRequestMergedStateChangedEventMetadata"] == {
        "repositoryName": "Demo",
        "destinationReference": "refs/heads/main",
        "mergeMetadata": shown["mergeMetadata"],
    }
    told = work.told()[1:]
    assert [each["event"] for each in told] == ["pullRequestMergeStatusUpdated", "pullRequestStatusChanged"]
    assert [each["isMerged"] for each in told] == ["True", "True"]
    assert told[0]["mergeOption"] == OPTIONS[how]


@pytest.mark.parametrize("how", ["Squash", "ThreeWay"])
def test_a_merge_commit_is_written_as_asked(work: Work, how: str) -> None:
    number = work.request()
    given = {"commitMessage": "Take it\n", "authorName": "Mary Major", "email": "mary@example.com"}
    work.merge(number, how, **given)
    answer = work.desk.ask("GetCommit", repositoryName="Demo", commitId=work.tip("main"))["commit"]
    assert answer["message"] == "Take it\n"
    assert (answer["author"]["name"], answer["author"]["email"]) == ("Mary Major", "mary@example.com")


@pytest.mark.parametrize("how", WAYS)
def test_a_closed_one_is_not_merged(work: Work, how: str) -> None:
    number = work.request()
    work.merge(number)
    refused(work, "PullRequestAlreadyClosed", number, how)


@pytest.mark.parametrize("how", WAYS)
def test_only_the_commit_that_was_looked_at_is_merged(work: Work, how: str) -> None:
    number, seen = work.request(), work.tip("feature")
    tip = work.commit("feature")
    refused(work, "TipOfSourceReferenceIsDifferent", number, how, sourceCommitId=seen)
    refused(work, "InvalidCommitId", number, how, sourceCommitId="abc")
    assert work.merge(number, how, sourceCommitId=tip)["pullRequestStatus"] == "CLOSED"


@pytest.mark.parametrize("how", WAYS)
def test_the_repository_has_to_be_its_own(work: Work, how: str, tmp_path: Path) -> None:
    number = work.request()
    Work.at(work.desk, tmp_path, "Second")
    ask = {"pullRequestId": number}
    for name, error in (
        ("Second", "RepositoryNotAssociatedWithPullRequestException"),
        ("None", "RepositoryDoesNotExistException"),
        ("a/b", "InvalidRepositoryNameException"),
        (None, "RepositoryNameRequiredException"),
    ):
        named = {} if name is None else {"repositoryName": name}
        with pytest.raises(Fault) as caught:
            work.desk.ask(f"MergePullRequestBy{how}", **ask, **named)
        assert caught.value.code == error


@pytest.mark.parametrize("how", WAYS)
def test_rules_have_to_be_satisfied_or_put_aside(work: Work, how: str) -> None:
    number = work.request()
    work.require_approval(number)
    refused(work, "PullRequestApprovalRulesNotSatisfied", number, how)
    work.desk.ask(
        "OverridePullRequestApprovalRules",
        pullRequestId=number,
        revisionId=work.get(number)["revisionId"],
        overrideStatus="OVERRIDE",
    )
    work.merge(number, how)


def test_an_approval_does_not_outlive_its_revision(work: Work) -> None:
    number = work.request()
    work.require_approval(number)
    mary = work.by(work.desk.of_user("mary", {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}))

    def approve() -> None:
        mary.desk.ask(
            "UpdatePullRequestApprovalState",
            pullRequestId=number,
            revisionId=work.get(number)["revisionId"],
            approvalState="APPROVE",
        )

    approve()
    work.commit("feature")
    refused(work, "PullRequestApprovalRulesNotSatisfied", number)
    approve()
    work.merge(number)


def test_what_conflicts_or_is_no_fast_forward_is_merged_by_hand(work: Work) -> None:
    number = work.request()
    work.commit("main", "same.txt")
    refused(work, "ManualMergeRequired", number)
    work.commit("feature", "same.txt")
    for how in ("Squash", "ThreeWay"):
        refused(work, "ManualMergeRequired", number, how)
        refused(work, "InvalidConflictDetailLevel", number, how, conflictDetailLevel="BYTE")
        refused(work, "InvalidConflictResolutionStrategy", number, how, conflictResolutionStrategy="NICE")
        refused(work, "NameLengthExceeded", number, how, authorName="x" * 1_025)
        refused(work, "InvalidEmail", number, how, email="<>")
        refused(work, "CommitMessageLengthExceeded", number, how, commitMessage="x" * (256 * 1024 + 1))
    work.merge(number, "Squash", conflictResolutionStrategy="ACCEPT_SOURCE")


def test_who_may_not_change_the_destination_may_not_merge_into_it(work: Work) -> None:
    number = work.request()
    guard = {
        "Effect": "Deny",
        "Action": "codecommit:MergePullRequestBy*",
        "Resource": "*",
        "Condition": {"StringEquals": {"codecommit:References": ["refs/heads/main"]}},
    }
    everything = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
    mary = work.by(work.desk.of_user("mary", everything, guard))
    for how in WAYS:
        with pytest.raises(Fault) as caught:
            mary.merge(number, how)
        assert caught.value.code == "AccessDenied"
    mary.merge(work.request("feature", "other"))


def test_a_merge_is_audited_once(work: Work) -> None:
    work.merge(work.request())
    with work.desk.call.database.read() as connection:
        table = tables.audit
        query = select(table.c.action).where(table.c.action.like("codecommit:MergePull%"))
        assert connection.execute(query).scalars().all() == ["codecommit:MergePullRequestByFastForward"]
