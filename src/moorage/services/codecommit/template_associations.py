"""Which repositories have which approval rule templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.repos.approval import templates
from moorage.repos.approval.associations import Associations
from moorage.services.codecommit import names, pages
from moorage.services.codecommit.approval_forms import template_name
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import (
    Request,
    all_repositories,
    named_repository,
    own_arn,
    resource_tags,
)
from moorage.storage import approval_rule_templates as rows
from moorage.storage import repositories as repository_rows
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        AssociateApprovalRuleTemplateWithRepositoryInputTypeDef,
        BatchAssociateApprovalRuleTemplateWithRepositoriesInputTypeDef,
        BatchDisassociateApprovalRuleTemplateFromRepositoriesInputTypeDef,
        DisassociateApprovalRuleTemplateFromRepositoryInputTypeDef,
        ListAssociatedApprovalRuleTemplatesForRepositoryInputTypeDef,
        ListRepositoriesForApprovalRuleTemplateInputTypeDef,
    )

    from moorage.services.call import Call


_Outcome = Mapping[str, Fault | None]


def _associations(call: Call) -> Associations:
    return Associations(call.database, call.keyring, call.caller)


@codecommit.operation(
    "AssociateApprovalRuleTemplateWithRepository", resource=named_repository(template_name())
)
def associate_approval_rule_template_with_repository(
    call: Call, request: AssociateApprovalRuleTemplateWithRepositoryInputTypeDef
) -> None:
    _associations(call).associate(request["approvalRuleTemplateName"], request["repositoryName"])


@codecommit.operation(
    "DisassociateApprovalRuleTemplateFromRepository", resource=named_repository(template_name())
)
def disassociate_approval_rule_template_from_repository(
    call: Call, request: DisassociateApprovalRuleTemplateFromRepositoryInputTypeDef
) -> None:
    _associations(call).disassociate(request["approvalRuleTemplateName"], request["repositoryName"])


def _each_valid_name(call: Call, request: Request) -> list[Target]:
    """The rule of the batch operations: a name that is none is told beside the others, not refused."""
    template_name()(request)
    valid, _ = _sorted_out(names.few_repositories(request["repositoryNames"]))
    if not valid:
        return [Target(own_arn(call, "*"))]
    return [Target(own_arn(call, name), resource_tags(call, name)) for name in valid]


def _sorted_out(asked: Sequence[str]) -> tuple[list[str], dict[str, Fault | None]]:
    """Return the names that are names of repositories, and what is wrong with the others."""
    valid: list[str] = []
    wrong: dict[str, Fault | None] = {}
    for name in dict.fromkeys(asked):
        try:
            valid.append(names.repository(name))
        except Fault as fault:
            wrong[name] = fault
    return valid, wrong


def _batch(request: Request, change: Callable[[str, list[str]], _Outcome], done: str) -> dict[str, Any]:
    """Make a change of many repositories; tell what became of each, in the order they were asked for."""
    asked = request["repositoryNames"]
    valid, wrong = _sorted_out(asked)
    outcome = {**change(request["approvalRuleTemplateName"], valid), **wrong}
    in_order = [(name, outcome[name]) for name in dict.fromkeys(asked)]
    errors = [
        {"repositoryName": names.shown(name), "errorCode": fault.code, "errorMessage": fault.message}
        for name, fault in in_order
        if fault is not None
    ]
    return {done: [name for name, fault in in_order if fault is None], "errors": errors}


@codecommit.operation("BatchAssociateApprovalRuleTemplateWithRepositories", resource=_each_valid_name)
def batch_associate_approval_rule_template_with_repositories(
    call: Call, request: BatchAssociateApprovalRuleTemplateWithRepositoriesInputTypeDef
) -> dict[str, Any]:
    return _batch(request, _associations(call).associate_all, "associatedRepositoryNames")


@codecommit.operation("BatchDisassociateApprovalRuleTemplateFromRepositories", resource=_each_valid_name)
def batch_disassociate_approval_rule_template_from_repositories(
    call: Call, request: BatchDisassociateApprovalRuleTemplateFromRepositoriesInputTypeDef
) -> dict[str, Any]:
    return _batch(request, _associations(call).disassociate_all, "disassociatedRepositoryNames")


@codecommit.operation("ListAssociatedApprovalRuleTemplatesForRepository", resource=named_repository())
def list_associated_approval_rule_templates_for_repository(
    call: Call, request: ListAssociatedApprovalRuleTemplatesForRepositoryInputTypeDef
) -> dict[str, Any]:
    operation = "ListAssociatedApprovalRuleTemplatesForRepository"
    page = pages.page(call, operation, request)
    row = call.repositories.require(call.caller, request["repositoryName"])
    call.keyring.require(call.caller, row)
    with call.database.read() as connection:
        found = [template.name for template in rows.of_repository(connection, row.repository_id)]
    # Sorted here: databases do not agree on the order of letters.
    after = [name for name in sorted(found) if page.after is None or name > page.after]
    return page.answer("approvalRuleTemplateNames", after, str)


@codecommit.operation("ListRepositoriesForApprovalRuleTemplate", resource=all_repositories(template_name()))
def list_repositories_for_approval_rule_template(
    call: Call, request: ListRepositoriesForApprovalRuleTemplateInputTypeDef
) -> dict[str, Any]:
    """List names of repositories, to callers who may use the key of each that is shown."""
    operation = "ListRepositoriesForApprovalRuleTemplate"
    page = pages.page(call, operation, request)
    caller = call.caller
    with call.database.read() as connection:
        template = templates.require(connection, caller, request["approvalRuleTemplateName"])
        found = rows.repository_names(
            connection, template.template_id, after=page.after, limit=page.limit + 1
        )
        for name in found[: page.limit]:
            row = repository_rows.find(connection, caller.account_id, caller.region, name)
            if row is not None:
                call.keyring.require(caller, row, connection)
    return page.answer("repositoryNames", found, str)
