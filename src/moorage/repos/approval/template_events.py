"""What others are told of approval rule templates: events without a resource, and the audit.

In the guide's examples, the event of an update says `approvalRuleTemplateDeleted` and that of a
deletion `approvalRuleTemplateUpdated`. Here each says what happened.

Source: "Monitoring CodeCommit events in Amazon EventBridge and Amazon CloudWatch Events".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from moorage.storage import audit, outbox
from moorage.storage.outbox import OutboxEvent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.storage.approval_rule_templates import TemplateRow

TEMPLATE_CHANGE: Final = "CodeCommit Approval Rule Template Change"

CREATED: Final = "approvalRuleTemplateCreated"
UPDATED: Final = "approvalRuleTemplateUpdated"
DELETED: Final = "approvalRuleTemplateDeleted"
ASSOCIATED: Final = "approvalRuleTemplateAssociatedWithRepository"
DISASSOCIATED: Final = "approvalRuleTemplateDisassociatedFromRepository"
ASSOCIATED_BATCH: Final = "batchAssociateApprovalRuleTemplateWithRepositories"
DISASSOCIATED_BATCH: Final = "batchDisassociateApprovalRuleTemplateFromRepositories"

_ACTIONS: Final[Mapping[str, str]] = {
    CREATED: "CreateApprovalRuleTemplate",
    DELETED: "DeleteApprovalRuleTemplate",
    ASSOCIATED: "AssociateApprovalRuleTemplateWithRepository",
    DISASSOCIATED: "DisassociateApprovalRuleTemplateFromRepository",
    ASSOCIATED_BATCH: "BatchAssociateApprovalRuleTemplateWithRepositories",
    DISASSOCIATED_BATCH: "BatchDisassociateApprovalRuleTemplateFromRepositories",
}

_NO_REPOSITORIES: Mapping[str, str] = MappingProxyType({})


def tell(
    connection: Connection,
    caller: Caller,
    row: TemplateRow,
    event: str,
    now_ms: int,
    *,
    action: str = "",
    repositories: Mapping[str, str] = _NO_REPOSITORIES,
) -> None:
    """Write, in the transaction that makes it true, what happened to a template (as it is now).

    `repositories` are the ids of those that were tied to it or untied, by name. `action` is the
    operation's name, where the event does not tell it.
    """
    asked = action or _ACTIONS[event]
    outbox.append(connection, _event(caller, row, event, now_ms, repositories))
    # A template has no ARN: policies are asked about `*`.
    change = audit.change(
        caller,
        f"codecommit:{asked}",
        "*",
        now_ms,
        approvalRuleTemplateId=row.template_id,
        approvalRuleTemplateName=row.name,
        repositories=dict(repositories),
    )
    audit.record(connection, change)


def _event(
    caller: Caller, row: TemplateRow, event: str, now_ms: int, repositories: Mapping[str, str]
) -> OutboxEvent:
    detail = {
        "event": event,
        "callerUserArn": caller.principal.arn,
        "approvalRuleTemplateId": row.template_id,
        "approvalRuleTemplateName": row.name,
        "approvalRuleTemplateContentSha256": row.content_sha256,
        "creationDate": outbox.shown_date(row.created_at_ms),
        "lastModifiedDate": outbox.shown_date(row.modified_at_ms),
        "repositories": dict(repositories),
        "notificationBody": (
            f"{event} of the approval rule template {row.name} in the AWS account {row.account_id},"
            f" by {caller.principal.arn} on {outbox.shown_date(now_ms)}"
        ),
    }
    return OutboxEvent(
        account_id=row.account_id,
        region=row.region,
        detail_type=TEMPLATE_CHANGE,
        resource_arn="",  # none: an event of the account
        detail=json.dumps(detail, separators=(",", ":")),
        at_ms=now_ms,
    )
