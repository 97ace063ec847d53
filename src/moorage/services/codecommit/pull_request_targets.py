"""What operations on a pull request concern: the repository that it is of, found by its number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos.pull_requests import life
from moorage.services.codecommit import by_id, names
from moorage.services.codecommit.targets import REFERENCES, Check, Request, Rule, own_arn, resource_tags
from moorage.storage import pull_requests as stored
from moorage.storage import repositories as rows
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow

# A number as it is given out: no sign, no leading zero, and what the databases hold.
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def number(text: str) -> int:
    """Return the number that a pullRequestId is.

    Raises:
        Fault: PullRequestIdRequiredException, InvalidPullRequestIdException.
    """
    if not text:
        raise Fault("PullRequestIdRequiredException", "pullRequestId is required")
    if not _NUMBER.fullmatch(text):
        raise Fault(
            "InvalidPullRequestIdException",
            f"{names.shown(text)} is not a pull request ID: those are whole numbers from 1",
        )
    return int(text)


def find(call: Call, request: Request) -> PullRequestRow | None:
    """Find the pull request that a request names."""
    caller = call.caller
    with call.database.read() as connection:
        return stored.find(connection, caller.account_id, caller.region, number(request["pullRequestId"]))


def required(call: Call, request: Request) -> tuple[RepositoryRow, PullRequestRow]:
    """Return the pull request that a request names, and its repository.

    Raises:
        Fault: PullRequestDoesNotExistException.
    """
    caller = call.caller
    with call.database.read() as connection:
        found = stored.find(connection, caller.account_id, caller.region, number(request["pullRequestId"]))
        row = rows.by_id(connection, found.repository_id) if found is not None else None
    if found is None or row is None:
        raise life.unknown(request["pullRequestId"])
    return row, found


def of_pull_request(*checks: Check) -> Rule:
    """Make the rule of an operation on the pull request `pullRequestId`; its form is checked first."""

    def rule(call: Call, request: Request) -> list[Target]:
        number(request["pullRequestId"])
        for check in checks:
            check(request)
        found = find(call, request)
        if found is None:
            return by_id.unknown(call, life.unknown(request["pullRequestId"]))
        return by_id.of_repository(call, found.repository_id)

    return rule


def into_destination(*checks: Check) -> Rule:
    """Make the rule of a merge: it changes the destination branch.

    The repository that the request names is asked about too, where it is another one: its existence
    is nothing to learn from the answer.
    """

    def rule(call: Call, request: Request) -> list[Target]:
        number(request["pullRequestId"])
        name = names.repository(request["repositoryName"])
        for check in checks:
            check(request)
        found = find(call, request)
        if found is None:
            return by_id.unknown(call, life.unknown(request["pullRequestId"]))
        ref = found.destination_ref.decode(errors="replace")
        targets = by_id.of_repository(call, found.repository_id, ref=ref)
        own = own_arn(call, name)
        if any(target.arn == own for target in targets):
            return targets
        return [*targets, Target(own, resource_tags(call, name) | {REFERENCES: (ref,)})]

    return rule
