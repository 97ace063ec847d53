"""The history of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.git import complaints, objects
from moorage.git.commands import ChildFailed
from moorage.repos import file_history
from moorage.repos.file_history import Frontier, TooDivergent, Version
from moorage.services.codecommit import commits, names, pages, paths, specifiers
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_codecommit.type_defs import ListFileCommitHistoryRequestTypeDef

    from moorage.core.names import ObjectId
    from moorage.services.call import Call


def _path(request: Request) -> object:
    return paths.file_path(request["filePath"])


@codecommit.operation("ListFileCommitHistory", resource=named_repository(specifiers.asked, _path))
def list_file_commit_history(call: Call, request: ListFileCommitHistoryRequestTypeDef) -> dict[str, Any]:
    """List a file's versions. Pages after the first go on from the same commits, wherever branches went."""
    repository = opened(call, request)
    page = pages.page(call, "ListFileCommitHistory", request)
    with repository.lending() as place:
        start: ObjectId | Frontier
        if page.after is not None:
            start = _frontier(place.repository, page.after)
        else:
            start = specifiers.required(repository, specifiers.asked(request))
        path = paths.file_path(request["filePath"]).encode()
        try:
            versions, frontier = file_history.page(place, path, start, page.limit)
        except TooDivergent:
            raise _too_divergent(request) from None
        except ChildFailed as failure:
            if not complaints.asked_too_much(failure.finished):
                raise
            raise _too_divergent(request) from failure
    # The token is the frontier, whatever the last version is.
    items = [*versions, None] if frontier is not None else versions
    answer = replace(page, limit=len(versions)).answer("revisionDag", items, lambda _: frontier or "")
    return answer | {"revisionDag": [_shown(version) for version in versions]}


def _frontier(repository: Path, cursor: str) -> Frontier:
    frontier = Frontier.loads(cursor)
    if any(objects.object_type(repository, commit) is None for commit in frontier.commits):
        raise Fault(
            "InvalidContinuationTokenException",
            "Commits that this token leads to are no longer in the repository; ask again without it",
        )
    return frontier


def _too_divergent(request: Request) -> Fault:
    return Fault(
        "TipsDivergenceExceededException",
        f"The history of {names.shown(request['filePath'])} has too many lines beside one another to be told,"
        " or commits that change too many files",
    )


def _shown(version: Version) -> dict[str, Any]:
    """Show one. Of paths that are not UTF-8 the odd bytes are shown as U+FFFD."""
    return {
        "commit": commits.shown(version.commit),
        "blobId": version.blob,
        "path": version.path.decode(errors="replace"),
        "revisionChildren": list(version.children),
    }
