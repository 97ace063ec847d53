"""Pages of CodeCommit's lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from moorage.wire import models
from moorage.wire.paging import Page, PageTokens

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request, Rule
    from moorage.wire.dispatch import Target


@dataclass(frozen=True, slots=True)
class Size:
    """How many items a page has where the caller does not say, and at most."""

    default: int
    maximum: int


# AWS publishes no numbers for these.
_USUAL: Final = Size(100, 1_000)

# Source of the others: the API's reference and the model; AWS does not say how many branches a page has.
SIZES: Final[Mapping[str, Size]] = MappingProxyType(
    {
        "BatchDescribeMergeConflicts": _USUAL,
        "DescribeMergeConflicts": _USUAL,
        "DescribePullRequestEvents": Size(100, 100),
        "GetBlobDifferences": Size(100, 1_000),
        "GetCommentReactions": Size(1_000, 1_000),
        "GetCommentsForComparedCommit": Size(100, 500),
        "GetCommentsForPullRequest": Size(100, 500),
        "GetDifferences": _USUAL,
        "GetMergeConflicts": _USUAL,
        "ListApprovalRuleTemplates": _USUAL,
        "ListAssociatedApprovalRuleTemplatesForRepository": _USUAL,
        "ListBranches": Size(1_000, 1_000),
        "ListFileCommitHistory": _USUAL,
        "ListPullRequests": _USUAL,
        "ListRepositories": Size(1_000, 1_000),
        "ListRepositoriesForApprovalRuleTemplate": _USUAL,
    }
)


def page(call: Call, operation: str, request: Request) -> Page:
    """Return the page that a request asks for. Its token serves the same account and region only.

    Raises:
        Fault: InvalidContinuationTokenException; InvalidMaxResultsException.
    """
    # Derived from the root key, which every node has: a token of one node is good at another.
    tokens = PageTokens(call.root_key.derive("page tokens"))
    return tokens.open(
        models.operation_model("codecommit", operation),
        request,
        scope=f"{call.caller.account_id} {call.caller.region}",
        default=SIZES[operation].default,
        maximum=SIZES[operation].maximum,
    )


def checked(operation: str, rule: Rule) -> Rule:
    """Return an operation's resource rule, which checks the form of its page too where it has pages."""
    if operation not in SIZES:
        return rule

    def with_page(call: Call, request: Request) -> Sequence[Target]:
        targets = tuple(rule(call, request))
        page(call, operation, request)
        return targets

    return with_page
