"""The transaction of every change: revision raised, audit row written, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.clock import milliseconds
from moorage.storage import audit, groups, identities, users

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.groups import GroupRow
    from moorage.storage.users import UserRow


@contextmanager
def change(
    call: Call, operation: str, arn: str | None = None, *, user: str | None = None, group: str | None = None
) -> Iterator[Connection]:
    """Open the transaction in which an operation changes something of the caller's account.

    The audit row names `arn`, or the user or group of that name; with none of them, the caller.
    """
    caller = call.caller
    with identities.change(call.database, caller.account_id) as connection:
        resource = arn or _arn(connection, call, user, group)
        yield connection
        audit.record(connection, audit.change(caller, f"iam:{operation}", resource, now_ms(call)))


def _arn(connection: Connection, call: Call, user: str | None, group: str | None) -> str:
    account_id, partition = call.caller.account_id, call.caller.partition
    found: UserRow | GroupRow | None = None
    if user is not None:
        found = users.find(connection, account_id, user)
    elif group is not None:
        found = groups.find(connection, account_id, group)
    # What does not exist is refused in a moment, and leaves no row.
    return call.caller.principal.arn if found is None else found.arn(partition)


def now_ms(call: Call) -> int:
    """Return the request's moment as rows hold it."""
    return milliseconds(call.caller.now)
