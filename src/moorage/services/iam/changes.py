"""The transaction of every change: revision raised, audit row written, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.clock import milliseconds
from moorage.storage import audit, identities, users

if TYPE_CHECKING:
    from moorage.services.call import Call


@contextmanager
def change(
    call: Call,
    operation: str,
    arn: str | Callable[[Connection], str] | None = None,
    *,
    user: str | None = None,
) -> Iterator[Connection]:
    """Open the transaction in which an operation changes something of the caller's account.

    The audit row names `arn`, which may have to be looked up first, or the user of that name; with
    neither, the caller.
    """
    caller = call.caller
    with identities.change(call.database, caller.account_id) as connection:
        resource = arn(connection) if callable(arn) else arn or _arn(connection, call, user)
        yield connection
        audit.record(connection, audit.change(caller, f"iam:{operation}", resource, now_ms(call)))


def _arn(connection: Connection, call: Call, user: str | None) -> str:
    found = None if user is None else users.find(connection, call.caller.account_id, user)
    # What does not exist is refused in a moment, and leaves no row.
    return call.caller.principal.arn if found is None else found.arn(call.caller.partition)


def now_ms(call: Call) -> int:
    """Return the request's moment as rows hold it."""
    return milliseconds(call.caller.now)
