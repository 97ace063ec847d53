"""What callers' request tokens were answered with: a request sent twice is done once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from moorage.core.faults import Fault
from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

# AWS does not say how long a token is remembered.
KEPT_MS: Final = 24 * 60 * 60 * 1000

_TOKENS = tables.request_tokens
_PRUNED_AT_ONCE: Final = 1_000


FoundT = TypeVar("FoundT")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whose token it is, and for which operation: two callers may choose the same one."""

    account_id: str
    region: str
    caller_id: str
    operation: str
    token: str


# What a request's token is kept under, and a hash of its other parameters.
Token = tuple[TokenKey, str]


def earlier(connection: Connection, key: TokenKey, parameters_sha256: str, now_ms: int) -> str | None:
    """Return the id that the same request was answered with; None where the token is new.

    Raises:
        Fault: IdempotencyParameterMismatchException for a token that came with other parameters.
    """
    found = connection.execute(
        select(_TOKENS.c.parameters_sha256, _TOKENS.c.answer_id).where(
            _is(key), _TOKENS.c.at_ms > now_ms - KEPT_MS
        )
    ).first()
    if found is None:
        return None
    if found.parameters_sha256 != parameters_sha256:
        raise Fault(
            "IdempotencyParameterMismatchException",
            f"This clientRequestToken came with other parameters for {key.operation} in the last 24 hours;"
            " send a new token with a changed request",
        )
    return str(found.answer_id)


def claim(
    connection: Connection, key: TokenKey, parameters_sha256: str, answer_id: str, now_ms: int
) -> str | None:
    """Note that a token is answered with `answer_id`, in the transaction that makes it.

    Returns the id of the earlier answer where the same request was answered before: then nothing is
    to be made. On PostgreSQL this waits for another transaction that claims the same token.

    Raises:
        Fault: IdempotencyParameterMismatchException.
    """
    connection.execute(delete(_TOKENS).where(_is(key), _TOKENS.c.at_ms <= now_ms - KEPT_MS))
    values = asdict(key) | {
        "parameters_sha256": parameters_sha256,
        "answer_id": answer_id,
        "at_ms": now_ms,
    }
    if insert_if_absent(connection, _TOKENS, values):
        return None
    return earlier(connection, key, parameters_sha256, now_ms)


def claim_or_find(
    connection: Connection, token: Token, answer_id: str, now_ms: int, find: Callable[[str], FoundT | None]
) -> FoundT | None:
    """Claim a token as `claim` does; return what `find` finds of an earlier answer, if there is one.

    An answer that is gone went with its repository: then the token is claimed anew.

    Raises:
        Fault: IdempotencyParameterMismatchException.
    """
    earlier_id = claim(connection, *token, answer_id, now_ms)
    if earlier_id is None:
        return None
    found = find(earlier_id)
    if found is None:
        forget(connection, token[0])
        claim(connection, *token, answer_id, now_ms)
    return found


def forget(connection: Connection, key: TokenKey) -> None:
    """Forget a token whose answer is gone, with the repository that it was in."""
    connection.execute(delete(_TOKENS).where(_is(key)))


def prune(connection: Connection, now_ms: int) -> int:
    """Delete up to a thousand tokens that are no longer kept; return how many."""
    table = _TOKENS
    old = select(table.c.at_ms).where(table.c.at_ms <= now_ms - KEPT_MS).order_by(table.c.at_ms)
    limit = connection.execute(old.offset(_PRUNED_AT_ONCE - 1).limit(1)).scalar()
    before = now_ms - KEPT_MS if limit is None else limit
    return connection.execute(delete(table).where(table.c.at_ms <= before)).rowcount


def _is(key: TokenKey) -> ColumnElement[bool]:
    return and_(*(_TOKENS.c[name] == value for name, value in asdict(key).items()))
