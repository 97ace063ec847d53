"""Comments on pull requests: posted, listed, and what becomes of the pull request's activity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codecommit_at_hand import allow
from codecommit_world import NO_COMMIT, NO_PULL_REQUEST
from comments_at_hand import Change, texts
from moorage.core.faults import Fault
from repositories_at_hand import Desk

ON_PULL_REQUEST = "CodeCommit Comment on Pull Request"
AT: dict[str, Any] = {"filePath": "a.txt", "filePosition": 3, "relativeFileVersion": "AFTER"}


@pytest.fixture
def change(desk: Desk) -> Change:
    return Change.of(desk)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Change, str]]:
    """A change with a pull request, beside repository other, for those who are refused."""
    desk = Desk.at(tmp_path_factory.mktemp("untouched"))
    change = Change.of(desk)
    desk.repository("other")
    yield change, change.pull_request()
    desk.close()


@pytest.fixture
def number(change: Change) -> str:
    return change.pull_request()


def post(change: Change, number: str, content: str = "Why?", **more: Any) -> dict[str, Any]:
    request = change.request(content, pullRequestId=number, **more)
    return change.desk.ask("PostCommentForPullRequest", **request)


def listed(change: Change, number: str, **more: Any) -> list[dict[str, Any]]:
    answer = change.desk.ask("GetCommentsForPullRequest", pullRequestId=number, **more)
    return list(answer["commentsForPullRequestData"])


def refused(change: Change, error: str, operation: str, **request: Any) -> None:
    with pytest.raises(Fault) as caught:
        change.desk.ask(operation, **request)
    assert caught.value.code == f"{error}Exception"


def test_comments_of_a_pull_request_are_its_own(change: Change, number: str) -> None:
    general = post(change, number)
    line = post(change, number, "On a line", location=AT)
    change.reply(line["comment"]["commentId"], "Reply")
    groups = listed(change, number)
    assert texts(groups) == [["Why?"], ["On a line", "Reply"]]
    assert {key: value for key, value in groups[0].items() if key != "comments"} == {
        "pullRequestId": number,
        "repositoryName": "demo",
        "beforeCommitId": change.before,
        "afterCommitId": change.after,
    }
    assert groups[0]["comments"] == [general["comment"]]
    assert {key: line[key] for key in ("location", "pullRequestId")} == {
        "location": AT,
        "pullRequestId": number,
    }
    assert change.listed() == []


def test_comments_are_found_by_the_commits_that_they_are_about(change: Change, number: str) -> None:
    post(change, number)
    compared = {"beforeCommitId": change.before, "afterCommitId": change.after}
    assert texts(listed(change, number, repositoryName="demo", **compared)) == [["Why?"]]
    reverse = {"beforeCommitId": change.after, "afterCommitId": change.before}
    assert listed(change, number, repositoryName="demo", **reverse) == []


def test_the_newest_activity_comes_first_in_the_list_of_pull_requests(change: Change, number: str) -> None:
    later = change.pull_request()
    comment = post(change, number)["comment"]["commentId"]

    def first() -> str:
        return str(change.desk.ask("ListPullRequests", repositoryName="demo")["pullRequestIds"][0])

    assert first() == number
    post(change, later)
    assert first() == later
    change.reply(comment)
    assert first() == number


def test_a_closed_pull_request_still_takes_comments(change: Change, number: str) -> None:
    change.desk.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus="CLOSED")
    assert post(change, number)["comment"]["content"] == "Why?"


def test_a_request_sent_twice_posts_one_comment(change: Change, number: str) -> None:
    first = post(change, number, clientRequestToken="token")
    assert post(change, number, clientRequestToken="token") == first
    with pytest.raises(Fault, match="IdempotencyParameterMismatchException"):
        post(change, number, "Another", clientRequestToken="token")
    assert texts(listed(change, number)) == [["Why?"]]


def test_others_are_told_of_comments_on_pull_requests(change: Change, number: str) -> None:
    comment = post(change, number)["comment"]["commentId"]
    reply = change.reply(comment)["commentId"]
    change.desk.ask("UpdateComment", commentId=reply, content="So so.")
    told = change.told(ON_PULL_REQUEST)
    assert [(one["event"], one["commentId"], one["pullRequestId"]) for one in told] == [
        ("commentOnPullRequestCreated", comment, number),
        ("commentOnPullRequestCreated", reply, number),
        ("commentOnPullRequestUpdated", reply, number),
    ]
    assert told[1]["inReplyTo"] == comment


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("InvalidPullRequestId", {"pullRequestId": "first"}),
        ("PullRequestIdRequired", {"pullRequestId": ""}),
        ("PullRequestDoesNotExist", {"pullRequestId": NO_PULL_REQUEST}),
        ("InvalidRepositoryName", {"repositoryName": "a.git"}),
        ("RepositoryDoesNotExist", {"repositoryName": "none"}),
        ("RepositoryNotAssociatedWithPullRequest", {"repositoryName": "other"}),
        ("InvalidCommitId", {"beforeCommitId": "main"}),
        ("CommitDoesNotExist", {"afterCommitId": NO_COMMIT}),
        ("BeforeCommitIdAndAfterCommitIdAreSame", {"beforeCommitId": NO_COMMIT, "afterCommitId": NO_COMMIT}),
        ("CommentContentRequired", {"content": ""}),
        ("CommentContentSizeLimitExceeded", {"content": "c" * 10_241}),
        ("ClientRequestTokenRequired", {"clientRequestToken": ""}),
        ("InvalidClientRequestToken", {"clientRequestToken": "t" * 129}),
        ("InvalidFileLocation", {"location": {"filePosition": 1}}),
        ("InvalidRelativeFileVersionEnum", {"location": {**AT, "relativeFileVersion": "DURING"}}),
        ("PathRequired", {"location": {"relativeFileVersion": "AFTER"}}),
        ("InvalidPath", {"location": {**AT, "filePath": "../a"}}),
        ("PathDoesNotExist", {"location": {**AT, "filePath": "none"}}),
        ("InvalidFilePosition", {"location": {**AT, "filePosition": 4}}),
    ],
)
def test_a_wrong_comment_is_refused(untouched: tuple[Change, str], error: str, more: dict[str, Any]) -> None:
    change, number = untouched
    request = change.request(pullRequestId=number) | more
    refused(change, error, "PostCommentForPullRequest", **request)
    assert listed(change, number) == []


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("InvalidPullRequestId", {"pullRequestId": "first"}),
        ("PullRequestIdRequired", {"pullRequestId": ""}),
        ("PullRequestDoesNotExist", {"pullRequestId": NO_PULL_REQUEST}),
        ("InvalidMaxResults", {"maxResults": 501}),
        ("InvalidContinuationToken", {"nextToken": "made up"}),
        ("RepositoryNameRequired", {"afterCommitId": NO_COMMIT}),
        ("CommitIdRequired", {"repositoryName": "demo"}),
        ("CommitIdRequired", {"repositoryName": "demo", "afterCommitId": NO_COMMIT}),
    ],
)
def test_a_wrong_list_is_refused(untouched: tuple[Change, str], error: str, more: dict[str, Any]) -> None:
    change, number = untouched
    refused(change, error, "GetCommentsForPullRequest", **{"pullRequestId": number} | more)


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("InvalidRepositoryName", {"repositoryName": "a.git"}),
        ("RepositoryDoesNotExist", {"repositoryName": "none"}),
        ("RepositoryNotAssociatedWithPullRequest", {"repositoryName": "other"}),
        ("InvalidCommitId", {"beforeCommitId": "main"}),
        ("CommitDoesNotExist", {"afterCommitId": NO_COMMIT}),
    ],
)
def test_wrong_commits_to_list_are_refused(
    untouched: tuple[Change, str], error: str, more: dict[str, Any]
) -> None:
    change, number = untouched
    compared = {"beforeCommitId": change.before, "afterCommitId": change.after}
    request = {"pullRequestId": number, "repositoryName": "demo", **compared} | more
    refused(change, error, "GetCommentsForPullRequest", **request)


@pytest.mark.parametrize("operation", ["PostCommentForPullRequest", "GetCommentsForPullRequest"])
def test_the_key_is_asked_for(change: Change, number: str, operation: str) -> None:
    change.desk.set_key_state("Disabled")
    request = {"pullRequestId": number}
    if operation.startswith("Post"):
        request = change.request(pullRequestId=number)
    refused(change, "EncryptionKeyDisabled", operation, **request)


def test_rights_in_the_repository_of_the_pull_request_are_needed_and_in_the_one_named(
    change: Change, number: str
) -> None:
    arn = change.desk.repository("other")["Arn"]
    elsewhere = Change(
        change.desk.of_user("mary", allow("codecommit:GetCommentsForPullRequest", resource=arn)),
        change.before,
        change.after,
    )
    with pytest.raises(Fault, match="AccessDenied"):
        listed(elsewhere, number)
    refused(elsewhere, "PullRequestDoesNotExist", "GetCommentsForPullRequest", pullRequestId=NO_PULL_REQUEST)
