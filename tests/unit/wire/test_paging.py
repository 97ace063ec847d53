from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models
from moorage.wire.paging import Page, PageTokens, PagingMembers, paging_members

TOKENS = PageTokens(b"k" * 32)
BRANCHES = models.operation_model("codecommit", "ListBranches")
DIFFERENCES = models.operation_model("codecommit", "GetDifferences")
USERS = models.operation_model("iam", "ListUsers")
KEYS = models.operation_model("kms", "ListKeys")
NAMES = [f"branch-{number:03d}" for number in range(25)]


def opened(
    request: dict[str, Any],
    *,
    tokens: PageTokens = TOKENS,
    operation: Any = BRANCHES,
    scope: str = "1/us-east-2",
) -> Page:
    return tokens.open(operation, request, scope=scope, default=10, maximum=1000)


def page_of(request: dict[str, Any], **asked: Any) -> dict[str, Any]:
    page = opened(request, **asked)
    rest = (name for name in NAMES if page.after is None or name > page.after)
    return page.answer("branches", rest, cursor=str)


def test_following_the_tokens_gives_everything_once_and_no_token_at_the_end() -> None:
    seen: list[str] = []
    request: dict[str, Any] = {"repositoryName": "demo"}
    pages = 0
    while True:
        answer = page_of(request)
        seen += answer["branches"]
        pages += 1
        if "nextToken" not in answer:
            break
        request = {**request, "nextToken": answer["nextToken"]}
    assert (seen, pages) == (NAMES, 3)


def test_a_page_that_ends_with_the_last_item_has_no_token() -> None:
    page = TOKENS.open(BRANCHES, {}, scope="", default=25, maximum=25)
    assert page.answer("branches", NAMES, cursor=str) == {"branches": NAMES}


def test_no_more_items_are_taken_than_tell_whether_there_are_more() -> None:
    taken = iter(NAMES)
    TOKENS.open(BRANCHES, {}, scope="", default=3, maximum=25).answer("branches", taken, cursor=str)
    assert next(taken) == "branch-004"


def test_iam_says_whether_there_is_more() -> None:
    page = opened({"MaxItems": 2}, operation=USERS)
    answer = page.answer("Users", ["a", "b", "c"], cursor=str)
    assert (answer["Users"], answer["IsTruncated"]) == (["a", "b"], True)
    last = opened({"Marker": answer["Marker"]}, operation=USERS)
    assert last.after == "b"
    assert last.answer("Users", ["c"], cursor=str) == {"Users": ["c"], "IsTruncated": False}


def test_tokens_are_of_letters_that_every_model_takes_and_the_page_size_may_change() -> None:
    token = page_of({"repositoryName": "demo"})["nextToken"]
    assert token.replace("-", "").replace("_", "").isalnum()
    assert opened({"repositoryName": "demo", "nextToken": token}).after == "branch-009"
    differing = opened(
        {"repositoryName": "d", "afterCommitSpecifier": "x", "MaxResults": 1}, operation=DIFFERENCES
    )
    answer = differing.answer("differences", ["a", "b"], cursor=str)
    again = {
        "repositoryName": "d",
        "afterCommitSpecifier": "x",
        "MaxResults": 5,
        "NextToken": answer["NextToken"],
    }
    assert (opened(again, operation=DIFFERENCES).after, opened(again, operation=DIFFERENCES).limit) == (
        "a",
        5,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"request": {"repositoryName": "other"}},
        {"request": {}},
        {"scope": "2/us-east-2"},
        {"scope": "1/us-east-1"},
        {"tokens": PageTokens(b"j" * 32)},
        {"operation": models.operation_model("codecommit", "ListRepositories")},
    ],
)
def test_a_token_of_another_question_is_refused(changed: dict[str, Any]) -> None:
    token = page_of({"repositoryName": "demo"})["nextToken"]
    asked = dict(changed)
    request = {**asked.pop("request", {"repositoryName": "demo"}), "nextToken": token}
    with pytest.raises(Fault) as caught:
        opened(request, **asked)
    assert caught.value.code == "InvalidContinuationTokenException"


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_a_garbled_token_is_refused(token: str) -> None:
    with pytest.raises(Fault) as caught:
        opened({"repositoryName": "demo", "nextToken": token})
    assert caught.value.code == "InvalidContinuationTokenException"


def test_changing_any_letter_of_a_token_makes_it_false() -> None:
    token = page_of({"repositoryName": "demo"})["nextToken"]
    for position, letter in enumerate(token[:-1]):
        changed = token[:position] + ("A" if letter != "A" else "B") + token[position + 1 :]
        with pytest.raises(Fault):
            opened({"repositoryName": "demo", "nextToken": changed})


@pytest.mark.parametrize(
    ("operation", "member", "code"),
    [(USERS, "Marker", faults.VALIDATION_ERROR), (KEYS, "Marker", "InvalidMarkerException")],
)
def test_each_service_has_its_own_name_for_a_false_token(operation: Any, member: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        opened({member: "nonsense"}, operation=operation)
    assert caught.value.code == code


@pytest.mark.parametrize("size", [0, -1, 1001, 2**31 - 1])
def test_a_page_size_out_of_bounds_has_a_modelled_error(size: int) -> None:
    with pytest.raises(Fault) as caught:
        opened({"MaxResults": size}, operation=DIFFERENCES)
    assert caught.value.code == "InvalidMaxResultsException"


@pytest.mark.parametrize("service", models.SERVICES)
def test_every_paginator_of_the_models_is_understood(service: str) -> None:
    for name, paginator in models.paginators(service).items():
        operation = models.operation_model(service, name)
        members = paging_members(operation)
        assert members.input_token in operation.input_shape.members
        assert members.output_token in operation.output_shape.members
        assert members.limit == paginator.get("limit_key")
        assert members.more == paginator.get("more_results")


def test_paged_operations_without_a_paginator_are_understood_by_their_members() -> None:
    reactions = models.operation_model("codecommit", "GetCommentReactions")
    assert paging_members(reactions) == PagingMembers("nextToken", "nextToken", "maxResults", None)
    conflicts = models.operation_model("codecommit", "GetMergeConflicts")
    assert paging_members(conflicts) == PagingMembers("nextToken", "nextToken", "maxConflictFiles", None)


def test_cursors_that_are_no_unicode_come_back() -> None:
    first = TOKENS.open(BRANCHES, {}, scope="s", default=1, maximum=1)
    one = first.answer("branches", ["caf\udce9", "x"], cursor=str)
    again = TOKENS.open(BRANCHES, {"nextToken": one["nextToken"]}, scope="s", default=1, maximum=1)
    assert again.after == "caf\udce9"
