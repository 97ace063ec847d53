"""What becomes of pull requests when their branches move, are merged elsewhere or deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.repos.publish import Proposal
from moorage.storage.repositories import RefChange
from pull_requests_at_hand import Work
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def work(desk: Desk, tmp_path: Path) -> Work:
    made = Work.at(desk, tmp_path)
    made.commit("feature")
    return made


def move(work: Work, **tips: ObjectId | None) -> dict[bytes, str]:
    """Move branches to commits that are there already, as a push does; None deletes one."""
    changes = []
    for branch, new in tips.items():
        name = f"refs/heads/{branch}".encode()
        old = work.desk.open("Demo").snapshot.ref(name) or ZERO_ID
        changes.append(RefChange(name, old, new or ZERO_ID))
    publisher = work.desk.call.publisher
    proposal = Proposal(work.desk.caller, "codecommit:GitPush", tuple(changes), publisher.started())
    return publisher.publish(work.desk.open("Demo"), proposal)


def test_a_source_that_moves_makes_a_new_revision(work: Work) -> None:
    number, before = work.request(), work.tip("feature")
    first = work.get(number)
    after = work.commit("feature")
    second = work.get(number)
    assert second["revisionId"] != first["revisionId"]
    assert second["lastActivityDate"] >= first["lastActivityDate"]
    assert work.target(number)["sourceCommit"] == after
    assert work.history(number)[1]["pullRequestSourceReferenceUpdatedEventMetadata"] == {
        "repositoryName": "Demo",
        "beforeCommitId": before,
        "afterCommitId": after,
        "mergeBase": work.start,
    }
    told = work.told()[-1]
    assert told["event"] == "pullRequestSourceBranchUpdated"
    assert told["sourceCommit"] == after
    assert told["revisionId"] == second["revisionId"]


def test_a_source_that_takes_in_its_destination_has_a_new_merge_base(work: Work) -> None:
    number = work.request()
    tip = work.commit("main")
    work.merge_branches("main", "feature", "ThreeWay")
    assert work.target(number)["mergeBase"] == tip
    assert work.kinds(number) == ["CREATED", "SOURCE_REFERENCE_UPDATED"]


def test_a_destination_that_moves_on_is_noted_without_a_new_revision(work: Work) -> None:
    number = work.request()
    before = work.get(number)
    tip = work.commit("main")
    assert work.target(number)["destinationCommit"] == tip
    assert work.target(number)["mergeBase"] == work.start
    assert work.get(number)["revisionId"] == before["revisionId"]
    assert work.kinds(number) == ["CREATED"]


@pytest.mark.parametrize("branch", ["feature", "release"])
def test_a_branch_that_is_deleted_closes_its_pull_requests(work: Work, branch: str) -> None:
    work.desk.ask("CreateBranch", repositoryName="Demo", branchName="release", commitId=work.start)
    number = work.request("feature", "release")
    untouched = work.request("other", "main")
    work.delete(branch)
    assert work.get(number)["pullRequestStatus"] == "CLOSED"
    assert work.target(number)["mergeMetadata"] == {"isMerged": False}
    assert work.kinds(number) == ["CREATED", "STATUS_CHANGED"]
    assert work.told()[-1]["event"] == "pullRequestStatusChanged"
    assert work.get(untouched)["pullRequestStatus"] == "OPEN"


@pytest.mark.parametrize(
    ("how", "option"), [("FastForward", "FAST_FORWARD_MERGE"), ("ThreeWay", "THREE_WAY_MERGE")]
)
def test_a_destination_that_takes_in_the_source_closes_it_as_merged(
    work: Work, how: str, option: str
) -> None:
    number, source = work.request(), work.tip("feature")
    work.require_approval(number)  # which nobody asks about here, as at AWS
    work.merge_branches("feature", "main", how)
    assert work.get(number)["pullRequestStatus"] == "CLOSED"
    target = work.target(number)
    assert target["mergeMetadata"] == {
        "isMerged": True,
        "mergedBy": work.desk.caller.principal.arn,
        "mergeCommitId": work.tip("main"),
        "mergeOption": option,
    }
    assert (target["sourceCommit"], target["destinationCommit"], target["mergeBase"]) == (
        source,
        work.start,
        work.start,
    )
    assert work.kinds(number)[-2:] == ["MERGE_STATE_CHANGED", "STATUS_CHANGED"]


def test_a_squash_beside_the_pull_request_does_not_close_it(work: Work) -> None:
    number = work.request()
    work.merge_branches("feature", "main", "Squash")
    assert work.get(number)["pullRequestStatus"] == "OPEN"


def test_a_closed_one_does_not_follow_its_branches(work: Work) -> None:
    number = work.request()
    work.desk.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus="CLOSED")
    before, events = work.get(number), work.history(number)
    work.commit("feature")
    work.merge_branches("feature", "main")
    work.delete("feature")
    assert (work.get(number), work.history(number)) == (before, events)


def test_the_merge_of_one_closes_others_that_it_takes_in(work: Work) -> None:
    below = work.request("feature", "main")
    work.desk.ask("CreateBranch", repositoryName="Demo", branchName="above", commitId=work.tip("feature"))
    work.commit("above")
    above = work.request("above", "main")
    work.merge(above)
    assert work.kinds(above) == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]
    assert work.kinds(below) == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]
    assert work.target(below)["mergeMetadata"]["mergeCommitId"] == work.tip("main")


def test_merged_and_deleted_in_one_push_is_merged(work: Work) -> None:
    number, source = work.request(), work.tip("feature")
    assert move(work, main=source, feature=None) == {}
    assert work.target(number)["mergeMetadata"]["isMerged"] is True
    assert work.kinds(number) == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]


def test_a_source_that_moves_with_its_merge_is_renewed_and_merged(work: Work) -> None:
    number = work.request()
    work.desk.ask("CreateBranch", repositoryName="Demo", branchName="later", commitId=work.tip("feature"))
    tip = work.commit("later")
    assert move(work, main=tip, feature=tip) == {}
    assert work.kinds(number) == [
        "CREATED",
        "SOURCE_REFERENCE_UPDATED",
        "MERGE_STATE_CHANGED",
        "STATUS_CHANGED",
    ]
    assert work.target(number)["sourceCommit"] == tip
    assert work.target(number)["mergeBase"] == work.start


def test_a_source_that_is_set_back_into_the_destination_stays_open(work: Work) -> None:
    number = work.request()
    assert move(work, feature=work.start) == {}
    assert work.get(number)["pullRequestStatus"] == "OPEN"
    assert work.target(number)["mergeBase"] == work.start


def pull_request_queries(work: Work, **tips: ObjectId | None) -> list[str]:
    """Return the statements about pull requests that a push costs."""
    told: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pull_request" in statement:
            told.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert move(work, **tips) == {}
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return told


def test_a_push_that_concerns_no_pull_request_costs_one_query_however_many_refs(work: Work) -> None:
    work.request("other", "main")
    many: dict[str, ObjectId | None] = {f"b{number}": work.start for number in range(500)}
    assert len(pull_request_queries(work, **many)) == 1
    assert len(pull_request_queries(work, b1=work.tip("feature"))) == 1


# --- the guard ------------------------------------------------------------------------------


def guarded(work: Work) -> Work:
    work.desk.call.publisher.guard_approvals = True
    return work


def test_the_guard_refuses_a_push_past_approval_rules(work: Work) -> None:
    number, source = work.request(), work.tip("feature")
    guarded(work).require_approval(number)
    before = work.history(number)
    refused = move(work, main=source, free=source)
    assert list(refused) == [b"refs/heads/main"]
    assert f"pull request {number}" in refused[b"refs/heads/main"]
    assert (work.tip("main"), work.tip("free")) == (work.start, source)
    assert work.history(number) == before
    with pytest.raises(Fault) as caught:
        work.merge_branches("feature", "main")
    assert caught.value.code == "PullRequestApprovalRulesNotSatisfiedException"


def test_the_guard_lets_pass_what_is_approved_and_what_merges_nothing(work: Work) -> None:
    number = work.request()
    guarded(work).require_approval(number)
    work.commit("main")
    work.merge_branches("main", "feature", "ThreeWay")
    work.desk.ask(
        "OverridePullRequestApprovalRules",
        pullRequestId=number,
        revisionId=work.get(number)["revisionId"],
        overrideStatus="OVERRIDE",
    )
    assert move(work, main=work.tip("feature")) == {}
    assert work.target(number)["mergeMetadata"]["isMerged"] is True


def test_the_guard_sees_that_a_push_brings_its_own_new_revision(work: Work) -> None:
    number = work.request()
    guarded(work).require_approval(number)
    work.desk.ask(
        "OverridePullRequestApprovalRules",
        pullRequestId=number,
        revisionId=work.get(number)["revisionId"],
        overrideStatus="OVERRIDE",
    )
    work.desk.ask("CreateBranch", repositoryName="Demo", branchName="later", commitId=work.tip("feature"))
    tip = work.commit("later")
    assert list(move(work, main=tip, feature=tip)) == [b"refs/heads/main"]
