"""A page is checked with the rest of a request: before anybody is asked whether the list may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codecommit_world import NO_COMMENT, NO_COMMIT
from moorage.core.faults import Fault
from moorage.services.codecommit import codecommit, pages
from moorage.wire.paging import paging_members
from repositories_at_hand import Desk

NAMED = {"repositoryName": "none"}
MERGE = NAMED | {
    "sourceCommitSpecifier": "a",
    "destinationCommitSpecifier": "b",
    "mergeOption": "THREE_WAY_MERGE",
}
TEMPLATE = {"approvalRuleTemplateName": "none"}
REQUESTS: dict[str, dict[str, Any]] = {
    "BatchDescribeMergeConflicts": MERGE,
    "DescribeMergeConflicts": MERGE | {"filePath": "a"},
    "DescribePullRequestEvents": {"pullRequestId": "7"},
    "GetBlobDifferences": NAMED | {"afterBlobId": NO_COMMIT},
    "GetCommentReactions": {"commentId": NO_COMMENT},
    "GetCommentsForComparedCommit": NAMED | {"afterCommitId": NO_COMMIT},
    "GetCommentsForPullRequest": {"pullRequestId": "7"},
    "GetDifferences": NAMED | {"afterCommitSpecifier": "a"},
    "GetMergeConflicts": MERGE,
    "ListApprovalRuleTemplates": {},
    "ListAssociatedApprovalRuleTemplatesForRepository": NAMED,
    "ListBranches": NAMED,
    "ListFileCommitHistory": NAMED | {"filePath": "a"},
    "ListPullRequests": NAMED,
    "ListRepositories": {},
    "ListRepositoriesForApprovalRuleTemplate": TEMPLATE,
}
# 50 tags need no second page: no token is given out, and none is read.
NEVER_PAGED = {"ListTagsForResource"}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk.at(tmp_path_factory.mktemp("stranger"))
    yield desk.of_user("stranger")
    desk.close()


def refusal(stranger: Desk, operation: str, **request: Any) -> str:
    with pytest.raises(Fault) as caught:
        stranger.ask(operation, **REQUESTS[operation], **request)
    return caught.value.code


def test_every_list_has_its_pages() -> None:
    paged = {
        name
        for name, operation in codecommit.operations.items()
        if paging_members(operation.model).output_token is not None
    }
    assert paged - NEVER_PAGED == set(pages.SIZES) == set(REQUESTS)


@pytest.mark.parametrize("operation", sorted(REQUESTS))
def test_a_page_that_is_none_is_told_before_anybody_is_asked(stranger: Desk, operation: str) -> None:
    members = paging_members(codecommit.operations[operation].model)
    assert refusal(stranger, operation) == "AccessDenied"
    token = {str(members.input_token): "bm9uZQ"}
    assert refusal(stranger, operation, **token) == "InvalidContinuationTokenException"
    if members.limit is not None:
        for size in (0, -1, pages.SIZES[operation].maximum + 1):
            code = refusal(stranger, operation, **{members.limit: size})
            assert code == f"Invalid{members.limit[0].upper()}{members.limit[1:]}Exception"
