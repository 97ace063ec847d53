"""Approval rules of pull requests, and the approvals and overrides of their revisions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.repos.approval import evaluate
from moorage.repos.pull_requests import approvals, rules
from moorage.services.codecommit.approval_forms import (
    existing_sha256,
    rule_content,
    rule_name,
    shown_rule,
)
from moorage.services.codecommit.names import shown
from moorage.services.codecommit.pull_request_targets import of_pull_request, required
from moorage.services.codecommit.service import codecommit
from moorage.storage import approval_rules as rows

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        CreatePullRequestApprovalRuleInputTypeDef,
        DeletePullRequestApprovalRuleInputTypeDef,
        EvaluatePullRequestApprovalRulesInputTypeDef,
        GetPullRequestApprovalStatesInputTypeDef,
        GetPullRequestOverrideStateInputTypeDef,
        OverridePullRequestApprovalRulesInputTypeDef,
        UpdatePullRequestApprovalRuleContentInputTypeDef,
        UpdatePullRequestApprovalStateInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request
    from moorage.storage.pull_requests import PullRequestRow

_REVISION_ID = re.compile(r"[0-9a-f]{64}")


def _revision(request: Request) -> None:
    """Check the form of revisionId."""
    given = request["revisionId"]
    if not given:
        raise Fault("RevisionIdRequiredException", "revisionId is required")
    if not _REVISION_ID.fullmatch(given):
        raise Fault(
            "InvalidRevisionIdException",
            f"{shown(given)} is not a revision ID; GetPullRequest tells a pull request's revisionId",
        )


def _usable(call: Call, request: Request) -> PullRequestRow:
    """Return the pull request that a request names, to callers who may use its repository's key."""
    row, pull_request = required(call, request)
    call.keyring.require(call.caller, row)
    return pull_request


# --- rules ----------------------------------------------------------------------------------


@codecommit.operation(
    "CreatePullRequestApprovalRule",
    resource=of_pull_request(rule_name, rule_content("approvalRuleContent")),
)
def create_pull_request_approval_rule(
    call: Call, request: CreatePullRequestApprovalRuleInputTypeDef
) -> dict[str, Any]:
    pull_request = _usable(call, request)
    name, text = request["approvalRuleName"], request["approvalRuleContent"]
    return {"approvalRule": shown_rule(rules.create(call.database, call.caller, pull_request, name, text))}


@codecommit.operation(
    "UpdatePullRequestApprovalRuleContent",
    resource=of_pull_request(rule_name, existing_sha256, rule_content("newRuleContent")),
)
def update_pull_request_approval_rule_content(
    call: Call, request: UpdatePullRequestApprovalRuleContentInputTypeDef
) -> dict[str, Any]:
    rule = rules.update_content(
        call.database,
        call.caller,
        _usable(call, request),
        request["approvalRuleName"],
        request["newRuleContent"],
        expected_sha256=request.get("existingRuleContentSha256"),
    )
    return {"approvalRule": shown_rule(rule)}


@codecommit.operation("DeletePullRequestApprovalRule", resource=of_pull_request(rule_name))
def delete_pull_request_approval_rule(
    call: Call, request: DeletePullRequestApprovalRuleInputTypeDef
) -> dict[str, Any]:
    """Delete a rule. One that does not exist is no error: the answer then has no id."""
    pull_request = _usable(call, request)
    rule_id = rules.delete(call.database, call.caller, pull_request, request["approvalRuleName"])
    return {} if rule_id is None else {"approvalRuleId": rule_id}


@codecommit.operation("EvaluatePullRequestApprovalRules", resource=of_pull_request(_revision))
def evaluate_pull_request_approval_rules(
    call: Call, request: EvaluatePullRequestApprovalRulesInputTypeDef
) -> dict[str, Any]:
    pull_request = _usable(call, request)
    approvals.require_current(pull_request, request["revisionId"])
    with call.database.read() as connection:
        found = evaluate(connection, pull_request)
    return {
        "evaluation": {
            "approved": found.approved,
            "overridden": found.overridden,
            "approvalRulesSatisfied": list(found.satisfied),
            "approvalRulesNotSatisfied": list(found.not_satisfied),
        }
    }


# --- approvals and overrides ----------------------------------------------------------------


@codecommit.operation("GetPullRequestApprovalStates", resource=of_pull_request(_revision))
def get_pull_request_approval_states(
    call: Call, request: GetPullRequestApprovalStatesInputTypeDef
) -> dict[str, Any]:
    """Tell who approves a revision, which may be an earlier one."""
    pull_request = _usable(call, request)
    with call.database.read() as connection:
        approvals.require_known(connection, pull_request, request["revisionId"])
        approvers = rows.approvers(connection, request["revisionId"])
    return {"approvals": [{"userArn": arn, "approvalState": approvals.APPROVE} for arn in approvers]}


@codecommit.operation("UpdatePullRequestApprovalState", resource=of_pull_request(_revision))
def update_pull_request_approval_state(
    call: Call, request: UpdatePullRequestApprovalStateInputTypeDef
) -> None:
    pull_request = _usable(call, request)
    revision_id, state = request["revisionId"], request["approvalState"]
    approvals.set_approval(call.database, call.caller, pull_request, revision_id, state)


@codecommit.operation("OverridePullRequestApprovalRules", resource=of_pull_request(_revision))
def override_pull_request_approval_rules(
    call: Call, request: OverridePullRequestApprovalRulesInputTypeDef
) -> None:
    pull_request = _usable(call, request)
    revision_id, status = request["revisionId"], request["overrideStatus"]
    approvals.set_override(call.database, call.caller, pull_request, revision_id, status)


@codecommit.operation("GetPullRequestOverrideState", resource=of_pull_request(_revision))
def get_pull_request_override_state(
    call: Call, request: GetPullRequestOverrideStateInputTypeDef
) -> dict[str, Any]:
    """Tell whether the rules of a revision, which may be an earlier one, were put aside, and by whom."""
    pull_request = _usable(call, request)
    with call.database.read() as connection:
        approvals.require_known(connection, pull_request, request["revisionId"])
        overrider = rows.overrider(connection, request["revisionId"])
    return {"overridden": False} if overrider is None else {"overridden": True, "overrider": overrider}
