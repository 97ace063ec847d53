"""The transaction of every change: revision raised, audit row written, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.clock import milliseconds
from moorage.storage import audit, identities

if TYPE_CHECKING:
    from moorage.services.call import Call


@contextmanager
def change(call: Call, operation: str, resource: str) -> Iterator[Connection]:
    """Open the transaction in which an operation changes something of the caller's account.

    `resource` is what the audit row names: an ARN where there is one.
    """
    with identities.change(call.database, call.caller.account_id) as connection:
        yield connection
        audit.record(connection, audit.change(call.caller, f"iam:{operation}", resource, now_ms(call)))


def now_ms(call: Call) -> int:
    """Return the request's moment as rows hold it."""
    return milliseconds(call.caller.now)
