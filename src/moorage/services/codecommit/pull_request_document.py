"""The PullRequest that answers hold, as the model has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.services.codecommit.approval_forms import shown_rule
from moorage.storage import approval_rules

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.approval_rules import RuleRow
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow


def answer(call: Call, row: RepositoryRow, pull_request: PullRequestRow) -> dict[str, Any]:
    """Return an answer that holds a pull request."""
    with call.database.read() as connection:
        rules = approval_rules.of_pull_request(connection, pull_request.pull_request_key)
    return {"pullRequest": document(row, pull_request, rules)}


def document(row: RepositoryRow, pull_request: PullRequestRow, rules: list[RuleRow]) -> dict[str, Any]:
    """Return a pull request. What it has not is left out: description, token, merge base."""
    merge: dict[str, Any] = {"isMerged": pull_request.is_merged}
    merge |= _present(
        mergedBy=pull_request.merged_by,
        mergeCommitId=pull_request.merge_commit,
        mergeOption=pull_request.merge_option,
    )
    target = {
        "repositoryName": row.name,
        "sourceReference": pull_request.source_ref.decode(errors="replace"),
        "destinationReference": pull_request.destination_ref.decode(errors="replace"),
        "destinationCommit": pull_request.destination_commit,
        "sourceCommit": pull_request.source_commit,
        **_present(mergeBase=pull_request.merge_base),
        "mergeMetadata": merge,
    }
    return {
        "pullRequestId": str(pull_request.number),
        "title": pull_request.title,
        "lastActivityDate": from_milliseconds(pull_request.last_activity_at_ms),
        "creationDate": from_milliseconds(pull_request.created_at_ms),
        "pullRequestStatus": pull_request.status,
        "authorArn": pull_request.author_arn,
        "pullRequestTargets": [target],
        "revisionId": pull_request.revision_id,
        "approvalRules": [shown_rule(rule) for rule in rules],
        **_present(
            description=pull_request.description, clientRequestToken=pull_request.client_request_token
        ),
    }


def _present(**members: str | None) -> dict[str, str]:
    return {name: value for name, value in members.items() if value is not None}
