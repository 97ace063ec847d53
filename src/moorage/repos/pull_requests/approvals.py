"""Who approves a revision of a pull request, and who puts its rules aside.

Both hang on the revision: a push to the source branch makes a new one, and they are gone. Whether a
revision is the current one is decided in the transaction that holds the repository's row, as every
push needs it: an approval never lands on what its giver has not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos.approval.content import APPROVALS_LIMIT
from moorage.repos.pull_requests import history
from moorage.repos.pull_requests.rules import opened
from moorage.storage import approval_rules as rows
from moorage.storage import audit, outbox
from moorage.storage import pull_requests as stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.storage.database import Database
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow

APPROVE: Final = "APPROVE"
OVERRIDE: Final = "OVERRIDE"
REVOKE: Final = "REVOKE"


def set_approval(
    database: Database, caller: Caller, pull_request: PullRequestRow, revision_id: str, state: str
) -> None:
    """Approve a revision, or revoke one's approval of it. What is so already is no error, and no event.

    Raises:
        Fault: PullRequestAlreadyClosedException, RevisionNotCurrentException,
            PullRequestCannotBeApprovedByAuthorException, MaximumNumberOfApprovalsExceededException.
    """
    arn = caller.principal.arn
    with database.write() as connection:
        row, now = opened(connection, pull_request)
        require_current(now, revision_id)
        approvers = rows.approvers(connection, revision_id)
        now_ms = database.now_ms(connection)
        if state == APPROVE:
            _require_may_approve(now, arn, approvers)
        if (state == APPROVE) == (arn in approvers):
            return
        if state == APPROVE:
            rows.approve(connection, revision_id, arn, now_ms)
        else:
            rows.revoke(connection, revision_id, arn)
        detail = {"revisionId": revision_id, "approvalStatus": state}
        history.append(connection, now, history.APPROVAL_CHANGED, arn, now_ms, detail)
        event = "pullRequestApprovalStateChanged"
        told = history.told(caller, row, now, event, now_ms, approvalStatus=state)
        outbox.append(connection, told)
        _audit(connection, caller, (row, now), "UpdatePullRequestApprovalState", now_ms, **detail)


def set_override(
    database: Database, caller: Caller, pull_request: PullRequestRow, revision_id: str, status: str
) -> None:
    """Put the rules of a revision aside, or let them hold again, which they may do already.

    Raises:
        Fault: PullRequestAlreadyClosedException, RevisionNotCurrentException,
            OverrideAlreadySetException.
    """
    arn = caller.principal.arn
    with database.write() as connection:
        row, now = opened(connection, pull_request)
        require_current(now, revision_id)
        overrider = rows.overrider(connection, revision_id)
        now_ms = database.now_ms(connection)
        if status == OVERRIDE:
            if overrider is not None:
                raise Fault(
                    "OverrideAlreadySetException",
                    f"The approval rules of pull request {now.number} are overridden by {overrider} already",
                )
            rows.override(connection, revision_id, arn, now_ms)
        elif overrider is None:
            return
        else:
            rows.revoke_override(connection, revision_id)
        detail = {"revisionId": revision_id, "overrideStatus": status}
        history.append(connection, now, history.RULE_OVERRIDDEN, arn, now_ms, detail)
        event = "pullRequestApprovalRuleOverridden"
        outbox.append(connection, history.told(caller, row, now, event, now_ms, overrideStatus=status))
        _audit(connection, caller, (row, now), "OverridePullRequestApprovalRules", now_ms, **detail)


def require_current(pull_request: PullRequestRow, revision_id: str) -> None:
    """Refuse what is about another revision than the current one.

    Raises:
        Fault: RevisionNotCurrentException.
    """
    if revision_id != pull_request.revision_id:
        raise Fault(
            "RevisionNotCurrentException",
            f"The current revision of pull request {pull_request.number} is {pull_request.revision_id}:"
            " look at what changed, and use that one",
        )


def require_known(connection: Connection, pull_request: PullRequestRow, revision_id: str) -> None:
    """Refuse a revision that the pull request never had.

    Raises:
        Fault: InvalidRevisionIdException.
    """
    if not stored.has_revision(connection, pull_request.pull_request_key, revision_id):
        raise Fault(
            "InvalidRevisionIdException",
            f"{revision_id} is no revision of pull request {pull_request.number}",
        )


def _require_may_approve(pull_request: PullRequestRow, arn: str, approvers: list[str]) -> None:
    if arn == pull_request.author_arn:
        raise Fault(
            "PullRequestCannotBeApprovedByAuthorException",
            f"{arn} made pull request {pull_request.number} and cannot approve it",
        )
    if arn not in approvers and len(approvers) >= APPROVALS_LIMIT:
        raise Fault(
            "MaximumNumberOfApprovalsExceededException",
            f"Pull request {pull_request.number} has {APPROVALS_LIMIT} approvals, which is the most",
        )


def _audit(
    connection: Connection,
    caller: Caller,
    of: tuple[RepositoryRow, PullRequestRow],
    operation: str,
    now_ms: int,
    **detail: str,
) -> None:
    row, pull_request = of
    action = f"codecommit:{operation}"
    number = str(pull_request.number)
    audit.record(connection, audit.change(caller, action, row.arn, now_ms, pullRequestId=number, **detail))
