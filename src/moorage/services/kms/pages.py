"""Pages of KMS's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from moorage.core.faults import Fault
from moorage.services.kms.service import Answer, Request, kms
from moorage.wire.paging import PageTokens

if TYPE_CHECKING:
    from moorage.services.call import Call

Item = TypeVar("Item")

# Source: AWS KMS API Reference, Limit of each list: default and most.
DEFAULT, MOST = 100, 1_000
SHORT_DEFAULT, SHORT_MOST = 50, 100  # aliases, grants and tags


def paged(
    call: Call,
    operation: str,
    request: Request,
    result_key: str,
    items: Iterable[Item],
    *,
    key: Callable[[Item], str],
    shown: Callable[[Item], Any],
    sizes: tuple[int, int] = (DEFAULT, MOST),
) -> Answer:
    """Return the page that a request asks for, in the order of `key`, each item as `shown`.

    Raises:
        Fault: InvalidMarkerException, the marker is not one of ours for this very request.
    """
    tokens = PageTokens(call.root_key.derive("page tokens"))
    model = kms.operations[operation].model
    scope = f"{call.caller.account_id} {call.caller.region}"
    page = tokens.open(model, request, scope=scope, default=sizes[0], maximum=sizes[1])
    after = page.after
    rest = (item for item in sorted(items, key=key) if after is None or key(item) > after)
    answer = page.answer(result_key, rest, key)
    return {**answer, result_key: [shown(item) for item in answer[result_key]]}


def require_no_store(request: Request) -> None:
    """Refuse a custom key store: this server has none.

    Raises:
        Fault: CustomKeyStoreNotFoundException.
    """
    if "CustomKeyStoreId" in request:
        raise Fault("CustomKeyStoreNotFoundException", f"There is no store {request['CustomKeyStoreId']}.")
