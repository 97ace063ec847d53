"""What keeps two commits from being merged: the files in conflict, and the lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.repos.authoring import building
from moorage.repos.merge import Compared, compare
from moorage.repos.merge_rules import MergeOption
from moorage.services.codecommit import merge_requests, names, pages, paths, specifiers
from moorage.services.codecommit.merge_conflict_views import View
from moorage.services.codecommit.merge_requests import Commits
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        BatchDescribeMergeConflictsInputTypeDef,
        DescribeMergeConflictsInputTypeDef,
        GetMergeConflictsInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.wire.paging import Page

# AWS publishes none of these.
HUNKS_OF_A_FILE: Final = 100
HUNKS_OF_A_FILE_AT_MOST: Final = 1_000
# An answer with more hunks than this, in bytes of base64, ends its page: a file always has room.
HUNK_BYTES_A_PAGE: Final = 8 * 1024 * 1024

# What BatchDescribeMergeConflicts says of one file instead of failing as a whole.
_TOLD_BESIDE: Final = frozenset(
    {
        "FileDoesNotExistException",
        "InvalidPathException",
        "MaximumFileContentToLoadExceededException",
        "PathRequiredException",
    }
)


@dataclass(frozen=True, slots=True)
class _Looked:
    """A merge that is being looked at."""

    found: Commits
    compared: Compared
    view: View

    def described(self, path: str, hunks: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return a file's metadata and its first hunks."""
        verdict = self.compared.verdict(path.encode())
        if verdict is None:
            raise Fault("FileDoesNotExistException", f"{names.shown(path)} is in neither of the two commits")
        metadata = self.view.metadata(path.encode(), verdict)
        return metadata, list(islice(self.view.hunks(path.encode(), verdict), hunks))

    @property
    def commits(self) -> dict[str, str]:
        return merge_requests.shared(self.found, self.compared.outcome.base)


@contextmanager
def _looked_at(call: Call, request: Request, option: MergeOption) -> Iterator[_Looked]:
    repository = opened(call, request)
    found = merge_requests.commits(repository, request)
    rules = merge_requests.rules(request, option)
    with building(repository) as scratch:
        compared = compare(scratch.repository, found.destination, found.source, rules)
        yield _Looked(found, compared, View(scratch.repository, compared, rules))


def _file(request: Request) -> None:
    merge_requests.checked_specifiers(request)
    merge_requests.content_option(request)
    paths.file_path(request["filePath"])


def _files(request: Request) -> None:
    merge_requests.checked_specifiers(request)
    merge_requests.content_option(request)
    hunks = request.get("maxMergeHunks", HUNKS_OF_A_FILE)
    if not 1 <= hunks <= HUNKS_OF_A_FILE_AT_MOST:
        raise Fault(
            "InvalidMaxMergeHunksException", f"maxMergeHunks must be from 1 to {HUNKS_OF_A_FILE_AT_MOST}."
        )


def _specifiers(request: Request) -> None:
    """Check the form of both specifiers: for this operation alone the model has an error for each."""
    for side in ("Destination", "Source"):
        try:
            specifiers.form(request[f"{side.lower()}CommitSpecifier"])
        except Fault as fault:
            raise Fault(f"Invalid{side}CommitSpecifierException", fault.message) from None


@codecommit.operation("GetMergeConflicts", resource=named_repository(_specifiers))
def get_merge_conflicts(call: Call, request: GetMergeConflictsInputTypeDef) -> dict[str, Any]:
    """List the files in conflict. A fast-forward has none, whether it can be made or not."""
    page = pages.page(call, "GetMergeConflicts", request)
    with _looked_at(call, request, MergeOption(request["mergeOption"])) as looked:
        conflicts = _after(looked.compared.outcome.conflicts, _continued(page, looked.found))
        answer = page.answer("conflictMetadataList", conflicts, lambda path: _cursor(looked.found, path))
        for at, path in enumerate(answer["conflictMetadataList"]):
            verdict = looked.compared.merged.disputed[path]
            answer["conflictMetadataList"][at] = looked.view.metadata(path, verdict)
        return {"mergeable": looked.compared.outcome.mergeable, **looked.commits, **answer}


