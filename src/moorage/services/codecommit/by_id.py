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
        permissions = call.gate.of(call.caller)
        listed = islice(call.repositories.listing(call.caller), _REPOSITORIES_ASKED)
        arns = (own_arn(call, row.name) for row in listed)
        if permissions.decide(action, "*").allowed or any(
            permissions.decide(action, arn).allowed for arn in arns
        ):
            raise missing
        call.gate.require(call.caller, action, own_arn(call, "*"))
        raise missing

    return [Target(own_arn(call, "*"), ask=ask)]
