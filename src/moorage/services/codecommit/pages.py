"""Pages of CodeCommit's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.codecommit.service import codecommit
from moorage.wire.paging import Page, PageTokens

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request


def page(call: Call, operation: str, request: Request, *, default: int, maximum: int) -> Page:
    """Return the page that a request asks for. Its token serves the same account and region only.

    Raises:
        Fault: InvalidContinuationTokenException; InvalidMaxResultsException.
    """
    # Derived from the root key, which every node has: a token of one node is good at another.
    tokens = PageTokens(call.root_key.derive("page tokens"))
    return tokens.open(
        codecommit.operations[operation].model,
        request,
        scope=f"{call.caller.account_id} {call.caller.region}",
        default=default,
        maximum=maximum,
    )
