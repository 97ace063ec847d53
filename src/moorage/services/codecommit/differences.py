"""What differs between commits, file by file, and between two blobs, line by line."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.git import complaints, objects
from moorage.git.commands import ChildFailed
from moorage.repos import blob_differences
from moorage.repos.differences import NothingThere, Side, between
from moorage.services.codecommit import names, pages, paths, specifiers
from moorage.services.codecommit.files import FILE_BYTES_LIMIT
from moorage.services.codecommit.opening import opened
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository

if TYPE_CHECKING:
    from pathlib import Path

    import pygit2
    from types_boto3_codecommit.type_defs import GetBlobDifferencesInputTypeDef, GetDifferencesInputTypeDef

    from moorage.core.names import ObjectId
    from moorage.git.tree_differences import Difference
    from moorage.git.trees import Item
    from moorage.repos.blob_differences import Change, Hunk
    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call

# Source: the documentation of GetBlobDifferences.
_CONTEXT_LINES: Final = 3
_MOST_CONTEXT_LINES: Final = 20

_NOTHING: Final = "-"  # where a token has no commit before


# --- files ------------------------------------------------------------------------------------


def _specifiers(request: Request) -> None:
    for member in ("beforeCommitSpecifier", "afterCommitSpecifier"):
        if member in request:
            specifiers.form(request[member])


def _paths(request: Request) -> tuple[str, str]:
    """Return the path before and after. One that is not given is the same as the other."""
    given = {member: paths.folder_path(request[member]) for member in _PATHS if member in request}
    whole = next(iter(given.values()), "")
    return given.get("beforePath", whole), given.get("afterPath", whole)


_PATHS: Final = ("beforePath", "afterPath")


@codecommit.operation("GetDifferences", resource=named_repository(_specifiers, _paths))
def get_differences(call: Call, request: GetDifferencesInputTypeDef) -> dict[str, Any]:
    """List the files that differ. Pages after the first compare the same commits, wherever branches went."""
    repository = opened(call, request)
    page = pages.page(call, "GetDifferences", request)
    with repository.reading() as folder:
        reader = objects.open_bare(folder)
        before, after, start_after = _sides(repository, reader, request, page.after)
        try:
            found = between(reader, before, after, start_after=start_after)
        except NothingThere:
            raise Fault(
                "PathDoesNotExistException",
                f"Neither commit has a file or folder {names.shown(after.path)}",
            ) from None
        answer = page.answer("differences", found, lambda last: _cursor(before, after, last))
    answer["differences"] = [_difference(each, before, after) for each in answer["differences"]]
    return answer


def _sides(
    repository: OpenRepository, reader: pygit2.Repository, request: Request, cursor: str | None
) -> tuple[Side, Side, bytes | None]:
    """Return what to compare, and after which path to start."""

    def required(specifier: str) -> ObjectId:
        return specifiers.required(repository, specifier, reader=reader)

    before_path, after_path = _paths(request)
    if cursor is not None:
        old, new, path = cursor.split(" ", 2)
        before = None if old == _NOTHING else required(old)
        after = required(new)
        return Side(before, before_path), Side(after, after_path), path.encode(errors="surrogateescape")
    asked = request.get("beforeCommitSpecifier")
    before = required(asked) if asked is not None else None
    after = required(request["afterCommitSpecifier"])
    return Side(before, before_path), Side(after, after_path), None


def _cursor(before: Side, after: Side, last: Difference) -> str:
    path = last.path.decode(errors="surrogateescape")
    return f"{before.commit or _NOTHING} {after.commit} {path}"


def _difference(found: Difference, before: Side, after: Side) -> dict[str, Any]:
    """Show one. Of paths that are not UTF-8 the odd bytes are shown as U+FFFD."""
    answer: dict[str, Any] = {"changeType": found.change}
    if found.before is not None:
        answer["beforeBlob"] = _blob(found.before, before.full(found.path))
    if found.after is not None:
        answer["afterBlob"] = _blob(found.after, after.full(found.path))
    return answer


def _blob(item: Item, path: bytes) -> dict[str, str]:
    return {"blobId": item.object_id, "path": path.decode(errors="replace"), "mode": f"{item.mode:06o}"}


# --- lines ------------------------------------------------------------------------------------


def _blob_ids(request: Request) -> tuple[ObjectId | None, ObjectId]:
    before = names.blob(request["beforeBlobId"]) if "beforeBlobId" in request else None
    return before, names.blob(request["afterBlobId"])


def _context(request: Request) -> int:
    lines = int(request.get("contextLines", _CONTEXT_LINES))
    if not 0 <= lines <= _MOST_CONTEXT_LINES:
        raise Fault("ValidationException", f"contextLines must be from 0 to {_MOST_CONTEXT_LINES}")
    return lines


@codecommit.operation("GetBlobDifferences", resource=named_repository(_blob_ids, _context))
def get_blob_differences(call: Call, request: GetBlobDifferencesInputTypeDef) -> dict[str, Any]:
    """Compare two blobs as `git diff` does. A page ends early where its hunks get long."""
    repository = opened(call, request)
    page = pages.page(call, "GetBlobDifferences", request)
    before, after = _blob_ids(request)
    options = blob_differences.Options(_context(request), request.get("ignoreWhitespace", False))
    start = int(page.after or 0)
    with repository.lending() as place:
        reader = objects.open_bare(place.repository)
        before_bytes = 0 if before is None else _size(place.repository, reader, before)
        after_bytes = _size(place.repository, reader, after)
        compared = blob_differences.compare(place, reader, before, after, options)
        try:
            taken = blob_differences.page(islice(compared.hunks, start, None), page.limit)
        except ChildFailed as failure:
            raise _too_much(failure) from failure
    numbered = list(enumerate(taken.hunks, start + 1))
    answer = replace(page, limit=taken.limit).answer("hunks", numbered, lambda last: str(last[0]))
    return answer | {
        "hunks": [_hunk(hunk) for _, hunk in answer["hunks"]],
        "isBinary": compared.is_binary,
        "beforeBlobSize": before_bytes,
        "afterBlobSize": after_bytes,
    }


def _size(repository: Path, reader: pygit2.Repository, blob: ObjectId) -> int:
    """Return the size of a blob that may be compared."""
    if objects.object_type(repository, blob) != "blob":
        raise Fault("BlobIdDoesNotExistException", f"Blob {blob} does not exist")
    found = blob_differences.size(reader, blob)
    if found > FILE_BYTES_LIMIT:
        raise Fault(
            "FileTooLargeException",
            f"Blob {blob} has {found:,} bytes; up to {FILE_BYTES_LIMIT:,} are compared here, any file by git",
        )
    return found


def _too_much(failure: ChildFailed) -> BaseException:
    """Tell of a comparison that took too much; any other failure is none of the caller's."""
    if not complaints.asked_too_much(failure.finished):
        return failure
    return Fault("FileTooLargeException", "The two files differ too much to be compared here; use git")


def _hunk(hunk: Hunk) -> dict[str, Any]:
    return {
        "beforeStartLine": hunk.before_start,
        "beforeLineCount": hunk.before_count,
        "afterStartLine": hunk.after_start,
        "afterLineCount": hunk.after_count,
        "changes": [_change(change) for change in hunk.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    """Show a line. Of one that is not UTF-8 the odd bytes are shown as U+FFFD."""
    answer: dict[str, Any] = {"type": change.kind, "content": change.content.decode(errors="replace")}
    if change.before is not None:
        answer["beforeLineNumber"] = change.before
    if change.after is not None:
        answer["afterLineNumber"] = change.after
    return answer
