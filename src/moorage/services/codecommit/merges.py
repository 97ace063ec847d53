"""Merges: which ones can be made, making them, and finding what they made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.git import ref_names
from moorage.git.merge_bases import merge_base
from moorage.repos import revisions
from moorage.repos.authoring import building
from moorage.repos.merge import merge
from moorage.repos.merge_rules import MergeOption
from moorage.repos.merging import Merged, publish_merge, publish_unreferenced
from moorage.services.codecommit import merge_requests, names, specifiers
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import REFERENCES, Request, named_repository, own_arn, resource_tags
from moorage.storage import merge_commits
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        CreateUnreferencedMergeCommitInputTypeDef,
        GetMergeCommitInputTypeDef,
        GetMergeOptionsInputTypeDef,
        MergeBranchesByFastForwardInputTypeDef,
        MergeBranchesBySquashInputTypeDef,
        MergeBranchesByThreeWayInputTypeDef,
    )

    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Check, Rule


def _into_destination(check: Check) -> Rule:
    """Make the rule of an operation about a branch to merge into; it may name a tag or an id instead."""

    def rule(call: Call, request: Request) -> list[Target]:
        name = names.repository(request["repositoryName"])
        check(request)
        context = resource_tags(call, name)
        ref = _target(call, request)
        if ref is not None:
            context[REFERENCES] = (ref,)
        return [Target(own_arn(call, name), context)]

    return rule


def _target(call: Call, request: Request) -> str | None:
    """Return the full name of the branch that a request wants moved, None where it names none."""
    if "targetBranch" in request:
        return names.branch(request["targetBranch"])
    specifier = request["destinationCommitSpecifier"]
    if specifier == specifiers.HEAD:
        found = call.repositories.find(call.caller.account_id, call.caller.region, request["repositoryName"])
        return found[0].default_branch if found is not None else None
    if specifier.startswith("refs/"):
        return specifier if specifier.startswith(ref_names.HEADS) else None
    return None if ref_names.branch_name_fault(specifier) else ref_names.HEADS + specifier


def _unreferenced(request: Request) -> None:
    merge_requests.content_option(request)
    merge_requests.checked_merge(request)


def _branches(request: Request) -> None:
    if "targetBranch" in request:
        names.branch(request["targetBranch"])
    merge_requests.checked_merge(request)


@codecommit.operation("GetMergeOptions", resource=named_repository(merge_requests.checked_specifiers))
def get_merge_options(call: Call, request: GetMergeOptionsInputTypeDef) -> dict[str, Any]:
    """Tell which merges can be made now. Unrelated histories have no base: its id is all zeros."""
    repository = opened(call, request)
    found = merge_requests.commits(repository, request)
    outcome = merge(
        repository,
        found.destination,
        found.source,
        merge_requests.rules(request, MergeOption.THREE_WAY),
    )
    options = [MergeOption.FAST_FORWARD.value] if outcome.base == found.destination else []
    if outcome.mergeable:
        options += [MergeOption.SQUASH.value, MergeOption.THREE_WAY.value]
    return {"mergeOptions": options, **merge_requests.shared(found, outcome.base or ZERO_ID)}


@codecommit.operation("GetMergeCommit", resource=_into_destination(merge_requests.checked_specifiers))
def get_merge_commit(call: Call, request: GetMergeCommitInputTypeDef) -> dict[str, Any]:
    """Tell the newest merge commit that the API made of two commits, if it made one."""
    repository = opened(call, request)
    found = merge_requests.commits(repository, request)
    with call.database.read() as connection:
        made = merge_commits.find(
            connection,
            repository.row.repository_id,
            found.source,
            found.destination,
            detail_level=request.get("conflictDetailLevel"),
            strategy=request.get("conflictResolutionStrategy"),
        )
    if made is None:
        return merge_requests.shared(found, _base(repository, found))
    base = ObjectId(made.base_commit) if made.base_commit is not None else None
    return {**merge_requests.shared(found, base), "mergedCommitId": made.merged_commit}


@codecommit.operation("CreateUnreferencedMergeCommit", resource=_into_destination(_unreferenced))
def create_unreferenced_merge_commit(
    call: Call, request: CreateUnreferencedMergeCommitInputTypeDef
) -> dict[str, Any]:
    repository = opened(call, request)
    found = merge_requests.commits(repository, request)
    asked = merge_requests.asked(call, request, found, merge_requests.content_option(request))
    action = "codecommit:CreateUnreferencedMergeCommit"
    return _shown(publish_unreferenced(call.publisher, repository, call.caller, asked, action=action))


@codecommit.operation("MergeBranchesByFastForward", resource=_into_destination(_branches))
def merge_branches_by_fast_forward(
    call: Call, request: MergeBranchesByFastForwardInputTypeDef
) -> dict[str, Any]:
    return _merged(call, request, MergeOption.FAST_FORWARD, "codecommit:MergeBranchesByFastForward")


@codecommit.operation("MergeBranchesBySquash", resource=_into_destination(_branches))
def merge_branches_by_squash(call: Call, request: MergeBranchesBySquashInputTypeDef) -> dict[str, Any]:
    return _merged(call, request, MergeOption.SQUASH, "codecommit:MergeBranchesBySquash")


@codecommit.operation("MergeBranchesByThreeWay", resource=_into_destination(_branches))
def merge_branches_by_three_way(call: Call, request: MergeBranchesByThreeWayInputTypeDef) -> dict[str, Any]:
    return _merged(call, request, MergeOption.THREE_WAY, "codecommit:MergeBranchesByThreeWay")


def _merged(call: Call, request: Request, option: MergeOption, action: str) -> dict[str, Any]:
    repository = opened(call, request)
    found = merge_requests.commits(repository, request)
    branch = _branch(call, repository, request)
    if request["destinationCommitSpecifier"] == specifiers.HEAD:
        # It may be another branch now than the one that the gate was asked about.
        name = repository.row.name
        context = resource_tags(call, name) | {REFERENCES: (branch,)}
        call.gate.require(call.caller, action, own_arn(call, name), context)
    asked = merge_requests.asked(call, request, found, option)
    return _shown(publish_merge(call.publisher, repository, call.caller, branch, asked, action=action))


def _branch(call: Call, repository: OpenRepository, request: Request) -> RefName:
    """Return the branch to move: the target, which is the destination where that is a branch."""
    destination = revisions.branch_of(repository, request["destinationCommitSpecifier"])
    target = _target(call, request)
    if "targetBranch" not in request:
        if destination is None:
            raise Fault(
                "BranchNameRequiredException",
                "The destination is no branch: targetBranch has to say which branch the merge goes to",
            )
        return RefName(destination)
    short = request["targetBranch"]
    if repository.snapshot.ref(str(target).encode()) is None:
        if repository.snapshot.ref((ref_names.TAGS + short).encode()) is not None:
            raise Fault("BranchNameIsTagNameException", f"{short} is a tag; a merge goes to a branch")
        raise Fault("BranchDoesNotExistException", f"Branch {short} does not exist")
    if destination is not None and destination != target:
        raise Fault(
            "InvalidTargetBranchException",
            f"The merge goes to {target}, but its destination is {destination}: they have to be the same",
        )
    return RefName(str(target))


def _base(repository: OpenRepository, found: merge_requests.Commits) -> ObjectId | None:
    with building(repository) as scratch:
        return merge_base(scratch.repository, found.destination, found.source)


def _shown(merged: Merged) -> dict[str, Any]:
    return {"commitId": merged.commit, "treeId": merged.tree}
