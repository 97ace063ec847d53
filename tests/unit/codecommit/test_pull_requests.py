"""Pull requests: opened, found, listed, changed; each error of their operations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from codecommit_at_hand import allow
from moorage.core.faults import Fault
from moorage.repos.pull_requests import life
from moorage.services.codecommit import codecommit
from moorage.wire import json11
from pull_requests_at_hand import Work
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def work(desk: Desk, tmp_path: Path) -> Work:
    made = Work.at(desk, tmp_path)
    made.commit("feature")
    return made


def refused(work: Work, error: str, operation: str, **request: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        work.desk.ask(operation, **request)
    assert caught.value.code.removesuffix("Exception") == error, caught.value.message
    assert caught.value.message
    return caught.value


def target(source: str = "feature", **more: str) -> dict[str, str]:
    return {"repositoryName": "Demo", "sourceReference": source, **more}


# --- opening --------------------------------------------------------------------------------


def test_a_pull_request_is_answered_as_the_model_has_it(work: Work) -> None:
    made = work.desk.ask(
        "CreatePullRequest",
        title="Add things",
        description="Why",
        targets=[target(destinationReference="refs/heads/main")],
        clientRequestToken="token",
    )["pullRequest"]
    shown = dict(made)
    assert re.fullmatch(r"[0-9a-f]{64}", shown.pop("revisionId"))
    assert shown.pop("creationDate") == shown.pop("lastActivityDate")
    assert shown == {
        "pullRequestId": "1",
        "title": "Add things",
        "description": "Why",
        "pullRequestStatus": "OPEN",
        "authorArn": work.desk.caller.principal.arn,
        "clientRequestToken": "token",
        "approvalRules": [],
        "pullRequestTargets": [
            {
                "repositoryName": "Demo",
                "sourceReference": "refs/heads/feature",
                "destinationReference": "refs/heads/main",
                "sourceCommit": work.tip("feature"),
                "destinationCommit": work.start,
                "mergeBase": work.start,
                "mergeMetadata": {"isMerged": False},
            }
        ],
    }
    assert work.get("1") == made


def test_the_destination_is_the_default_branch_where_none_is_named(work: Work) -> None:
    assert work.target(work.request(destination=None))["destinationReference"] == "refs/heads/main"


def test_a_new_pull_request_is_told_and_has_one_event(work: Work) -> None:
    number = work.request(description="Why")
    (event,) = work.history(number)
    assert event["pullRequestEventType"] == "PULL_REQUEST_CREATED"
    assert event["pullRequestId"] == number
    assert event["actorArn"] == work.desk.caller.principal.arn
    assert event["pullRequestCreatedEventMetadata"] == {
        "repositoryName": "Demo",
        "sourceCommitId": work.tip("feature"),
        "destinationCommitId": work.start,
        "mergeBase": work.start,
    }
    (told,) = work.told()
    assert told["event"] == "pullRequestCreated"
    assert told["pullRequestStatus"] == "Open"
    assert told["isMerged"] == "False"
    assert told["repositoryNames"] == ["Demo"]
    assert told["sourceReference"] == "refs/heads/feature"
    assert told["revisionId"] == work.get(number)["revisionId"]
    assert told["description"] == "Why"
    assert told["callerUserArn"] == told["author"] == work.desk.caller.principal.arn
    assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}", told["creationDate"])


def test_numbers_are_unique_in_an_account_and_region(work: Work, tmp_path: Path) -> None:
    assert work.request() == "1"
    assert Work.at(work.desk, tmp_path, "Second").request("other") == "2"
    there = Work.at(work.desk.in_region("eu-west-1"), tmp_path, "Third")
    assert there.request("other") == "1"


def test_the_same_request_with_the_same_token_makes_one_pull_request(work: Work) -> None:
    first = work.request(clientRequestToken="again")
    assert work.request(clientRequestToken="again") == first
    assert work.request() != first
    request = {"title": "Other", "targets": [target()], "clientRequestToken": "again"}
    refused(work, "IdempotencyParameterMismatch", "CreatePullRequest", **request)


def test_the_first_answer_comes_again_also_when_its_branches_are_gone(work: Work) -> None:
    first = work.request(clientRequestToken="again")
    work.delete("feature")
    assert work.request(clientRequestToken="again") == first


def test_a_token_does_not_lead_to_a_repository_that_is_gone(work: Work, tmp_path: Path) -> None:
    first = work.request("other", clientRequestToken="again")
    work.desk.ask("DeleteRepository", repositoryName="Demo")
    anew = Work.at(work.desk, tmp_path / "anew")
    second = anew.request("other", clientRequestToken="again")
    assert second != first
    assert anew.request("other", clientRequestToken="again") == second
    # Renamed, it is no longer what the request names.
    work.desk.ask("UpdateRepositoryName", oldName="Demo", newName="Old")
    renamed = Work.at(work.desk, tmp_path / "renamed").request("other", clientRequestToken="again")
    assert renamed not in {first, second}


@pytest.mark.parametrize(
    ("error", "request_"),
    [
        ("TitleRequired", {"targets": [target()]}),
        ("TitleRequired", {"title": "", "targets": [target()]}),
        ("InvalidTitle", {"title": "x" * 151, "targets": [target()]}),
        ("InvalidTitle", {"title": "a\0b", "targets": [target()]}),
        ("InvalidDescription", {"title": "T", "description": "x" * 10_241, "targets": [target()]}),
        ("InvalidDescription", {"title": "T", "description": "\0", "targets": [target()]}),
        ("TargetsRequired", {"title": "T"}),
        ("TargetsRequired", {"title": "T", "targets": []}),
        ("InvalidTargets", {"title": "T", "targets": [target(), target("other")]}),
        (
            "MultipleRepositoriesInPullRequest",
            {"title": "T", "targets": [target(), {**target(), "repositoryName": "Second"}]},
        ),
        ("RepositoryNameRequired", {"title": "T", "targets": [{"sourceReference": "feature"}]}),
        ("InvalidRepositoryName", {"title": "T", "targets": [{**target(), "repositoryName": "a/b"}]}),
        ("RepositoryDoesNotExist", {"title": "T", "targets": [{**target(), "repositoryName": "None"}]}),
        ("ReferenceNameRequired", {"title": "T", "targets": [{"repositoryName": "Demo"}]}),
        ("ReferenceNameRequired", {"title": "T", "targets": [target("")]}),
        ("InvalidReferenceName", {"title": "T", "targets": [target("a..b")]}),
        ("InvalidReferenceName", {"title": "T", "targets": [target("a" * 40)]}),
        ("ReferenceDoesNotExist", {"title": "T", "targets": [target("nothing")]}),
        ("ReferenceDoesNotExist", {"title": "T", "targets": [target(destinationReference="nothing")]}),
        ("ReferenceTypeNotSupported", {"title": "T", "targets": [target("refs/tags/v1")]}),
        ("SourceAndDestinationAreSame", {"title": "T", "targets": [target("main")]}),
        ("ClientRequestTokenRequired", {"title": "T", "targets": [target()], "clientRequestToken": ""}),
        ("InvalidClientRequestToken", {"title": "T", "targets": [target()], "clientRequestToken": "x" * 129}),
    ],
)
def test_what_makes_no_pull_request_is_refused_by_name(
    work: Work, error: str, request_: dict[str, Any]
) -> None:
    refused(work, error, "CreatePullRequest", **request_)
    assert work.told() == []


def test_no_more_than_the_most_are_open(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "MAX_OPEN", 2)
    first = work.request()
    work.request("other")
    request = {"title": "T", "targets": [target()]}
    refused(work, "MaximumOpenPullRequestsExceeded", "CreatePullRequest", **request)
    work.desk.ask("UpdatePullRequestStatus", pullRequestId=first, pullRequestStatus="CLOSED")
    work.request()


# --- addressed by id ------------------------------------------------------------------------

BY_ID: list[tuple[str, dict[str, Any]]] = [
    ("GetPullRequest", {}),
    ("DescribePullRequestEvents", {}),
    ("UpdatePullRequestTitle", {"title": "New"}),
    ("UpdatePullRequestDescription", {"description": "New"}),
    ("UpdatePullRequestStatus", {"pullRequestStatus": "CLOSED"}),
    ("MergePullRequestByFastForward", {"repositoryName": "Demo"}),
    ("MergePullRequestBySquash", {"repositoryName": "Demo"}),
    ("MergePullRequestByThreeWay", {"repositoryName": "Demo"}),
]


@pytest.mark.parametrize(("operation", "request_"), BY_ID)
def test_an_id_is_checked_and_found(work: Work, operation: str, request_: dict[str, Any]) -> None:
    refused(work, "PullRequestIdRequired", operation, **request_)
    refused(work, "PullRequestIdRequired", operation, pullRequestId="", **request_)
    for bad in ("x", "01", "-1", "0", "1" * 19, "\u0661"):
        refused(work, "InvalidPullRequestId", operation, pullRequestId=bad, **request_)
    refused(work, "PullRequestDoesNotExist", operation, pullRequestId="7", **request_)


@pytest.mark.parametrize(("operation", "request_"), BY_ID)
def test_others_learn_nothing_of_a_pull_request(work: Work, operation: str, request_: dict[str, Any]) -> None:
    number = work.request()
    stranger = work.by(work.desk.of_user("stranger"))
    for each in (number, "7"):
        refused(stranger, "AccessDenied", operation, pullRequestId=each, **request_)


def test_an_unknown_id_is_told_to_those_whose_right_hangs_on_a_repositorys_tags(work: Work) -> None:
    mine = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    user = work.by(work.desk.of_user("blue", allow("codecommit:Get*", Condition=mine)))
    refused(user, "AccessDenied", "GetPullRequest", pullRequestId="7")
    work.desk.ask("TagResource", resourceArn=work.desk.open("Demo").row.arn, tags={"team": "blue"})
    refused(user, "PullRequestDoesNotExist", "GetPullRequest", pullRequestId="7")
    refused(user, "AccessDenied", "DescribePullRequestEvents", pullRequestId="7")


def test_pull_requests_go_with_their_repository(work: Work) -> None:
    number = work.request()
    work.desk.ask("DeleteRepository", repositoryName="Demo")
    refused(work, "PullRequestDoesNotExist", "GetPullRequest", pullRequestId=number)


# --- changing -------------------------------------------------------------------------------


def test_title_and_description_change_while_it_is_open(work: Work) -> None:
    number = work.request(description="Old")
    before = work.get(number)
    assert work.desk.ask("UpdatePullRequestTitle", pullRequestId=number, title="New")["pullRequest"] == {
        **before,
        "title": "New",
        "lastActivityDate": work.get(number)["lastActivityDate"],
    }
    work.desk.ask("UpdatePullRequestDescription", pullRequestId=number, description="Now")
    assert work.get(number)["description"] == "Now"
    work.desk.ask("UpdatePullRequestDescription", pullRequestId=number, description="")
    assert "description" not in work.get(number)
    assert work.kinds(number) == ["CREATED"]


def test_a_closed_one_keeps_its_title_and_description(work: Work) -> None:
    number = work.request()
    work.desk.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus="CLOSED")
    ask = {"pullRequestId": number}
    refused(work, "PullRequestAlreadyClosed", "UpdatePullRequestTitle", title="New", **ask)
    refused(work, "PullRequestAlreadyClosed", "UpdatePullRequestDescription", description="New", **ask)


@pytest.mark.parametrize(
    ("error", "operation", "request_"),
    [
        ("TitleRequired", "UpdatePullRequestTitle", {"title": ""}),
        ("TitleRequired", "UpdatePullRequestTitle", {}),
        ("InvalidTitle", "UpdatePullRequestTitle", {"title": "x" * 151}),
        ("InvalidDescription", "UpdatePullRequestDescription", {"description": "x" * 10_241}),
        ("PullRequestStatusRequired", "UpdatePullRequestStatus", {}),
        ("InvalidPullRequestStatus", "UpdatePullRequestStatus", {"pullRequestStatus": "MERGED"}),
    ],
)
def test_what_it_cannot_be_changed_to_is_refused(
    work: Work, error: str, operation: str, request_: dict[str, Any]
) -> None:
    refused(work, error, operation, pullRequestId=work.request(), **request_)


def test_status_goes_from_open_to_closed_and_never_back(work: Work) -> None:
    number = work.request()

    def to(status: str) -> str:
        answer = work.desk.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus=status)
        return str(answer["pullRequest"]["pullRequestStatus"])

    assert [to("OPEN"), to("CLOSED"), to("CLOSED")] == ["OPEN", "CLOSED", "CLOSED"]
    assert work.kinds(number) == ["CREATED", "STATUS_CHANGED"]
    assert work.history(number)[1]["pullRequestStatusChangedEventMetadata"] == {"pullRequestStatus": "CLOSED"}
    assert [told["event"] for told in work.told()] == ["pullRequestCreated", "pullRequestStatusChanged"]
    assert work.told()[1]["pullRequestStatus"] == "Closed"
    ask = {"pullRequestId": number, "pullRequestStatus": "OPEN"}
    refused(work, "InvalidPullRequestStatusUpdate", "UpdatePullRequestStatus", **ask)


def test_title_and_description_change_while_the_key_is_disabled(work: Work) -> None:
    number = work.request()
    work.desk.set_key_state("Disabled")
    work.desk.ask("UpdatePullRequestTitle", pullRequestId=number, title="New")
    work.desk.ask("UpdatePullRequestDescription", pullRequestId=number, description="New")
    for operation, request in BY_ID:
        if operation not in {"UpdatePullRequestTitle", "UpdatePullRequestDescription"}:
            refused(work, "EncryptionKeyDisabled", operation, pullRequestId=number, **request)
    refused(work, "EncryptionKeyDisabled", "ListPullRequests", repositoryName="Demo")
    request = {"title": "T", "targets": [target()]}
    refused(work, "EncryptionKeyDisabled", "CreatePullRequest", **request)


# --- listing --------------------------------------------------------------------------------


def test_the_list_has_what_was_active_last_first(work: Work) -> None:
    one, two, three = work.request(), work.request("other"), work.request()
    work.desk.ask("UpdatePullRequestTitle", pullRequestId=one, title="New")

    def listed(**more: Any) -> list[str]:
        return list(work.desk.ask("ListPullRequests", repositoryName="Demo", **more)["pullRequestIds"])

    assert listed() == [one, three, two]
    work.desk.ask("UpdatePullRequestStatus", pullRequestId=two, pullRequestStatus="CLOSED")
    assert listed(pullRequestStatus="OPEN") == [one, three]
    assert listed(pullRequestStatus="CLOSED") == [two]
    mary = work.desk.of_user("mary")
    assert listed(authorArn=mary.caller.principal.arn) == []
    assert listed(authorArn=work.desk.caller.principal.arn) == [two, one, three]


def test_the_list_comes_in_pages(work: Work) -> None:
    made = [work.request() for _ in range(5)]
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = work.desk.ask("ListPullRequests", repositoryName="Demo", maxResults=2, **more)
        seen += answer["pullRequestIds"]
        if "nextToken" not in answer:
            break
        more = {"nextToken": answer["nextToken"]}
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("error", "request_"),
    [
        ("RepositoryNameRequired", {}),
        ("InvalidRepositoryName", {"repositoryName": "a/b"}),
        ("RepositoryDoesNotExist", {"repositoryName": "None"}),
        ("InvalidPullRequestStatus", {"repositoryName": "Demo", "pullRequestStatus": "MERGED"}),
        ("InvalidAuthorArn", {"repositoryName": "Demo", "authorArn": "mary"}),
        (
            "AuthorDoesNotExist",
            {"repositoryName": "Demo", "authorArn": "arn:aws:iam::111122223333:user/nobody"},
        ),
        ("InvalidMaxResults", {"repositoryName": "Demo", "maxResults": 0}),
        ("InvalidMaxResults", {"repositoryName": "Demo", "maxResults": 1_001}),
        ("InvalidContinuationToken", {"repositoryName": "Demo", "nextToken": "x"}),
    ],
)
def test_what_lists_nothing_is_refused_by_name(work: Work, error: str, request_: dict[str, Any]) -> None:
    refused(work, error, "ListPullRequests", **request_)


# --- history --------------------------------------------------------------------------------


def test_history_is_filtered_and_comes_in_pages(work: Work) -> None:
    number = work.request()
    work.commit("feature")
    work.desk.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus="CLOSED")
    everything = work.history(number)
    assert work.kinds(number) == ["CREATED", "SOURCE_REFERENCE_UPDATED", "STATUS_CHANGED"]
    assert work.history(number, pullRequestEventType="PULL_REQUEST_CREATED") == everything[:1]
    assert work.history(number, actorArn=work.desk.caller.principal.arn) == everything
    first = work.desk.ask("DescribePullRequestEvents", pullRequestId=number, maxResults=2)
    rest = work.desk.ask(
        "DescribePullRequestEvents", pullRequestId=number, maxResults=2, nextToken=first["nextToken"]
    )
    assert first["pullRequestEvents"] + rest["pullRequestEvents"] == everything
    assert "nextToken" not in rest


def test_each_of_the_nine_kinds_of_event_is_told_with_its_own_member_as_the_model_has_it(work: Work) -> None:
    number = work.request()
    work.require_approval(number, "Own")
    anyone = {
        "Version": "2018-11-08",
        "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 0}],
    }
    rule = {"approvalRuleName": "Own", "newRuleContent": json.dumps(anyone)}
    work.desk.ask("UpdatePullRequestApprovalRuleContent", pullRequestId=number, **rule)
    work.commit("feature")
    revision = {"pullRequestId": number, "revisionId": work.get(number)["revisionId"]}
    approver = work.desk.of_user("approver", allow("codecommit:*"))
    approver.ask("UpdatePullRequestApprovalState", approvalState="APPROVE", **revision)
    work.desk.ask("OverridePullRequestApprovalRules", overrideStatus="OVERRIDE", **revision)
    work.desk.ask("DeletePullRequestApprovalRule", pullRequestId=number, approvalRuleName="Own")
    work.merge(number)
    model = codecommit.operations["DescribePullRequestEvents"].model
    answer: dict[str, Any] = {"pullRequestEvents": work.history(number)}
    told = json.loads(json11.render(answer, model, "id").body)["pullRequestEvents"]
    shape: Any = model.output_shape
    members = shape.members["pullRequestEvents"].member.members
    assert [event["pullRequestEventType"] for event in told] == [
        "PULL_REQUEST_CREATED",
        "PULL_REQUEST_APPROVAL_RULE_CREATED",
        "PULL_REQUEST_APPROVAL_RULE_UPDATED",
        "PULL_REQUEST_SOURCE_REFERENCE_UPDATED",
        "PULL_REQUEST_APPROVAL_STATE_CHANGED",
        "PULL_REQUEST_APPROVAL_RULE_OVERRIDDEN",
        "PULL_REQUEST_APPROVAL_RULE_DELETED",
        "PULL_REQUEST_MERGE_STATE_CHANGED",
        "PULL_REQUEST_STATUS_CHANGED",
    ]
    assert {event["pullRequestEventType"] for event in told} == set(members["pullRequestEventType"].enum)
    own = [[name for name in event if name.endswith("Metadata")] for event in told]
    assert [len(names) for names in own] == [1] * 9
    assert {name for (name,) in own} == {name for name in members if name.endswith("Metadata")}
    for event, (name,) in zip(told, own, strict=True):
        assert event[name].keys() == members[name].members.keys(), event


@pytest.mark.parametrize(
    ("error", "request_"),
    [
        ("InvalidPullRequestEventType", {"pullRequestEventType": "OPENED"}),
        ("InvalidActorArn", {"actorArn": "mary"}),
        ("ActorDoesNotExist", {"actorArn": "arn:aws:iam::111122223333:user/nobody"}),
        ("InvalidMaxResults", {"maxResults": 101}),
        ("InvalidContinuationToken", {"nextToken": "x"}),
    ],
)
def test_what_tells_no_history_is_refused_by_name(work: Work, error: str, request_: dict[str, Any]) -> None:
    refused(work, error, "DescribePullRequestEvents", pullRequestId=work.request(), **request_)
