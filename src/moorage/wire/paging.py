"""Pages of long lists, and the tokens that lead from one to the next.

A token holds where the next page starts, and a keyed hash over that and over the question: service,
operation, account and region, and every member of the request but token and page size. So a token
serves only who asks the same again, and says nothing that its holder was not shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models

if TYPE_CHECKING:
    from botocore.model import OperationModel

ItemT = TypeVar("ItemT")

_HASH_BYTES = 16
# Names of members where the model has no paginator for a paged operation.
_INPUT_TOKENS = ("nextToken", "NextToken", "Marker")
_OUTPUT_TOKENS = ("nextToken", "NextToken", "NextMarker", "Marker")
_LIMITS = ("maxResults", "MaxResults", "MaxItems", "Limit", "maxConflictFiles", "maxMergeHunks")
_MORE = ("IsTruncated", "Truncated")


@dataclass(frozen=True, slots=True)
class PagingMembers:
    """What an operation calls the parts of paging; None for those that it has not."""

    input_token: str | None
    output_token: str | None
    limit: str | None
    more: str | None


def paging_members(operation: OperationModel) -> PagingMembers:
    """Return an operation's paging members, from its paginator or else by their usual names."""
    return _paging_members(operation.service_model.service_name, operation.name)


@cache
def _paging_members(service: str, name: str) -> PagingMembers:
    operation = models.operation_model(service, name)
    paginator = models.paginators(service).get(name, {})
    asked = operation.input_shape.members if operation.input_shape else {}
    answered = operation.output_shape.members if operation.output_shape else {}
    return PagingMembers(
        paginator.get("input_token", _first(_INPUT_TOKENS, asked)),
        paginator.get("output_token", _first(_OUTPUT_TOKENS, answered)),
        paginator.get("limit_key", _first(_LIMITS, asked)),
        paginator.get("more_results", _first(_MORE, answered)),
    )


def _first(names: Iterable[str], members: Mapping[str, object]) -> str | None:
    return next((name for name in names if name in members), None)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer: start after the item `after` (None: at the start), give `limit` items."""

    after: str | None
    limit: int
    members: PagingMembers
    _seal: Callable[[str], str]

    def answer(
        self, result_key: str, items: Iterable[ItemT], cursor: Callable[[ItemT], str]
    ) -> dict[str, Any]:
        """Return the page's part of the result: its items, and a token when there are more.

        `items` are those after `after`, at least `limit + 1` of them where there are as many; no more
        are taken. `cursor` names an item, and is what `after` will be on the next page.
        """
        taken = list(islice(items, self.limit + 1))
        shown = taken[: self.limit]
        more = len(taken) > len(shown)
        result: dict[str, Any] = {result_key: shown}
        if more and self.members.output_token is not None:
            result[self.members.output_token] = self._seal(cursor(shown[-1]))
        if self.members.more is not None:
            result[self.members.more] = more
        return result


class PageTokens:
    """Makes and reads page tokens under a secret key, which all nodes must share."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(
        self, operation: OperationModel, request: Mapping[str, Any], *, scope: str, default: int, maximum: int
    ) -> Page:
        """Return the page that a request asks for. `scope` tells account and region apart.

        Raises:
            Fault: the token is not one of ours, or of another question, or the page size is below 1
                or above `maximum`.
        """
        members = paging_members(operation)
        question = self._question(operation, request, scope, members)

        def seal(cursor: str) -> str:
            content = cursor.encode("utf-8", "surrogateescape")
            return (
                base64.urlsafe_b64encode(self._hash(question, content) + content).decode("ascii").rstrip("=")
            )

        token = request.get(members.input_token) if members.input_token else None
        after = None if token is None else self._cursor(operation, question, token)
        return Page(after, _limit(operation, request, members, default, maximum), members, seal)

    def _question(
        self, operation: OperationModel, request: Mapping[str, Any], scope: str, members: PagingMembers
    ) -> bytes:
        asked = {
            name: value for name, value in request.items() if name not in {members.input_token, members.limit}
        }
        service = operation.service_model.service_name
        parts = [service, operation.name, scope, asked]
        return json.dumps(parts, sort_keys=True, default=repr).encode("utf-8", "surrogateescape")

    def _hash(self, question: bytes, cursor: bytes) -> bytes:
        # The question's hash has a fixed length, so no cursor can pass for a part of it.
        message = hashlib.sha256(question).digest() + cursor
        return hmac.digest(self._key, message, "sha256")[:_HASH_BYTES]

    def _cursor(self, operation: OperationModel, question: bytes, token: str) -> str:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _bad_token(operation) from None
        given, cursor = raw[:_HASH_BYTES], raw[_HASH_BYTES:]
        if not hmac.compare_digest(given, self._hash(question, cursor)):
            raise _bad_token(operation)
        return cursor.decode("utf-8", "surrogateescape")


def _bad_token(operation: OperationModel) -> Fault:
    known = operation.service_model.shape_names
    for code in ("InvalidContinuationTokenException", "InvalidMarkerException"):
        if code in known:
            return Fault(code, "The token is not one that this operation gave out for this request.")
    return Fault(faults.VALIDATION_ERROR, "Invalid Marker.")


def _limit(
    operation: OperationModel, request: Mapping[str, Any], members: PagingMembers, default: int, maximum: int
) -> int:
    asked = request.get(members.limit) if members.limit else None
    if asked is None:
        return default
    if not 1 <= asked <= maximum:
        name = str(members.limit)
        code = f"Invalid{name[0].upper()}{name[1:]}Exception"
        known = code in operation.service_model.shape_names
        raise Fault(code if known else faults.VALIDATION_ERROR, f"{name} must be from 1 to {maximum}.")
    return int(asked)
