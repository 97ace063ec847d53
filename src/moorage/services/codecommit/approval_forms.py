"""The form of what operations on approval rules and their templates are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from moorage.core.clock import from_milliseconds
from moorage.core.faults import Fault
from moorage.repos.approval import content
from moorage.services.codecommit.names import is_storable, shown

if TYPE_CHECKING:
    from moorage.services.codecommit.targets import Request
    from moorage.storage.approval_rule_templates import TemplateRow
    from moorage.storage.approval_rules import RuleRow

# Source: "Quotas in AWS CodeCommit". Any characters will do, spaces too; those that nobody sees do not.
NAME_LIMIT: Final = 100
DESCRIPTION_LIMIT: Final = 1_000

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_LIMIT and is_storable(text) and text.isprintable() and bool(text.strip())


def template_name(member: str = "approvalRuleTemplateName") -> Callable[[Request], None]:
    """Make the check of the member that names a template.

    It raises InvalidApprovalRuleTemplateNameException.
    """

    def check(request: Request) -> None:
        if not _is_name(request[member]):
            raise Fault(
                "InvalidApprovalRuleTemplateNameException",
                f"{shown(request[member])} is not a valid name of an approval rule template: 1 to"
                f" {NAME_LIMIT} printable characters, spaces included",
            )

    return check


def rule_name(request: Request) -> None:
    """Check approvalRuleName.

    Raises:
        Fault: InvalidApprovalRuleNameException.
    """
    if not _is_name(request["approvalRuleName"]):
        raise Fault(
            "InvalidApprovalRuleNameException",
            f"{shown(request['approvalRuleName'])} is not a valid name of an approval rule: 1 to"
            f" {NAME_LIMIT} printable characters, spaces included",
        )


def template_content(member: str) -> Callable[[Request], object]:
    """Make the check of the member that holds a template's content."""
    return lambda request: content.template(request[member])


def rule_content(member: str) -> Callable[[Request], object]:
    """Make the check of the member that holds a rule's content."""
    return lambda request: content.rule(request[member])


def template_description(request: Request) -> None:
    """Check approvalRuleTemplateDescription, where there is one.

    Raises:
        Fault: InvalidApprovalRuleTemplateDescriptionException.
    """
    text = request.get("approvalRuleTemplateDescription", "")
    if len(text) > DESCRIPTION_LIMIT or not is_storable(text):
        raise Fault(
            "InvalidApprovalRuleTemplateDescriptionException",
            f"A description has at most {DESCRIPTION_LIMIT:,} characters, none of them U+0000",
        )


def existing_sha256(request: Request) -> None:
    """Check existingRuleContentSha256, where there is one.

    Raises:
        Fault: InvalidRuleContentSha256Exception.
    """
    given = request.get("existingRuleContentSha256")
    if given is not None and not _SHA256.fullmatch(given):
        raise Fault(
            "InvalidRuleContentSha256Exception",
            "existingRuleContentSha256 is the SHA-256 hash of the content: 64 hexadecimal digits",
        )


def shown_template(row: TemplateRow) -> dict[str, Any]:
    """Return a template as the model shows it; its content byte for byte as it was sent."""
    template = {
        "approvalRuleTemplateId": row.template_id,
        "approvalRuleTemplateName": row.name,
        "approvalRuleTemplateContent": row.content,
        "ruleContentSha256": row.content_sha256,
        "lastModifiedDate": from_milliseconds(row.modified_at_ms),
        "creationDate": from_milliseconds(row.created_at_ms),
        "lastModifiedUser": row.modified_by,
    }
    if row.description is not None:
        template["approvalRuleTemplateDescription"] = row.description
    return template


def shown_rule(row: RuleRow) -> dict[str, Any]:
    """Return a rule as the model shows it; its content byte for byte as it was sent."""
    rule: dict[str, Any] = {
        "approvalRuleId": row.rule_id,
        "approvalRuleName": row.name,
        "approvalRuleContent": row.content,
        "ruleContentSha256": row.content_sha256,
        "lastModifiedDate": from_milliseconds(row.modified_at_ms),
        "creationDate": from_milliseconds(row.created_at_ms),
        "lastModifiedUser": row.modified_by,
    }
    if row.template_id is not None:
        rule["originApprovalRuleTemplate"] = {
            "approvalRuleTemplateId": row.template_id,
            "approvalRuleTemplateName": row.template_name,
        }
    return rule
