"""A pull request's own approval rules: made, changed, deleted while it is open.

Each change is decided in the transaction that holds the repository's row, and told in the history
of the pull request and to others.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos.approval.content import sha256
from moorage.repos.approval.templates import require_sha256
from moorage.repos.pull_requests import history, life
from moorage.storage import approval_rules as rows
from moorage.storage import audit, outbox
from moorage.storage.approval_rules import RuleRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.storage.database import Database
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow

# Source: "Quotas in AWS CodeCommit": rules of a pull request, those from templates included.
RULE_LIMIT: Final = 30

# An event of the history, what others are told, and the operation.
_Told = tuple[str, str, str]
_CREATED: Final = (
    history.RULE_CREATED,
    "pullRequestApprovalRuleCreated",
    "CreatePullRequestApprovalRule",
)
_UPDATED: Final = (
    history.RULE_UPDATED,
    "pullRequestApprovalRuleUpdated",
    "UpdatePullRequestApprovalRuleContent",
)
_DELETED: Final = (
    history.RULE_DELETED,
    "pullRequestApprovalRuleDeleted",
    "DeletePullRequestApprovalRule",
)


def create(
    database: Database, caller: Caller, pull_request: PullRequestRow, name: str, content: str
) -> RuleRow:
    """Add a rule of content that was checked.

    Raises:
        Fault: PullRequestAlreadyClosedException, ApprovalRuleNameAlreadyExistsException,
            NumberOfRulesExceededException.
    """
    with database.write() as connection:
        row, now = opened(connection, pull_request)
        if rows.find(connection, now.pull_request_key, name) is not None:
            raise Fault(
                "ApprovalRuleNameAlreadyExistsException",
                f"Pull request {now.number} has an approval rule named {name} already",
            )
        if rows.count(connection, now.pull_request_key) >= RULE_LIMIT:
            raise Fault(
                "NumberOfRulesExceededException",
                f"Pull request {now.number} has {RULE_LIMIT} approval rules, which is the most",
            )
        now_ms = database.now_ms(connection)
        rule = RuleRow(
            rule_id=str(uuid.uuid4()),
            pull_request_key=now.pull_request_key,
            name=name,
            content=content,
            content_sha256=sha256(content),
            template_id=None,
            template_name=None,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            modified_by=caller.principal.arn,
        )
        rows.add(connection, [rule])
        _tell(connection, caller, (row, now), rule, _CREATED, now_ms=now_ms)
    return rule


def update_content(
    database: Database,
    caller: Caller,
    pull_request: PullRequestRow,
    name: str,
    content: str,
    *,
    expected_sha256: str | None,
) -> RuleRow:
    """Give a rule other content, that was checked.

    Raises:
        Fault: PullRequestAlreadyClosedException, ApprovalRuleDoesNotExistException,
            CannotModifyApprovalRuleFromTemplateException, InvalidRuleContentSha256Exception.
    """
    with database.write() as connection:
        row, now = opened(connection, pull_request)
        rule = rows.find(connection, now.pull_request_key, name)
        if rule is None:
            raise Fault(
                "ApprovalRuleDoesNotExistException",
                f"Pull request {now.number} has no approval rule named {name}",
            )
        if rule.template_id is not None:
            raise Fault(
                "CannotModifyApprovalRuleFromTemplateException",
                f"{name} was made from an approval rule template and cannot be changed. Its requirements"
                " can be put aside with OverridePullRequestApprovalRules",
            )
        require_sha256(rule.content_sha256, expected_sha256)
        now_ms = database.now_ms(connection)
        rule = replace(
            rule,
            content=content,
            content_sha256=sha256(content),
            modified_at_ms=now_ms,
            modified_by=caller.principal.arn,
        )
        rows.change(connection, rule)
        _tell(connection, caller, (row, now), rule, _UPDATED, now_ms=now_ms)
    return rule


def delete(database: Database, caller: Caller, pull_request: PullRequestRow, name: str) -> str | None:
    """Delete a rule; return its id, or None when there was none (which is no error).

    Raises:
        Fault: PullRequestAlreadyClosedException, CannotDeleteApprovalRuleFromTemplateException.
    """
    with database.write() as connection:
        row, now = opened(connection, pull_request)
        rule = rows.find(connection, now.pull_request_key, name)
        if rule is None:
            return None
        if rule.template_id is not None:
            raise Fault(
                "CannotDeleteApprovalRuleFromTemplateException",
                f"{name} was made from an approval rule template and cannot be deleted. Its requirements"
                " can be put aside with OverridePullRequestApprovalRules",
            )
        rows.remove(connection, rule.rule_id)
        _tell(connection, caller, (row, now), rule, _DELETED, now_ms=database.now_ms(connection))
    return rule.rule_id


def opened(connection: Connection, pull_request: PullRequestRow) -> tuple[RepositoryRow, PullRequestRow]:
    """Lock a pull request that must be open, its repository first; return both as they are now.

    Raises:
        Fault: PullRequestAlreadyClosedException, PullRequestDoesNotExistException.
    """
    row, now = life.locked(connection, pull_request)
    if not now.is_open:
        raise life.already_closed(now.number)
    return row, now


def _tell(
    connection: Connection,
    caller: Caller,
    of: tuple[RepositoryRow, PullRequestRow],
    rule: RuleRow,
    told: _Told,
    *,
    now_ms: int,
) -> None:
    row, pull_request = of
    event_type, event, operation = told
    detail = {
        "approvalRuleName": rule.name,
        "approvalRuleId": rule.rule_id,
        "approvalRuleContent": rule.content,
    }
    history.append(connection, pull_request, event_type, caller.principal.arn, now_ms, detail)
    more = {
        "approvalRuleId": rule.rule_id,
        "approvalRuleName": rule.name,
        "approvalRuleContentSha256": rule.content_sha256,
    }
    outbox.append(connection, history.told(caller, row, pull_request, event, now_ms, **more))
    change = audit.change(
        caller,
        f"codecommit:{operation}",
        row.arn,
        now_ms,
        pullRequestId=str(pull_request.number),
        **more,
    )
    audit.record(connection, change)
