"""The life of a pull request as its people lead it: opened, renamed, closed, merged."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from moorage.core.faults import Fault, unavailable
from moorage.core.names import ObjectId, RefName
from moorage.repos.approval import evaluate, on_created
from moorage.repos.pull_requests import effects, history
from moorage.repos.repositories import does_not_exist
from moorage.storage import audit, outbox, request_tokens
from moorage.storage import pull_requests as stored
from moorage.storage import repositories as rows

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.repos.commit import Also
    from moorage.repos.merge_rules import MergeOption
    from moorage.repos.merging import Merged
    from moorage.repos.opened import OpenRepository
    from moorage.storage.database import Database
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow
    from moorage.storage.request_tokens import Token

# Source: "Quotas in AWS CodeCommit", open pull requests in a repository.
MAX_OPEN: Final = 1_000

# A branch that moves while a pull request on it is made is looked at again, this often.
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A pull request to be made. `token` is what its clientRequestToken is kept under, with a hash."""

    title: str
    description: str | None
    source: RefName
    destination: RefName
    token: Token | None = None


class Overtaken(Exception):
    """A branch is not where it was looked at; nothing was written."""


class _Answered(Exception):
    """The request was answered before; nothing was written."""

    def __init__(self, pull_request: PullRequestRow) -> None:
        super().__init__(pull_request.number)
        self.pull_request = pull_request


def unknown(number: str) -> Fault:
    return Fault("PullRequestDoesNotExistException", f"Pull request {number} does not exist")


def already_closed(number: int) -> Fault:
    return Fault("PullRequestAlreadyClosedException", f"Pull request {number} is closed")


# --- opening --------------------------------------------------------------------------------


def answered(database: Database, repository_id: str, token: Token | None) -> PullRequestRow | None:
    """Return the pull request that the same request made before in the repository, if it came before.

    Raises:
        Fault: IdempotencyParameterMismatchException.
    """
    if token is None:
        return None
    with database.read() as connection:
        key = request_tokens.earlier(connection, *token, database.now_ms(connection))
        return _made_in(connection, repository_id, key) if key is not None else None


def _made_in(connection: Connection, repository_id: str, key: str) -> PullRequestRow | None:
    """Return a pull request; None where it went with its repository, or that has another name now."""
    found = stored.by_key(connection, key)
    return found if found is not None and found.repository_id == repository_id else None


def create(database: Database, caller: Caller, opened: OpenRepository, asked: Asked) -> PullRequestRow:
    """Open a pull request between two branches; the templates of the repository give it its rules.

    Raises:
        Overtaken: a branch moved since the repository was opened; open it again.
        Fault: ReferenceDoesNotExistException, MaximumOpenPullRequestsExceededException,
            IdempotencyParameterMismatchException, RepositoryDoesNotExistException.
    """
    source, destination = _tip(opened, asked.source), _tip(opened, asked.destination)
    base = effects.find_bases(opened, None, [(destination, source)])[destination, source]
    try:
        with database.write() as connection:
            row = rows.lock(connection, opened.row.repository_id)
            if row is None:
                raise does_not_exist(opened.row.name)
            now_ms = database.now_ms(connection)
            made = _new(connection, caller, row, asked, now_ms)
            made = replace(made, source_commit=source, destination_commit=destination, merge_base=base)
            _require_tips(connection, made)
            _add(connection, caller, row, made, now_ms)
    except _Answered as before:
        return before.pull_request
    return made


def _tip(opened: OpenRepository, ref: RefName) -> ObjectId:
    tip = opened.snapshot.ref(ref.encode())
    if tip is None:
        raise Fault("ReferenceDoesNotExistException", f"{ref} does not exist in {opened.row.name}")
    return tip


def _new(
    connection: Connection, caller: Caller, row: RepositoryRow, asked: Asked, now_ms: int
) -> PullRequestRow:
    """Return a new pull request's row, its token claimed and its number taken; tips are still to come."""
    key = str(uuid.uuid4())
    if asked.token is not None:
        before = request_tokens.claim_or_find(
            connection, asked.token, key, now_ms, partial(_made_in, connection, row.repository_id)
        )
        if before is not None:
            raise _Answered(before)
    if stored.count_open(connection, row.repository_id) >= MAX_OPEN:
        raise Fault(
            "MaximumOpenPullRequestsExceededException",
            f"{row.name} has {MAX_OPEN:,} open pull requests, which is the most; close some first",
        )
    return stored.PullRequestRow(
        pull_request_key=key,
        account_id=row.account_id,
        region=row.region,
        number=stored.next_number(connection, row.account_id, row.region),
        repository_id=row.repository_id,
        title=asked.title,
        description=asked.description,
        author_arn=caller.principal.arn,
        status=stored.OPEN,
        source_ref=asked.source.encode(),
        destination_ref=asked.destination.encode(),
        source_commit="",
        destination_commit="",
        merge_base=None,
        revision_id=effects.new_revision(),
        client_request_token=asked.token[0].token if asked.token is not None else None,
        is_merged=False,
        merged_by=None,
        merge_commit=None,
        merge_option=None,
        created_at_ms=now_ms,
        last_activity_at_ms=now_ms,
    )


def _require_tips(connection: Connection, made: PullRequestRow) -> None:
    standing = rows.refs_named(connection, made.repository_id, {made.source_ref, made.destination_ref})
    tips = {name: ref.object_id for name, ref in standing.items()}
    if tips != {made.source_ref: made.source_commit, made.destination_ref: made.destination_commit}:
        raise Overtaken


