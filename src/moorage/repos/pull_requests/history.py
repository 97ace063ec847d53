"""What happened to a pull request: its history, and the events that others are told.

Both are written in the transaction that makes them true, with the repository's row locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from moorage.storage import outbox
from moorage.storage import pull_requests as stored

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.storage.outbox import OutboxEvent
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RepositoryRow

# The model's PullRequestEventType.
CREATED: Final = "PULL_REQUEST_CREATED"
STATUS_CHANGED: Final = "PULL_REQUEST_STATUS_CHANGED"
SOURCE_UPDATED: Final = "PULL_REQUEST_SOURCE_REFERENCE_UPDATED"
MERGE_STATE_CHANGED: Final = "PULL_REQUEST_MERGE_STATE_CHANGED"
RULE_CREATED: Final = "PULL_REQUEST_APPROVAL_RULE_CREATED"
RULE_UPDATED: Final = "PULL_REQUEST_APPROVAL_RULE_UPDATED"
RULE_DELETED: Final = "PULL_REQUEST_APPROVAL_RULE_DELETED"
RULE_OVERRIDDEN: Final = "PULL_REQUEST_APPROVAL_RULE_OVERRIDDEN"
APPROVAL_CHANGED: Final = "PULL_REQUEST_APPROVAL_STATE_CHANGED"

# The metadata member of DescribePullRequestEvents for each of them.
METADATA_MEMBERS: Final[Mapping[str, str]] = {
    CREATED: "pullRequestCreatedEventMetadata",
    STATUS_CHANGED: "pullRequestStatusChangedEventMetadata",
    SOURCE_UPDATED: "pullRequestSourceReferenceUpdatedEventMetadata",
    MERGE_STATE_CHANGED: "pullRequestMergedStateChangedEventMetadata",
    RULE_CREATED: "approvalRuleEventMetadata",
    RULE_UPDATED: "approvalRuleEventMetadata",
    RULE_DELETED: "approvalRuleEventMetadata",
    RULE_OVERRIDDEN: "approvalRuleOverriddenEventMetadata",
    APPROVAL_CHANGED: "approvalStateChangedEventMetadata",
}

STATE_CHANGE: Final = "CodeCommit Pull Request State Change"


def append(  # noqa: PLR0917 -- in the order of the table's columns
    connection: Connection,
    pull_request: PullRequestRow,
    event_type: str,
    actor_arn: str,
    at_ms: int,
    detail: Mapping[str, Any],
) -> None:
    """Add an event to the history of a pull request, which was active just now.

    `detail` is the content of the event's metadata member, as the model has it.
    """
    stored.append(
        connection, pull_request.pull_request_key, event_type, actor_arn, at_ms=at_ms, detail=detail
    )
    stored.change(connection, pull_request.pull_request_key, last_activity_at_ms=at_ms)


def told(
    caller: Caller,
    row: RepositoryRow,
    pull_request: PullRequestRow,
    event: str,
    at_ms: int,
    **more: str,
) -> OutboxEvent:
    """Describe what happened to a pull request (as it is now) for EventBridge: service.md section 8.

    `event` is AWS's name of it, as pullRequestCreated; `more` are members that only it has.
    """
    number = str(pull_request.number)
    detail: dict[str, object] = {
        "event": event,
        "author": pull_request.author_arn,
        "creationDate": outbox.shown_date(pull_request.created_at_ms),
        "lastModifiedDate": outbox.shown_date(at_ms),
        "title": pull_request.title,
        "destinationCommit": pull_request.destination_commit,
        "destinationReference": pull_request.destination_ref.decode(errors="replace"),
        "sourceCommit": pull_request.source_commit,
        "sourceReference": pull_request.source_ref.decode(errors="replace"),
        "isMerged": "True" if pull_request.is_merged else "False",
        "pullRequestId": number,
        "pullRequestStatus": "Open" if pull_request.is_open else "Closed",
        "repositoryNames": [row.name],
        "revisionId": pull_request.revision_id,
        "notificationBody": (
            f"{event} of pull request {number} in the AWS CodeCommit repository {row.name},"
            f" by {caller.principal.arn} on {outbox.shown_date(at_ms)}. Title: {pull_request.title}"
        ),
    }
    if pull_request.description is not None:
        detail["description"] = pull_request.description
    return outbox.event(caller, row, STATE_CHANGE, {**detail, **more}, at_ms)
