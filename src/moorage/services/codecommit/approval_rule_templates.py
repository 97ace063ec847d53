"""Approval rule templates: what pull requests of a repository get their first rules from.

Templates are the account's in a region and hold nothing of a repository: the operations here touch
no encryption key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.repos.approval import templates
from moorage.services.codecommit import pages
from moorage.services.codecommit.approval_forms import (
    existing_sha256,
    shown_template,
    template_content,
    template_description,
    template_name,
)
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import all_repositories
from moorage.storage import approval_rule_templates as rows

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        CreateApprovalRuleTemplateInputTypeDef,
        DeleteApprovalRuleTemplateInputTypeDef,
        GetApprovalRuleTemplateInputTypeDef,
        ListApprovalRuleTemplatesInputTypeDef,
        UpdateApprovalRuleTemplateContentInputTypeDef,
        UpdateApprovalRuleTemplateDescriptionInputTypeDef,
        UpdateApprovalRuleTemplateNameInputTypeDef,
    )

    from moorage.services.call import Call


@codecommit.operation(
    "CreateApprovalRuleTemplate",
    resource=all_repositories(
        template_name(), template_content("approvalRuleTemplateContent"), template_description
    ),
)
def create_approval_rule_template(
    call: Call, request: CreateApprovalRuleTemplateInputTypeDef
) -> dict[str, Any]:
    row = templates.create(
        call.database,
        call.caller,
        request["approvalRuleTemplateName"],
        request["approvalRuleTemplateContent"],
        request.get("approvalRuleTemplateDescription", ""),
    )
    return {"approvalRuleTemplate": shown_template(row)}


@codecommit.operation("GetApprovalRuleTemplate", resource=all_repositories(template_name()))
def get_approval_rule_template(call: Call, request: GetApprovalRuleTemplateInputTypeDef) -> dict[str, Any]:
    with call.database.read() as connection:
        row = templates.require(connection, call.caller, request["approvalRuleTemplateName"])
    return {"approvalRuleTemplate": shown_template(row)}


@codecommit.operation("ListApprovalRuleTemplates", resource=all_repositories())
def list_approval_rule_templates(
    call: Call, request: ListApprovalRuleTemplatesInputTypeDef
) -> dict[str, Any]:
    page = pages.page(call, "ListApprovalRuleTemplates", request)
    with call.database.read() as connection:
        caller = call.caller
        names = rows.names(
            connection, caller.account_id, caller.region, after=page.after, limit=page.limit + 1
        )
    return page.answer("approvalRuleTemplateNames", names, str)


@codecommit.operation("DeleteApprovalRuleTemplate", resource=all_repositories(template_name()))
def delete_approval_rule_template(
    call: Call, request: DeleteApprovalRuleTemplateInputTypeDef
) -> dict[str, Any]:
    """Delete a template. One that does not exist is no error: the answer then has no id."""
    template_id = templates.delete(call.database, call.caller, request["approvalRuleTemplateName"])
    return {} if template_id is None else {"approvalRuleTemplateId": template_id}


@codecommit.operation(
    "UpdateApprovalRuleTemplateContent",
    resource=all_repositories(template_name(), template_content("newRuleContent"), existing_sha256),
)
def update_approval_rule_template_content(
    call: Call, request: UpdateApprovalRuleTemplateContentInputTypeDef
) -> dict[str, Any]:
    row = templates.update_content(
        call.database,
        call.caller,
        request["approvalRuleTemplateName"],
        request["newRuleContent"],
        request.get("existingRuleContentSha256"),
    )
    return {"approvalRuleTemplate": shown_template(row)}


@codecommit.operation(
    "UpdateApprovalRuleTemplateDescription",
    resource=all_repositories(template_name(), template_description),
)
def update_approval_rule_template_description(
    call: Call, request: UpdateApprovalRuleTemplateDescriptionInputTypeDef
) -> dict[str, Any]:
    name, text = request["approvalRuleTemplateName"], request["approvalRuleTemplateDescription"]
    return {
        "approvalRuleTemplate": shown_template(
            templates.update_description(call.database, call.caller, name, text)
        )
    }


@codecommit.operation(
    "UpdateApprovalRuleTemplateName",
    resource=all_repositories(
        template_name("oldApprovalRuleTemplateName"), template_name("newApprovalRuleTemplateName")
    ),
)
def update_approval_rule_template_name(
    call: Call, request: UpdateApprovalRuleTemplateNameInputTypeDef
) -> dict[str, Any]:
    old, new = request["oldApprovalRuleTemplateName"], request["newApprovalRuleTemplateName"]
    return {"approvalRuleTemplate": shown_template(templates.rename(call.database, call.caller, old, new))}
