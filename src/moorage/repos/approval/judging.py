"""Approval rules where pull requests are made and merged: what the rest of pull requests calls."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from moorage.repos.approval import content
from moorage.repos.approval.evaluation import Evaluation, evaluate_rules
from moorage.storage import approval_rule_templates, approval_rules
from moorage.storage.approval_rules import RuleRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow


def on_created(
    connection: Connection,
    caller: Caller,
    row: RepositoryRow,
    pull_request: PullRequestRow,
    now_ms: int,
) -> list[RuleRow]:
    """Give a new pull request the rules of its repository's templates for its destination branch.

    It runs in the transaction that makes the pull request, which holds the repository's row. A rule
    has its template's name and content; later changes of the template do not reach it. No event
    tells of these rules: they are part of the pull request from its beginning.
    """
    made = [
        RuleRow(
            rule_id=str(uuid.uuid4()),
            pull_request_key=pull_request.pull_request_key,
            name=template.name,
            content=template.content,
            content_sha256=template.content_sha256,
            template_id=template.template_id,
            template_name=template.name,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            modified_by=caller.principal.arn,
        )
        for template in approval_rule_templates.of_repository(connection, row.repository_id)
        if content.stored(template.content).is_about(pull_request.destination_ref)
    ]
    approval_rules.add(connection, made)
    return made


def evaluate(connection: Connection, pull_request: PullRequestRow) -> Evaluation:
    """Judge the rules of a pull request by the approvals of its current revision.

    Before a merge, call it in the transaction that holds the repository's row, with the pull request
    as it was read there: neither an approval nor a new revision can then come in between.
    """
    rules = approval_rules.of_pull_request(connection, pull_request.pull_request_key)
    approvers = approval_rules.approvers(connection, pull_request.revision_id)
    overridden = approval_rules.overrider(connection, pull_request.revision_id) is not None
    read = [(rule.name, content.stored(rule.content)) for rule in rules]
    return evaluate_rules(read, approvers, overridden=overridden)
