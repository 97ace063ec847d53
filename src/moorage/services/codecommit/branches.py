"""Branches: made, found, listed, deleted, and the default one."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault, unavailable
from moorage.repos.push_rules import STALE
from moorage.services.codecommit import names, pages
from moorage.services.codecommit.metadata import branch_name
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        CreateBranchInputTypeDef,
        DeleteBranchInputTypeDef,
        GetBranchInputTypeDef,
        ListBranchesInputTypeDef,
        UpdateDefaultBranchInputTypeDef,
    )

    from moorage.git.advertise import Ref
    from moorage.services.call import Call
    from moorage.wire.dispatch import Target

_HEADS = b"refs/heads/"

# A branch that is pushed to while it is being deleted is looked at again, this often.
_DELETE_ATTEMPTS = 5


def _branch(request: Request) -> object:
    return names.branch(request["branchName"])


def _commit_id(request: Request) -> object:
    return names.commit(request["commitId"])


def _default_branch(request: Request) -> object:
    return names.branch(request["defaultBranchName"])


@codecommit.operation("CreateBranch", resource=named_repository(_commit_id, branch="branchName"))
def create_branch(call: Call, request: CreateBranchInputTypeDef) -> None:
    repository = opened(call, request)
    ref, commit = names.branch(request["branchName"]), names.commit(request["commitId"])
    if not repository.has_commit(commit):
        raise Fault("CommitDoesNotExistException", f"Commit {commit} does not exist")
    reason = call.publisher.move_ref(
        call.caller, repository, ref, action="codecommit:CreateBranch", old=None, new=commit
    )
    if reason == STALE:
        raise Fault("BranchNameExistsException", f"Branch {request['branchName']} already exists")
    if reason is not None:
        raise Fault("InvalidBranchNameException", reason)


@codecommit.operation("DeleteBranch", resource=named_repository(branch="branchName"))
def delete_branch(call: Call, request: DeleteBranchInputTypeDef) -> dict[str, Any]:
    """Delete a branch, wherever it points. One that does not exist is no error: nothing is answered."""
    name = request["branchName"]
    ref = names.branch(name)
    for _ in range(_DELETE_ATTEMPTS):
        repository = opened(call, request)
        if repository.row.default_branch == ref:
            raise Fault("DefaultBranchCannotBeDeletedException", f"{name} is the default branch")
        tip = repository.snapshot.ref(ref.encode())
        if tip is None:
            return {}
        reason = call.publisher.move_ref(
            call.caller, repository, ref, action="codecommit:DeleteBranch", old=tip, new=None
        )
        if reason is None:
            return {"deletedBranch": {"branchName": name, "commitId": tip}}
    raise unavailable(f"Branch {name} is being pushed to; try again")


def _named_branch(call: Call, request: Request) -> list[Target]:
    # The model marks neither member as required, yet lists the errors for their absence.
    for member, code in (
        ("repositoryName", "RepositoryNameRequiredException"),
        ("branchName", "BranchNameRequiredException"),
    ):
        if member not in request:
            raise Fault(code, f"{member} is required")
    return list(named_repository(_branch)(call, request))


@codecommit.operation("GetBranch", resource=_named_branch)
def get_branch(call: Call, request: GetBranchInputTypeDef) -> dict[str, Any]:
    name = request["branchName"]
    tip = opened(call, request).snapshot.ref(names.branch(name).encode())
    if tip is None:
        raise Fault("BranchDoesNotExistException", f"Branch {name} does not exist")
    return {"branch": {"branchName": name, "commitId": tip}}


@codecommit.operation("ListBranches", resource=named_repository())
def list_branches(call: Call, request: ListBranchesInputTypeDef) -> dict[str, Any]:
    refs = opened(call, request).snapshot.refs.refs
    page = pages.page(call, "ListBranches", request)
    if page.after is None:
        start = bisect_left(refs, _HEADS, key=_name)
    else:
        start = bisect_right(refs, _HEADS + page.after.encode(), key=_name)
    rest = itertools.takewhile(_is_branch, (refs[at] for at in range(start, len(refs))))
    return page.answer("branches", (branch_name(ref.name.decode()) for ref in rest), str)


def _name(ref: Ref) -> bytes:
    return ref.name


def _is_branch(ref: Ref) -> bool:
    return ref.name.startswith(_HEADS)


@codecommit.operation("UpdateDefaultBranch", resource=named_repository(_default_branch))
def update_default_branch(call: Call, request: UpdateDefaultBranchInputTypeDef) -> None:
    """Make a branch the default one; that it is already is no error."""
    branch = names.branch(request["defaultBranchName"])
    call.repositories.set_default_branch(call.caller, request["repositoryName"], branch)
