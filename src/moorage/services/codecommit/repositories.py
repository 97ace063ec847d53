"""Repositories: made, described, listed, renamed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.keys.key_policy import DEFAULT_ALIAS
from moorage.services.codecommit import names, pages
from moorage.services.codecommit.metadata import metadata
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import (
    Request,
    all_repositories,
    both_names,
    named_repository,
    new_repository,
    own_arn,
    resource_tags,
)
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        BatchGetRepositoriesInputTypeDef,
        CreateRepositoryInputTypeDef,
        DeleteRepositoryInputTypeDef,
        GetRepositoryInputTypeDef,
        ListRepositoriesInputTypeDef,
        UpdateRepositoryDescriptionInputTypeDef,
        UpdateRepositoryNameInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.storage.repositories import RepositoryRow

# What BatchGetRepositories reports beside a name instead of failing as a whole.
_KEY_ERRORS = frozenset(
    {
        "EncryptionIntegrityChecksFailedException",
        "EncryptionKeyAccessDeniedException",
        "EncryptionKeyDisabledException",
        "EncryptionKeyNotFoundException",
        "EncryptionKeyUnavailableException",
    }
)


@codecommit.operation("CreateRepository", resource=new_repository)
def create_repository(call: Call, request: CreateRepositoryInputTypeDef) -> dict[str, Any]:
    row = call.repositories.create(
        call.caller,
        request["repositoryName"],
        description=names.description(request.get("repositoryDescription", "")),
        tags=request.get("tags", {}),
        key_name=request.get("kmsKeyId", DEFAULT_ALIAS),
    )
    return {"repositoryMetadata": metadata(call, row)}


@codecommit.operation("GetRepository", resource=named_repository())
def get_repository(call: Call, request: GetRepositoryInputTypeDef) -> dict[str, Any]:
    row = call.repositories.require(call.caller, request["repositoryName"])
    call.keyring.require(call.caller, row)
    return {"repositoryMetadata": metadata(call, row)}


def _each_named_repository(call: Call, request: Request) -> list[Target]:
    asked = names.few_repositories(request["repositoryNames"])
    unique = dict.fromkeys(names.repository(name) for name in asked)
    return [Target(own_arn(call, name), resource_tags(call, name)) for name in unique]


@codecommit.operation("BatchGetRepositories", resource=_each_named_repository)
def batch_get_repositories(call: Call, request: BatchGetRepositoriesInputTypeDef) -> dict[str, Any]:
    found: list[object] = []
    missing: list[str] = []
    errors: list[dict[str, str]] = []
    for name in dict.fromkeys(request["repositoryNames"]):
        pair = call.repositories.find(call.caller.account_id, call.caller.region, name)
        if pair is None:
            missing.append(name)
            continue
        row, _ = pair
        try:
            call.keyring.require(call.caller, row)
        except Fault as fault:
            if fault.code not in _KEY_ERRORS:
                raise
            errors.append(
                {
                    "repositoryId": row.repository_id,
                    "repositoryName": row.name,
                    "errorCode": fault.code,
                    "errorMessage": fault.message,
                }
            )
        else:
            found.append(metadata(call, row))
    return {"repositories": found, "repositoriesNotFound": missing, "errors": errors}


@codecommit.operation("ListRepositories", resource=all_repositories())
def list_repositories(call: Call, request: ListRepositoriesInputTypeDef) -> dict[str, Any]:
    """List by name, or by the time of the last change and then by name."""
    page = pages.page(call, "ListRepositories", request)
    by_date = request.get("sortBy") == "lastModifiedDate"
    descending = request.get("order") == "descending"

    def place(row: RepositoryRow) -> tuple[int, str]:
        return (row.modified_at_ms if by_date else 0, row.name)

    rows = sorted(call.repositories.listing(call.caller), key=place, reverse=descending)
    if page.after is not None:
        shown = _read_place(page.after)
        rows = [row for row in rows if (place(row) < shown if descending else place(row) > shown)]
    answer = page.answer("repositories", rows, lambda row: "{} {}".format(*place(row)))
    pairs = [
        {"repositoryName": row.name, "repositoryId": row.repository_id} for row in answer["repositories"]
    ]
    return answer | {"repositories": pairs}


def _read_place(cursor: str) -> tuple[int, str]:
    modified_at_ms, _, name = cursor.partition(" ")
    return int(modified_at_ms), name


@codecommit.operation("DeleteRepository", resource=named_repository())
def delete_repository(call: Call, request: DeleteRepositoryInputTypeDef) -> dict[str, Any]:
    """Delete a repository. One that does not exist is no error: the answer then has no id."""
    name = request["repositoryName"]
    pair = call.repositories.find(call.caller.account_id, call.caller.region, name)
    if pair is None:
        return {}
    try:
        call.keyring.require(call.caller, pair[0])
    except Fault as fault:
        # What was encrypted under a key that is gone for ever is gone too: the rest may be cleared away.
        if fault.code != "EncryptionKeyNotFoundException":
            raise
    repository_id = call.repositories.delete(call.caller, name)
    return {} if repository_id is None else {"repositoryId": repository_id}


@codecommit.operation("UpdateRepositoryName", resource=both_names)
def update_repository_name(call: Call, request: UpdateRepositoryNameInputTypeDef) -> None:
    call.repositories.rename(call.caller, request["oldName"], request["newName"])


def _description(request: Request) -> str | None:
    return names.description(request.get("repositoryDescription", ""))


@codecommit.operation("UpdateRepositoryDescription", resource=named_repository(_description))
def update_repository_description(call: Call, request: UpdateRepositoryDescriptionInputTypeDef) -> None:
    """Set a description; without one in the request, the repository has none afterwards."""
    call.repositories.describe(call.caller, request["repositoryName"], _description(request))
