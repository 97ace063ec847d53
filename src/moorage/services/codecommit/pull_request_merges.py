"""Pull requests merged: the destination moves and the pull request closes, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.core.names import ObjectId, RefName
from moorage.repos.merge_rules import MergeOption
from moorage.repos.merging import publish_merge
from moorage.repos.pull_requests import life
from moorage.services.codecommit import authors, conflict_resolution, merge_requests, names
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.pull_request_document import answer
from moorage.services.codecommit.pull_request_targets import into_destination, required
from moorage.services.codecommit.service import codecommit

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        MergePullRequestByFastForwardInputTypeDef,
        MergePullRequestBySquashInputTypeDef,
        MergePullRequestByThreeWayInputTypeDef,
    )

    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request
    from moorage.storage.pull_requests import PullRequestRow


def _source_commit(request: Request) -> None:
    if "sourceCommitId" in request:
        names.commit(request["sourceCommitId"])


@codecommit.operation("MergePullRequestByFastForward", resource=into_destination(_source_commit))
def merge_pull_request_by_fast_forward(
    call: Call, request: MergePullRequestByFastForwardInputTypeDef
) -> dict[str, Any]:
    return _merged(call, request, MergeOption.FAST_FORWARD, "codecommit:MergePullRequestByFastForward")


def _content(request: Request) -> None:
    _source_commit(request)
    authors.checked_author(request)
    conflict_resolution.resolution(request)


@codecommit.operation("MergePullRequestBySquash", resource=into_destination(_content))
def merge_pull_request_by_squash(call: Call, request: MergePullRequestBySquashInputTypeDef) -> dict[str, Any]:
    return _merged(call, request, MergeOption.SQUASH, "codecommit:MergePullRequestBySquash")


@codecommit.operation("MergePullRequestByThreeWay", resource=into_destination(_content))
def merge_pull_request_by_three_way(
    call: Call, request: MergePullRequestByThreeWayInputTypeDef
) -> dict[str, Any]:
    return _merged(call, request, MergeOption.THREE_WAY, "codecommit:MergePullRequestByThreeWay")


def _merged(call: Call, request: Request, option: MergeOption, action: str) -> dict[str, Any]:
    repository = opened(call, request)
    _, pull_request = required(call, request)
    if pull_request.repository_id != repository.row.repository_id:
        raise Fault(
            "RepositoryNotAssociatedWithPullRequestException",
            f"Pull request {pull_request.number} is not of the repository {repository.row.name}",
        )
    found = _commits(repository, request, pull_request)
    # Asked here so that nobody waits for a merge that may not be; asked again where it becomes true.
    with call.database.read() as connection:
        life.require_approved(connection, pull_request)
    source, destination = (ref.decode() for ref in (pull_request.source_ref, pull_request.destination_ref))
    described = {**request, "sourceCommitSpecifier": source, "destinationCommitSpecifier": destination}
    asked = merge_requests.asked(call, described, found, option)
    closing = life.closing(call.caller, pull_request, source=found.source, action=action, option=option)
    try:
        publish_merge(
            call.publisher,
            repository,
            call.caller,
            RefName(destination),
            asked,
            action=action,
            also=closing,
        )
    except Fault as fault:
        if fault.code == "ConcurrentReferenceUpdateException":
            _require_open(required(call, request)[1])  # the other one may have been its merge
        raise
    row, now = required(call, request)
    return answer(call, row, now)


def _commits(
    repository: OpenRepository, request: Request, pull_request: PullRequestRow
) -> merge_requests.Commits:
    """Return the tips to merge, which are those of the two branches now."""
    _require_open(pull_request)
    if "sourceCommitId" in request:
        life.require_tip(pull_request, names.commit(request["sourceCommitId"]))
    destination = repository.snapshot.ref(pull_request.destination_ref)
    source = repository.snapshot.ref(pull_request.source_ref)
    if source is None or destination is None:
        # Deleted between two looks: the next finds the pull request closed.
        raise Fault("ReferenceDoesNotExistException", "A branch of the pull request was deleted just now")
    return merge_requests.Commits(destination=destination, source=ObjectId(source))


def _require_open(pull_request: PullRequestRow) -> None:
    if not pull_request.is_open:
        raise life.already_closed(pull_request.number)