def _add(
    connection: Connection, caller: Caller, row: RepositoryRow, made: PullRequestRow, now_ms: int
) -> None:
    stored.add(connection, made)
    detail = {
        "repositoryName": row.name,
        "sourceCommitId": made.source_commit,
        "destinationCommitId": made.destination_commit,
        **({"mergeBase": made.merge_base} if made.merge_base is not None else {}),
    }
    history.append(connection, made, history.CREATED, caller.principal.arn, now_ms, detail)
    outbox.append(connection, history.told(caller, row, made, "pullRequestCreated", now_ms))
    on_created(connection, caller, row, made, now_ms)
    _audit(connection, caller, row, made, action="codecommit:CreatePullRequest", now_ms=now_ms)


# --- changing -------------------------------------------------------------------------------


def change_text(
    database: Database,
    caller: Caller,
    pull_request: PullRequestRow,
    action: str,
    *,
    title: str | None = None,
    description: str | None = None,
) -> PullRequestRow:
    """Give an open pull request another title, or another description ("" for none).

    Raises:
        Fault: PullRequestAlreadyClosedException; PullRequestDoesNotExistException.
    """
    with database.write() as connection:
        row, before = locked(connection, pull_request)
        if not before.is_open:
            raise already_closed(before.number)
        now_ms = database.now_ms(connection)
        now = replace(before, last_activity_at_ms=now_ms)
        if title is not None:
            now = replace(now, title=title)
        if description is not None:
            now = replace(now, description=description or None)
        stored.change(
            connection,
            now.pull_request_key,
            title=now.title,
            description=now.description,
            last_activity_at_ms=now_ms,
        )
        _audit(connection, caller, row, now, action=action, now_ms=now_ms)
    return now


def close(database: Database, caller: Caller, pull_request: PullRequestRow) -> PullRequestRow:
    """Close a pull request without a merge. One that is closed stays as it is, which is no error."""
    action = "codecommit:UpdatePullRequestStatus"
    with database.write() as connection:
        row, now = locked(connection, pull_request)
        now_ms = database.now_ms(connection)
        if now.is_open:
            now = effects.close(connection, effects.Moved(caller, row, (), action, now_ms), now)
        _audit(connection, caller, row, now, action=action, now_ms=now_ms)
    return now


def locked(connection: Connection, pull_request: PullRequestRow) -> tuple[RepositoryRow, PullRequestRow]:
    """Lock a pull request, its repository first; return both as they are now.

    Raises:
        Fault: PullRequestDoesNotExistException: its repository was deleted, and it went with it.
    """
    row = rows.lock(connection, pull_request.repository_id)
    now = stored.lock(connection, pull_request.account_id, pull_request.region, pull_request.number)
    if row is None or now is None:
        raise unknown(str(pull_request.number))
    return row, now


def _audit(
    connection: Connection,
    caller: Caller,
    row: RepositoryRow,
    pull_request: PullRequestRow,
    *,
    action: str,
    now_ms: int,
) -> None:
    event = audit.change(caller, action, row.arn, now_ms, pullRequestId=str(pull_request.number))
    audit.record(connection, event)


# --- merging --------------------------------------------------------------------------------


def require_approved(connection: Connection, pull_request: PullRequestRow) -> None:
    """Refuse the merge of a pull request whose rules are neither satisfied nor put aside.

    Raises:
        Fault: PullRequestApprovalRulesNotSatisfiedException.
    """
    found = evaluate(connection, pull_request)
    if not found.may_merge:
        raise Fault(
            "PullRequestApprovalRulesNotSatisfiedException",
            f"Pull request {pull_request.number} needs more approvals; not satisfied:"
            f" {', '.join(found.not_satisfied)}",
        )


def closing(
    caller: Caller, pull_request: PullRequestRow, *, source: ObjectId, action: str, option: MergeOption
) -> Callable[[Merged], Also]:
    """Return what a merge makes true in its transaction: that the pull request is closed by it.

    There, all that the merge rests on is looked at again. Raises in it:
        Fault: PullRequestAlreadyClosedException, TipOfSourceReferenceIsDifferentException,
            PullRequestApprovalRulesNotSatisfiedException, PullRequestDoesNotExistException.
    """

    def also(merged: Merged) -> Also:
        def close_it(connection: Connection, row: RepositoryRow, now_ms: int) -> None:
            _, now = locked(connection, pull_request)
            if not now.is_open:
                raise already_closed(now.number)
            require_tip(now, source)
            require_approved(connection, now)
            moved = effects.Moved(caller, row, (), action, now_ms)
            effects.close_as_merged(connection, moved, now, commit=merged.commit, option=option)

        return close_it

    return also


def require_tip(pull_request: PullRequestRow, source: ObjectId) -> None:
    """Refuse to merge another commit than the one that was looked at.

    Raises:
        Fault: TipOfSourceReferenceIsDifferentException.
    """
    if pull_request.source_commit != source:
        raise Fault(
            "TipOfSourceReferenceIsDifferentException",
            f"The source branch of pull request {pull_request.number} is at {pull_request.source_commit},"
            f" not at {source}; look at what it brings now",
        )


def too_busy() -> Fault:
    return unavailable("The branches of the pull request are moving too often; try again")
