"""Approval rule templates of an account and region: made, changed, tied to repositories.

A change of a template reaches pull requests that are made later. Rules made from it stay as they are.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import IntegrityError

from moorage.core.faults import Fault
from moorage.repos.approval import template_events
from moorage.repos.approval.content import sha256
from moorage.storage import approval_rule_templates as rows
from moorage.storage.approval_rule_templates import TemplateRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.storage.database import Database

# Source: "Quotas in AWS CodeCommit": templates in an account's region.
TEMPLATE_LIMIT: Final = 1_000


def require(connection: Connection, caller: Caller, name: str, *, for_change: bool = False) -> TemplateRow:
    """Return the caller's template of that name.

    Raises:
        Fault: ApprovalRuleTemplateDoesNotExistException.
    """
    row = rows.find(connection, caller.account_id, caller.region, name, for_change=for_change)
    if row is None:
        raise Fault(
            "ApprovalRuleTemplateDoesNotExistException",
            f"There is no approval rule template named {name} in {caller.region}",
        )
    return row


def create(database: Database, caller: Caller, name: str, content: str, description: str) -> TemplateRow:
    """Make a template of content that was checked.

    Raises:
        Fault: ApprovalRuleTemplateNameAlreadyExistsException, NumberOfRuleTemplatesExceededException.
    """
    with database.write() as connection:
        now_ms = database.now_ms(connection)
        row = TemplateRow(
            template_id=str(uuid.uuid4()),
            account_id=caller.account_id,
            region=caller.region,
            name=name,
            description=description or None,
            content=content,
            content_sha256=sha256(content),
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            modified_by=caller.principal.arn,
        )
        if not rows.add(connection, row):
            raise _name_is_taken(name)
        if rows.count(connection, caller.account_id, caller.region) > TEMPLATE_LIMIT:
            raise Fault(
                "NumberOfRuleTemplatesExceededException",
                f"This account has {TEMPLATE_LIMIT:,} approval rule templates in {caller.region} already",
            )
        template_events.tell(connection, caller, row, template_events.CREATED, now_ms)
    return row


def delete(database: Database, caller: Caller, name: str) -> str | None:
    """Delete a template; return its id, or None when there was none (which is no error).

    Raises:
        Fault: ApprovalRuleTemplateInUseException while a repository has it.
    """
    with database.write() as connection:
        row = rows.find(connection, caller.account_id, caller.region, name, for_change=True)
        if row is None:
            return None
        if rows.in_use(connection, row.template_id):
            raise Fault(
                "ApprovalRuleTemplateInUseException",
                f"The approval rule template {name} is associated with repositories. Disassociate it from"
                " them first; ListRepositoriesForApprovalRuleTemplate says which they are",
            )
        rows.remove(connection, row.template_id)
        template_events.tell(connection, caller, row, template_events.DELETED, database.now_ms(connection))
    return row.template_id


def update_content(
    database: Database, caller: Caller, name: str, content: str, expected_sha256: str | None
) -> TemplateRow:
    """Give a template other content, that was checked.

    Raises:
        Fault: ApprovalRuleTemplateDoesNotExistException; InvalidRuleContentSha256Exception when its
            content is not what the caller expects.
    """
    with database.write() as connection:
        row = require(connection, caller, name, for_change=True)
        require_sha256(row.content_sha256, expected_sha256)
        now_ms = database.now_ms(connection)
        changed = {"content": content, "content_sha256": sha256(content)}
        return _update(connection, caller, row, "Content", now_ms, **changed)


def update_description(database: Database, caller: Caller, name: str, description: str) -> TemplateRow:
    """Give a template another description; an empty one removes it.

    Raises:
        Fault: ApprovalRuleTemplateDoesNotExistException.
    """
    with database.write() as connection:
        row = require(connection, caller, name, for_change=True)
        now_ms = database.now_ms(connection)
        return _update(connection, caller, row, "Description", now_ms, description=description or None)


def rename(database: Database, caller: Caller, old: str, new: str) -> TemplateRow:
    """Give a template another name; one that has it already keeps it.

    Raises:
        Fault: ApprovalRuleTemplateDoesNotExistException, ApprovalRuleTemplateNameAlreadyExistsException.
    """
    try:
        with database.write() as connection:
            row = require(connection, caller, old, for_change=True)
            return _update(connection, caller, row, "Name", database.now_ms(connection), name=new)
    except IntegrityError as error:
        raise _name_is_taken(new) from error


def require_sha256(stands: str, expected: str | None) -> None:
    """Refuse a change of content that its caller has not seen as it stands; None expects nothing.

    Raises:
        Fault: InvalidRuleContentSha256Exception.
    """
    if expected is not None and expected.lower() != stands:
        raise Fault(
            "InvalidRuleContentSha256Exception",
            f"existingRuleContentSha256 is not the hash of the content that stands, which is {stands}",
        )


def _update(
    connection: Connection, caller: Caller, row: TemplateRow, what: str, now_ms: int, **changed: str | None
) -> TemplateRow:
    values: dict[str, Any] = {**changed, "modified_at_ms": now_ms, "modified_by": caller.principal.arn}
    rows.change(connection, row.template_id, **values)
    after = replace(row, **values)
    action = f"UpdateApprovalRuleTemplate{what}"
    template_events.tell(connection, caller, after, template_events.UPDATED, now_ms, action=action)
    return after


def _name_is_taken(name: str) -> Fault:
    return Fault(
        "ApprovalRuleTemplateNameAlreadyExistsException",
        f"There is an approval rule template named {name} already",
    )
