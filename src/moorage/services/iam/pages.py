"""Pages of IAM's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from moorage.services.iam.service import Answer, Request, iam
from moorage.wire.paging import PageTokens

if TYPE_CHECKING:
    from moorage.services.call import Call

Item = TypeVar("Item")

# Source: IAM API Reference, MaxItems.
ITEMS_A_PAGE = 100
MAX_ITEMS_A_PAGE = 1_000


def paged(
    call: Call,
    operation: str,
    request: Request,
    result_key: str,
    items: Iterable[Item],
    *,
    key: Callable[[Item], str],
    shown: Callable[[Item], object],
) -> Answer:
    """Return the page that a request asks for, in the order of `key`, each item as `shown`.

    A page starts after the last item of the one before it, whether or not that is still there. Its
    marker serves the same account only.

    Raises:
        Fault: ValidationError, the marker is not one of ours for this very request.
    """
    # Derived from the root key, which every node has: a marker of one node is good at another.
    tokens = PageTokens(call.root_key.derive("page tokens"))
    page = tokens.open(
        iam.operations[operation].model,
        request,
        scope=call.caller.account_id,
        default=ITEMS_A_PAGE,
        maximum=MAX_ITEMS_A_PAGE,
    )
    after = page.after
    rest = (item for item in sorted(items, key=key) if after is None or key(item) > after)
    answer = page.answer(result_key, rest, key)
    return {**answer, result_key: [shown(item) for item in answer[result_key]]}


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def by_name(item: _Named) -> str:
    """Order by name as names compare: without case."""
    return item.name.lower()


def itself(text: str) -> str:
    """Order and show plain texts."""
    return text
