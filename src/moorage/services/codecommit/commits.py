"""Commits, told as Git wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.services.codecommit import names
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        BatchGetCommitsInputTypeDef,
        GetCommitInputTypeDef,
    )

    from moorage.core.names import ObjectId
    from moorage.git.objects import CommitInfo, Identity
    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call

# Source: the text of CommitIdsLimitExceededException.
BATCH_LIMIT = 100

# What BatchGetCommits says of one id instead of failing as a whole.
_TOLD_BESIDE = frozenset({"InvalidCommitIdException", "CommitIdDoesNotExistException"})


def _commit_id(request: Request) -> object:
    return names.commit(request["commitId"])


@codecommit.operation("GetCommit", resource=named_repository(_commit_id))
def get_commit(call: Call, request: GetCommitInputTypeDef) -> dict[str, Any]:
    repository = opened(call, request)
    return {"commit": _found(repository, names.commit(request["commitId"]))}


def _few_ids(request: Request) -> None:
    asked = request["commitIds"]
    if not asked:
        raise Fault("CommitIdsListRequiredException", "At least one commit ID is required")
    if len(asked) > BATCH_LIMIT:
        raise Fault(
            "CommitIdsLimitExceededException",
            f"{len(asked)} commit IDs were given; at most {BATCH_LIMIT} are allowed",
        )


@codecommit.operation("BatchGetCommits", resource=named_repository(_few_ids))
def batch_get_commits(call: Call, request: BatchGetCommitsInputTypeDef) -> dict[str, Any]:
    """Return the commits that there are, and beside every other id why there is none."""
    repository = opened(call, request)
    commits: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    with repository.reading():  # once: the commits then share what is on disk
        for asked in dict.fromkeys(request["commitIds"]):
            try:
                commits.append(_found(repository, names.commit(asked)))
            except Fault as fault:
                if fault.code not in _TOLD_BESIDE:
                    raise
                errors.append({"commitId": asked, "errorCode": fault.code, "errorMessage": fault.message})
    return {"commits": commits, "errors": errors}


def _found(repository: OpenRepository, commit_id: ObjectId) -> dict[str, Any]:
    found = repository.commit(commit_id)
    if found is None:
        raise Fault("CommitIdDoesNotExistException", f"Commit {commit_id} does not exist")
    return shown(found)


def shown(commit: CommitInfo) -> dict[str, Any]:
    """Show a commit as answers hold it."""
    return {
        "commitId": commit.commit_id,
        "treeId": commit.tree_id,
        "parents": list(commit.parents),
        "message": commit.message,
        "author": _person(commit.author),
        "committer": _person(commit.committer),
        "additionalData": commit.additional_data,
    }


def _person(who: Identity) -> dict[str, str]:
    return {"name": who.name, "email": who.email, "date": who.date}