@codecommit.operation("DescribeMergeConflicts", resource=named_repository(_file))
def describe_merge_conflicts(call: Call, request: DescribeMergeConflictsInputTypeDef) -> dict[str, Any]:
    """Tell of one file all its hunks. One that is not in conflict has hunks that are in none."""
    page = pages.page(call, "DescribeMergeConflicts", request)
    path = paths.file_path(request["filePath"])
    with _looked_at(call, request, merge_requests.content_option(request)) as looked:
        first = int(_continued(page, looked.found) or b"0")
        metadata, hunks = looked.described(path, first + page.limit + 1)
        numbered = _fitting(enumerate(hunks[first:], first + 1), page)
        answer = numbered.page.answer(
            "mergeHunks", numbered.items, lambda item: _cursor(looked.found, b"%d" % item[0])
        )
        answer["mergeHunks"] = [hunk for _, hunk in answer["mergeHunks"]]
        return {"conflictMetadata": metadata, **looked.commits, **answer}


@codecommit.operation("BatchDescribeMergeConflicts", resource=named_repository(_files))
def batch_describe_merge_conflicts(
    call: Call, request: BatchDescribeMergeConflictsInputTypeDef
) -> dict[str, Any]:
    """Tell of many files their first hunks; without `filePaths`, of all that are in conflict."""
    page = pages.page(call, "BatchDescribeMergeConflicts", request)
    errors: list[dict[str, str]] = []
    with _looked_at(call, request, merge_requests.content_option(request)) as looked:
        conflicts = looked.compared.outcome.conflicts
        asked = request.get("filePaths") or [path.decode(errors="replace") for path in conflicts]
        start = int(_continued(page, looked.found) or b"0")
        unique = list(dict.fromkeys(asked))
        described = _described(looked, unique[start:], start, request.get("maxMergeHunks", HUNKS_OF_A_FILE))
        numbered = _fitting(described, page)
        answer = numbered.page.answer(
            "conflicts", numbered.items, lambda item: _cursor(looked.found, b"%d" % item[0])
        )
        found = [item for _, item in answer["conflicts"]]
        errors = [item for item in found if "exceptionName" in item]
        answer["conflicts"] = [item for item in found if "exceptionName" not in item]
        return {"errors": errors, **looked.commits, **answer}


def _described(
    looked: _Looked, asked: list[str], start: int, hunks: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield for each file what there is to tell, or why there is nothing, with the number of the next."""
    for number, text in enumerate(asked, start + 1):
        try:
            metadata, shown = looked.described(paths.file_path(text), hunks)
            yield number, {"conflictMetadata": metadata, "mergeHunks": shown}
        except Fault as fault:
            if fault.code not in _TOLD_BESIDE:
                raise
            yield number, {"filePath": text, "exceptionName": fault.code, "message": fault.message}


@dataclass(frozen=True, slots=True)
class _Fitting:
    page: Page
    items: list[tuple[int, dict[str, Any]]]


def _fitting(items: Iterator[tuple[int, dict[str, Any]]], page: Page) -> _Fitting:
    """Take items, one more than the page shows, and make the page smaller where their bytes are many."""
    taken: list[tuple[int, dict[str, Any]]] = []
    size = 0
    for item in islice(items, page.limit + 1):
        size += _hunk_bytes(item[1])
        taken.append(item)
        if size > HUNK_BYTES_A_PAGE and len(taken) > 1:
            return _Fitting(replace(page, limit=len(taken) - 1), taken)
    return _Fitting(page, taken)


def _hunk_bytes(item: dict[str, Any]) -> int:
    hunks: list[dict[str, Any]] = item.get("mergeHunks", [item])
    versions = (hunk[name] for hunk in hunks for name in ("base", "destination", "source") if name in hunk)
    return sum(len(version["hunkContent"]) for version in versions if isinstance(version, dict))


def _after(conflicts: tuple[bytes, ...], after: bytes | None) -> Iterator[bytes]:
    return (path for path in conflicts if after is None or path > after)


def _cursor(found: Commits, place: bytes) -> str:
    """Return where a page ends: a place in the merge of these two commits, and of no others."""
    return f"{found.destination} {found.source} {place.decode('utf-8', 'surrogateescape')}"


def _continued(page: Page, found: Commits) -> bytes | None:
    if page.after is None:
        return None
    destination, source, place = page.after.split(" ", 2)
    if (destination, source) != (found.destination, found.source):
        raise Fault(
            "InvalidContinuationTokenException",
            "A branch moved since the token was given out; begin again, or name the commits by their IDs",
        )
    return place.encode("utf-8", "surrogateescape")
