"""Resource rules of what is addressed by its id alone: pull requests and comments.

The id leads to the repository, whose ARN the policies are asked about. An id that leads nowhere is
said to be unknown only to callers who may do the operation somewhere in the account: to others it
is AccessDenied like everything else, so that they learn nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from moorage.core.arn import Arn
from moorage.core.faults import Fault
from moorage.repos.access import tag_context
from moorage.services.codecommit.targets import REFERENCES, own_arn
from moorage.storage import repositories as rows
from moorage.storage import repository_tags
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call

# Of an account's repositories this many are asked about before a caller counts as one without rights.
_REPOSITORIES_ASKED = 1_000


def of_repository(call: Call, repository_id: str, *, ref: str | None = None) -> list[Target]:
    """Return the target for a repository found by id; `ref` is the branch to be changed, if any."""
    with call.database.read() as connection:
        row = rows.by_id(connection, repository_id)
        tags = rows.tags(connection, repository_id)
    if row is None:  # deleted since: what hung on it went with it
        return [Target(Arn("*"))]
    context = tag_context(tags)
    if ref is not None:
        context[REFERENCES] = (ref,)
    return [Target(own_arn(call, row.name), context)]


def unknown(call: Call, missing: Fault) -> list[Target]:
    """Return the target for an id that leads nowhere: `missing` is raised for callers with rights."""

    def ask(action: str) -> None:
        if not _may_somewhere(call, action):
            call.gate.require(call.caller, action, own_arn(call, "*"))
        raise missing

    return [Target(own_arn(call, "*"), ask=ask)]


def _may_somewhere(call: Call, action: str) -> bool:
    """Tell whether the caller may do something to all repositories, or to one of them as it is tagged."""
    caller = call.caller
    permissions = call.gate.of(caller)
    if permissions.decide(action, "*").allowed:
        return True
    with call.database.read() as connection:
        tags = repository_tags.of_region(connection, caller.account_id, caller.region)
    return any(
        permissions.decide(
            action, own_arn(call, row.name), tag_context(tags.get(row.repository_id, {}))
        ).allowed
        for row in islice(call.repositories.listing(caller), _REPOSITORIES_ASKED)
    )
