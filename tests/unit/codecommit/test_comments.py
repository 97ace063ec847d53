"""Comments on two commits: posted, replied to, got, listed, changed, deleted; and every refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from codecommit_world import NO_COMMENT, NO_COMMIT
from comments_at_hand import Change, texts
from identities_at_hand import NOW
from moorage.core.faults import Fault
from moorage.core.principal import Session
from repositories_at_hand import Desk

ON_COMMIT = "CodeCommit Comment on Commit"
AT: dict[str, Any] = {"filePath": "a.txt", "filePosition": 3, "relativeFileVersion": "AFTER"}
NEW = {"filePath": "new.txt", "filePosition": 1, "relativeFileVersion": "AFTER"}


@pytest.fixture
def change(desk: Desk) -> Change:
    return Change.of(desk)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Change]:
    """A change for those who are refused: nobody comments on it."""
    desk = Desk.at(tmp_path_factory.mktemp("untouched"))
    yield Change.of(desk)
    desk.close()


def refused(change: Change, error: str, operation: str, **request: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        change.desk.ask(operation, **request)
    assert caught.value.code == f"{error}Exception"
    assert caught.value.message
    return caught.value


# --- posted -------------------------------------------------------------------------------------


def test_a_general_comment_is_answered_with_its_commits(change: Change) -> None:
    answer = change.post("Why?", clientRequestToken="token-1")
    comment = answer.pop("comment")
    assert answer == {
        "repositoryName": "demo",
        "beforeCommitId": change.before,
        "afterCommitId": change.after,
    }
    assert comment.pop("creationDate") == comment.pop("lastModifiedDate")
    assert len(comment.pop("commentId")) == 73
    assert comment == {
        "content": "Why?",
        "authorArn": change.desk.caller.principal.arn,
        "deleted": False,
        "clientRequestToken": "token-1",
        "callerReactions": [],
        "reactionCounts": {},
    }


def test_a_comment_on_a_line_is_answered_with_both_blobs(change: Change) -> None:
    answer = change.post(location=AT)
    assert answer["location"] == AT
    assert len({answer["beforeBlobId"], answer["afterBlobId"]}) == 2


def test_a_file_that_is_on_one_side_has_one_blob(change: Change) -> None:
    answer = change.post(location={"filePath": "/new.txt"})
    assert answer["location"] == {"filePath": "new.txt"}
    assert "beforeBlobId" not in answer
    old = change.post(location={"filePath": "old.txt", "filePosition": 1, "relativeFileVersion": "BEFORE"})
    assert "afterBlobId" not in old


def test_an_empty_location_is_none(change: Change) -> None:
    assert "location" not in change.post(location={})


def test_a_first_commit_takes_comments_without_one_before(change: Change) -> None:
    request = {key: value for key, value in change.request().items() if key != "beforeCommitId"}
    assert "beforeCommitId" not in change.desk.ask("PostCommentForComparedCommit", **request)
    listed = change.desk.ask(
        "GetCommentsForComparedCommit", repositoryName="demo", afterCommitId=change.after
    )
    assert texts(listed["commentsForComparedCommitData"]) == [["Why?"]]
    assert change.listed() == []


@pytest.mark.parametrize(
    ("error", "location"),
    [
        ("InvalidFileLocation", {"filePosition": 1}),
        ("InvalidFileLocation", {"filePath": "a.txt", "filePosition": 1}),
        ("InvalidRelativeFileVersionEnum", {**AT, "relativeFileVersion": "DURING"}),
        ("PathRequired", {"filePosition": 1, "relativeFileVersion": "AFTER"}),
        ("PathRequired", {**AT, "filePath": ""}),
        ("InvalidPath", {**AT, "filePath": "../a"}),
        ("PathDoesNotExist", {**AT, "filePath": "none.txt"}),
        ("PathDoesNotExist", {**AT, "filePath": "docs"}),
        ("PathDoesNotExist", {**NEW, "relativeFileVersion": "BEFORE"}),
        ("InvalidFilePosition", {**AT, "filePosition": 0}),
        ("InvalidFilePosition", {**AT, "filePosition": 4}),
        ("InvalidFilePosition", {**AT, "relativeFileVersion": "BEFORE"}),
        ("InvalidFilePosition", {**NEW, "filePosition": 2}),
    ],
)
def test_a_place_that_is_not_there_is_refused(
    untouched: Change, error: str, location: dict[str, Any]
) -> None:
    refused(untouched, error, "PostCommentForComparedCommit", **untouched.request(location=location))
    assert untouched.listed() == []


def test_a_last_line_without_a_newline_is_a_line(change: Change) -> None:
    assert change.post(location=NEW)["location"] == NEW


def test_the_side_before_needs_a_commit_before(untouched: Change) -> None:
    request = untouched.request(location={**AT, "filePosition": 1, "relativeFileVersion": "BEFORE"})
    request.pop("beforeCommitId")
    refused(untouched, "InvalidFileLocation", "PostCommentForComparedCommit", **request)


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("CommentContentRequired", {"content": " \n"}),
        ("CommentContentSizeLimitExceeded", {"content": "c" * 10_241}),
        ("ClientRequestTokenRequired", {"clientRequestToken": ""}),
        ("InvalidClientRequestToken", {"clientRequestToken": "t" * 129}),
        ("InvalidCommitId", {"beforeCommitId": "main"}),
        ("InvalidCommitId", {"afterCommitId": "abc"}),
        ("CommitDoesNotExist", {"beforeCommitId": NO_COMMIT}),
        ("CommitDoesNotExist", {"afterCommitId": NO_COMMIT}),
        ("InvalidRepositoryName", {"repositoryName": "a.git"}),
        ("RepositoryDoesNotExist", {"repositoryName": "none"}),
    ],
)
def test_a_wrong_comment_is_refused(untouched: Change, error: str, more: dict[str, Any]) -> None:
    refused(untouched, error, "PostCommentForComparedCommit", **untouched.request() | more)


@pytest.mark.parametrize(
    ("error", "absent"),
    [
        ("CommentContentRequired", "content"),
        ("CommitIdRequired", "afterCommitId"),
        ("RepositoryNameRequired", "repositoryName"),
    ],
)
def test_what_is_absent_is_named(untouched: Change, error: str, absent: str) -> None:
    request = {key: value for key, value in untouched.request().items() if key != absent}
    refused(untouched, error, "PostCommentForComparedCommit", **request)


def test_a_comment_of_the_longest_text_is_kept(change: Change) -> None:
    text = "é" * 10_240
    assert change.get(change.comment(text))["content"] == text


def test_two_equal_commits_are_no_change(untouched: Change) -> None:
    request = untouched.request(beforeCommitId=untouched.after.upper())
    refused(untouched, "BeforeCommitIdAndAfterCommitIdAreSame", "PostCommentForComparedCommit", **request)


# --- request tokens -----------------------------------------------------------------------------


def test_a_request_sent_twice_posts_one_comment(change: Change) -> None:
    first = change.post(clientRequestToken="token", location=AT)
    assert change.post(clientRequestToken="token", location=AT) == first
    reply = change.reply(first["comment"]["commentId"], clientRequestToken="token")
    assert change.reply(first["comment"]["commentId"], clientRequestToken="token") == reply
    assert texts(change.listed()) == [["Why?", "So."]]
    assert len(change.told(ON_COMMIT)) == 2


def test_a_token_with_other_parameters_is_refused(change: Change) -> None:
    comment = change.comment(clientRequestToken="token")
    request = change.request("Another", clientRequestToken="token")
    refused(change, "IdempotencyParameterMismatch", "PostCommentForComparedCommit", **request)
    change.reply(comment, clientRequestToken="token")
    more = {"content": "Another", "clientRequestToken": "token"}
    refused(change, "IdempotencyParameterMismatch", "PostCommentReply", inReplyTo=comment, **more)


def test_two_callers_may_choose_one_token(change: Change) -> None:
    assert change.comment(clientRequestToken="token") != change.by("mary").comment(clientRequestToken="token")


def test_a_token_does_not_lead_to_a_repository_that_is_gone(change: Change) -> None:
    first = change.comment(clientRequestToken="token")
    change.desk.ask("DeleteRepository", repositoryName="demo")
    again = Change.of(change.desk)
    assert (again.before, again.after) == (change.before, change.after)
    assert again.comment(clientRequestToken="token") != first
    assert texts(again.listed()) == [["Why?"]]
    change.desk.ask("UpdateRepositoryName", oldName="demo", newName="old")
    renamed = Change.of(change.desk)
    renamed.comment(clientRequestToken="token")
    assert texts(renamed.listed()) == [["Why?"]]


# --- got and listed -----------------------------------------------------------------------------


def test_comments_at_one_place_are_together_with_their_replies(change: Change) -> None:
    general = change.comment("General")
    line = change.comment("On a line", location=AT)
    change.comment("General too")
    change.comment("On a file", location={"filePath": "a.txt"})
    reply = change.reply(line, "Reply to a line")
    change.reply(reply["commentId"], "Reply to a reply")
    groups = change.listed()
    assert texts(groups) == [
        ["General", "General too"],
        ["On a line", "Reply to a line", "Reply to a reply"],
        ["On a file"],
    ]
    assert [group.get("location") for group in groups] == [None, AT, {"filePath": "a.txt"}]
    replies = groups[1]["comments"]
    assert [one.get("inReplyTo") for one in replies] == [None, line, reply["commentId"]]
    assert groups[0]["comments"][0] == change.get(general)


def test_a_list_comes_in_pages_that_lose_and_repeat_nothing(change: Change) -> None:
    for number in range(5):
        change.comment(f"General {number}")
        change.comment(f"Line {number}", location=AT)
    seen: list[str] = []
    token: dict[str, Any] = {}
    while True:
        answer = change.desk.ask(
            "GetCommentsForComparedCommit",
            repositoryName="demo",
            beforeCommitId=change.before,
            afterCommitId=change.after,
            maxResults=3,
            **token,
        )
        groups = texts(answer["commentsForComparedCommitData"])
        seen += [text for group in groups for text in group]
        assert sum(len(group) for group in groups) <= 3
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert seen == [f"General {n}" for n in range(5)] + [f"Line {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("InvalidMaxResults", {"maxResults": 501}),
        ("InvalidMaxResults", {"maxResults": 0}),
        ("InvalidContinuationToken", {"nextToken": "made up"}),
        ("CommitDoesNotExist", {"beforeCommitId": NO_COMMIT}),
        ("InvalidCommitId", {"afterCommitId": "main"}),
        ("InvalidRepositoryName", {"repositoryName": "a.git"}),
        ("RepositoryDoesNotExist", {"repositoryName": "none"}),
    ],
)
def test_a_wrong_list_is_refused(untouched: Change, error: str, more: dict[str, Any]) -> None:
    asked = {"repositoryName": "demo", "beforeCommitId": untouched.before, "afterCommitId": untouched.after}
    refused(untouched, error, "GetCommentsForComparedCommit", **asked | more)


BY_ID: dict[str, dict[str, Any]] = {
    "GetComment": {},
    "UpdateComment": {"content": "New"},
    "DeleteCommentContent": {},
    "PutCommentReaction": {"reactionValue": ":heart:"},
    "GetCommentReactions": {},
    "PostCommentReply": {"content": "So."},
}


@pytest.mark.parametrize("operation", BY_ID)
def test_a_comment_is_found_by_a_whole_id_of_the_callers_region(change: Change, operation: str) -> None:
    member = "inReplyTo" if operation == "PostCommentReply" else "commentId"
    comment = change.comment()
    for error, text in (
        ("InvalidCommentId", "first"),
        ("CommentIdRequired", ""),
        ("CommentDoesNotExist", NO_COMMENT),
    ):
        refused(change, error, operation, **{member: text}, **BY_ID[operation])
    refused(change, "CommentIdRequired", operation, **BY_ID[operation])
    elsewhere = replace(change, desk=change.desk.in_region("eu-west-1"))
    refused(elsewhere, "CommentDoesNotExist", operation, **{member: comment}, **BY_ID[operation])


@pytest.mark.parametrize("operation", BY_ID)
def test_a_stranger_does_not_learn_which_comments_there_are(change: Change, operation: str) -> None:
    member = "inReplyTo" if operation == "PostCommentReply" else "commentId"
    comment = change.comment()
    stranger = replace(change, desk=change.desk.of_user("stranger"))
    for known in (comment, NO_COMMENT):
        with pytest.raises(Fault, match="AccessDenied"):
            stranger.desk.ask(operation, **{member: known}, **BY_ID[operation])


@pytest.mark.parametrize("operation", sorted(set(BY_ID) - {"GetComment"}))
def test_what_aws_does_without_the_key_is_done_with_it_disabled(change: Change, operation: str) -> None:
    member = "inReplyTo" if operation == "PostCommentReply" else "commentId"
    comment = change.comment()
    change.desk.set_key_state("Disabled")
    change.desk.ask(operation, **{member: comment}, **BY_ID[operation])
    refused(change, "EncryptionKeyDisabled", "GetComment", commentId=comment)
    refused(change, "EncryptionKeyDisabled", "PostCommentForComparedCommit", **change.request())


# --- changed and deleted ------------------------------------------------------------------------


def test_its_author_changes_a_comment(change: Change) -> None:
    comment = change.comment()
    after = change.desk.ask("UpdateComment", commentId=comment, content="Why so?")["comment"]
    assert after["content"] == "Why so?"
    assert change.get(comment) == after


def test_nobody_else_changes_a_comment(change: Change) -> None:
    comment, mary = change.comment(), change.by("mary")
    refused(mary, "CommentNotCreatedByCaller", "UpdateComment", commentId=comment, content="Not I")
    assert change.get(comment)["content"] == "Why?"


@pytest.mark.parametrize(
    ("error", "content"), [("CommentContentRequired", ""), ("CommentContentSizeLimitExceeded", "c" * 10_241)]
)
def test_a_wrong_text_changes_nothing(change: Change, error: str, content: str) -> None:
    comment = change.comment()
    refused(change, error, "UpdateComment", commentId=comment, content=content)
    refused(change, error, "PostCommentReply", inReplyTo=comment, content=content)
    assert change.get(comment)["content"] == "Why?"


def test_a_deleted_comment_keeps_its_place_and_its_replies(change: Change) -> None:
    comment = change.comment()
    change.reply(comment)
    deleted = change.by("mary").desk.ask("DeleteCommentContent", commentId=comment)["comment"]
    assert deleted["deleted"] is True
    assert "content" not in deleted
    (group,) = change.listed()
    assert [one.get("content") for one in group["comments"]] == [None, "So."]
    change.reply(comment, "Gone?")


@pytest.mark.parametrize("operation", sorted(set(BY_ID) - {"PostCommentReply"}))
def test_of_a_deleted_comment_nothing_else_is_to_be_had(change: Change, operation: str) -> None:
    comment = change.comment()
    change.desk.ask("DeleteCommentContent", commentId=comment)
    refused(change, "CommentDeleted", operation, commentId=comment, **BY_ID[operation])


# --- what others are told -----------------------------------------------------------------------


def test_others_are_told_of_comments_and_of_their_changes(change: Change) -> None:
    comment = change.comment()
    reply = change.reply(comment)["commentId"]
    change.desk.ask("UpdateComment", commentId=comment, content="Why so?")
    change.desk.ask("DeleteCommentContent", commentId=comment)
    told = change.told(ON_COMMIT)
    assert [one["event"] for one in told] == ["commentOnCommitCreated"] * 2 + ["commentOnCommitUpdated"] * 2
    repository = change.desk.ask("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert told[1].pop("notificationBody")
    assert told[1] == {
        "event": "commentOnCommitCreated",
        "callerUserArn": change.desk.caller.principal.arn,
        "beforeCommitId": change.before,
        "afterCommitId": change.after,
        "commentId": reply,
        "inReplyTo": comment,
        "repositoryId": repository["repositoryId"],
        "repositoryName": "demo",
    }


def test_tags_of_a_federated_session_tell_who_commented(change: Change) -> None:
    caller = change.desk.caller
    tags = {"displayName": "Mary Major", "emailAddress": "mary@example.com", "team": "blue"}
    session = Session(NOW, NOW + timedelta(hours=1), caller.principal.arn, "id", tags=tags)
    federated = replace(caller, principal=replace(caller.principal, session=session))
    desk = Desk(change.desk.installation, replace(change.desk.call, caller=federated))
    replace(change, desk=desk).comment()
    (told,) = change.told(ON_COMMIT)
    assert (told["displayName"], told["emailAddress"]) == ("Mary Major", "mary@example.com")
    assert "team" not in told
