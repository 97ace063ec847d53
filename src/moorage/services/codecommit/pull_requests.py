"""Pull requests: opened, found, listed, changed, and what happened to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.core.faults import Fault
from moorage.core.names import RefName
from moorage.git import ref_names
from moorage.repos.pull_requests import history, life
from moorage.services.codecommit import idempotency, names, pages
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.people import person_form
from moorage.services.codecommit.pull_request_document import answer
from moorage.services.codecommit.pull_request_targets import of_pull_request, required
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository, own_arn, resource_tags
from moorage.storage import policy_principals
from moorage.storage import pull_requests as stored
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        CreatePullRequestInputTypeDef,
        DescribePullRequestEventsInputTypeDef,
        GetPullRequestInputTypeDef,
        ListPullRequestsInputTypeDef,
        UpdatePullRequestDescriptionInputTypeDef,
        UpdatePullRequestStatusInputTypeDef,
        UpdatePullRequestTitleInputTypeDef,
    )

    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.storage.pull_requests import EventRow


# --- opening --------------------------------------------------------------------------------


def _new_pull_request(call: Call, request: Request) -> list[Target]:
    _title(request)
    _description(request)
    target = _target(request)
    idempotency.token_form(request)
    name = names.repository(target["repositoryName"])
    _reference(target["sourceReference"])
    if "destinationReference" in target:
        _reference(target["destinationReference"])
    return [Target(own_arn(call, name), resource_tags(call, name))]


def _target(request: Request) -> Request:
    """Return the one target that a pull request has."""
    targets: list[Request] = request["targets"]
    if not targets:
        raise Fault("TargetsRequiredException", "A pull request needs a target")
    for target in targets:
        names.repository(target["repositoryName"])
    if len({target["repositoryName"] for target in targets}) > 1:
        raise Fault(
            "MultipleRepositoriesInPullRequestException",
            "The targets name several repositories; a pull request is about one",
        )
    if len(targets) > 1:
        raise Fault("InvalidTargetsException", "A pull request has one target: give one")
    return targets[0]


def _reference(text: str) -> RefName:
    """Return the full name of a branch, given in full or by its short name."""
    if not text:
        raise Fault("ReferenceNameRequiredException", "The name of a branch is required")
    is_other = text.startswith("refs/") and not text.startswith(ref_names.HEADS)
    if is_other and ref_names.ref_name_fault(text) is None:
        raise Fault(
            "ReferenceTypeNotSupportedException",
            f"{names.shown(text)} is no branch; a pull request goes from a branch to a branch",
        )
    short = text.removeprefix(ref_names.HEADS)
    if fault := ref_names.branch_name_fault(short):
        raise Fault("InvalidReferenceNameException", f"{names.shown(text)} is no branch's name: {fault}")
    return RefName(ref_names.HEADS + short)


def _title(request: Request) -> None:
    title = request["title"]
    if not title:
        raise Fault("TitleRequiredException", "A title is required")
    if not names.is_storable(title):
        raise Fault("InvalidTitleException", "The title holds what is no Unicode text")


def _description(request: Request) -> None:
    if not names.is_storable(request.get("description", "")):
        raise Fault("InvalidDescriptionException", "The description holds what is no Unicode text")


@codecommit.operation("CreatePullRequest", resource=_new_pull_request)
def create_pull_request(call: Call, request: CreatePullRequestInputTypeDef) -> dict[str, Any]:
    target = _target(request)
    for _ in range(life.ATTEMPTS):
        repository = opened(call, target)
        # Before anything of it is looked at: what was answered once may have lost its branches since.
        token = idempotency.token_key(call, "CreatePullRequest", request)
        before = life.answered(call.database, repository.row.repository_id, token)
        try:
            made = before or life.create(
                call.database, call.caller, repository, _asked(call, request, repository)
            )
        except life.Overtaken:
            continue
        return answer(call, repository.row, made)
    raise life.too_busy()


def _asked(call: Call, request: Request, repository: OpenRepository) -> life.Asked:
    target = _target(request)
    source = _branch(repository, target["sourceReference"])
    if "destinationReference" in target:
        destination = _branch(repository, target["destinationReference"])
    elif repository.row.default_branch is not None:
        destination = RefName(repository.row.default_branch)
    else:
        raise Fault("ReferenceDoesNotExistException", "The repository has no default branch to merge into")
    if source == destination:
        raise Fault(
            "SourceAndDestinationAreSameException",
            f"{source} is both source and destination; a pull request needs two branches",
        )
    return life.Asked(
        request["title"],
        request.get("description") or None,
        source,
        destination,
        idempotency.token_key(call, "CreatePullRequest", request),
    )


def _branch(repository: OpenRepository, text: str) -> RefName:
    ref = _reference(text)
    if repository.snapshot.ref(ref.encode()) is not None:
        return ref
    short = ref.removeprefix(ref_names.HEADS)
    if not text.startswith("refs/") and repository.snapshot.ref(f"{ref_names.TAGS}{short}".encode()):
        raise Fault(
            "ReferenceTypeNotSupportedException",
            f"{short} is a tag; a pull request goes from a branch to a branch",
        )
    raise Fault("ReferenceDoesNotExistException", f"{ref} does not exist in {repository.row.name}")


# --- finding --------------------------------------------------------------------------------


@codecommit.operation("GetPullRequest", resource=of_pull_request())
def get_pull_request(call: Call, request: GetPullRequestInputTypeDef) -> dict[str, Any]:
    row, found = required(call, request)
    call.keyring.require(call.caller, row)
    return answer(call, row, found)


def _author(request: Request) -> None:
    if "authorArn" in request:
        person_form(request["authorArn"], "InvalidAuthorArnException")


@codecommit.operation("ListPullRequests", resource=named_repository(_author))
def list_pull_requests(call: Call, request: ListPullRequestsInputTypeDef) -> dict[str, Any]:
    """List the ids of pull requests, those first in which something happened last."""
    row = call.repositories.require(call.caller, request["repositoryName"])
    call.keyring.require(call.caller, row)
    page = pages.page(call, "ListPullRequests", request)
    author = request.get("authorArn")
    after: tuple[int, int] | None = None
    if page.after is not None:
        at_ms, _, number = page.after.partition(" ")
        after = int(at_ms), int(number)
    listing = stored.Listing(row.repository_id, request.get("pullRequestStatus"), author, after)
    with call.database.read() as connection:
        found = stored.listed(connection, listing, page.limit + 1)
        # Somebody who was deleted is still the author of what there is of them.
        if author is not None and not found and not policy_principals.is_known(connection, author):
            raise Fault("AuthorDoesNotExistException", f"There is no {names.shown(author)}")
    shown = page.answer("pullRequestIds", found, lambda one: f"{one[0]} {one[1]}")
    return shown | {"pullRequestIds": [str(number) for _, number in shown["pullRequestIds"]]}


def _actor(request: Request) -> None:
    if "actorArn" in request:
        person_form(request["actorArn"], "InvalidActorArnException")


@codecommit.operation("DescribePullRequestEvents", resource=of_pull_request(_actor))
def describe_pull_request_events(
    call: Call, request: DescribePullRequestEventsInputTypeDef
) -> dict[str, Any]:
    """Tell what happened to a pull request, oldest first."""
    row, pull_request = required(call, request)
    call.keyring.require(call.caller, row)
    page = pages.page(call, "DescribePullRequestEvents", request)
    actor = request.get("actorArn")
    with call.database.read() as connection:
        found = stored.events(
            connection,
            pull_request.pull_request_key,
            event_type=request.get("pullRequestEventType"),
            actor_arn=actor,
            after=int(page.after or 0),
            limit=page.limit + 1,
        )
        if actor is not None and not found and not policy_principals.is_known(connection, actor):
            raise Fault("ActorDoesNotExistException", f"There is no {names.shown(actor)}")
    shown = page.answer("pullRequestEvents", found, lambda event: str(event.number))
    number = request["pullRequestId"]
    return shown | {"pullRequestEvents": [_event(number, event) for event in shown["pullRequestEvents"]]}


def _event(pull_request_id: str, event: EventRow) -> dict[str, Any]:
    return {
        "pullRequestId": pull_request_id,
        "eventDate": from_milliseconds(event.at_ms),
        "pullRequestEventType": event.event_type,
        "actorArn": event.actor_arn,
        history.METADATA_MEMBERS[event.event_type]: event.detail,
    }


# --- changing -------------------------------------------------------------------------------


@codecommit.operation("UpdatePullRequestTitle", resource=of_pull_request(_title))
def update_pull_request_title(call: Call, request: UpdatePullRequestTitleInputTypeDef) -> dict[str, Any]:
    row, found = required(call, request)
    action = "codecommit:UpdatePullRequestTitle"
    now = life.change_text(call.database, call.caller, found, action, title=request["title"])
    return answer(call, row, now)


@codecommit.operation("UpdatePullRequestDescription", resource=of_pull_request(_description))
def update_pull_request_description(
    call: Call, request: UpdatePullRequestDescriptionInputTypeDef
) -> dict[str, Any]:
    row, found = required(call, request)
    action = "codecommit:UpdatePullRequestDescription"
    now = life.change_text(call.database, call.caller, found, action, description=request["description"])
    return answer(call, row, now)


@codecommit.operation("UpdatePullRequestStatus", resource=of_pull_request())
def update_pull_request_status(call: Call, request: UpdatePullRequestStatusInputTypeDef) -> dict[str, Any]:
    """Close a pull request; that it is so already is no error. None is ever opened again."""
    row, found = required(call, request)
    call.keyring.require(call.caller, row)
    if request["pullRequestStatus"] == stored.CLOSED:
        found = life.close(call.database, call.caller, found)
    elif not found.is_open:
        raise Fault(
            "InvalidPullRequestStatusUpdateException",
            f"Pull request {found.number} is closed, which is for ever; open a new one",
        )
    return answer(call, row, found)
