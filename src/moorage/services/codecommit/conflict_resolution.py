"""The entries with which a caller resolves conflicts: their form, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from moorage.core.faults import Fault
from moorage.repos.merge_rules import Keep, Replacement, Resolution, Strategy
from moorage.services.codecommit import file_modes, paths
from moorage.services.codecommit.names import shown

if TYPE_CHECKING:
    from moorage.services.codecommit.targets import Request

# AWS publishes no number.
MAX_ENTRIES: Final = 1_000

# Source: "Quotas in AWS CodeCommit", files and commits made by the API.
MAX_FILE_BYTES: Final = 6 * 1024 * 1024
MAX_BYTES: Final = 7 * 1024 * 1024


def resolution(request: Request) -> dict[bytes, Resolution]:
    """Return what `conflictResolution` says of each path.

    Raises:
        Fault: one of the errors that the model has for its form.
    """
    asked: Mapping[str, Any] = request.get("conflictResolution") or {}
    entries = list(_entries(asked))
    if entries and request.get("conflictResolutionStrategy") != Strategy.AUTOMERGE:
        raise Fault(
            "InvalidConflictResolutionException",
            "Conflicts are resolved by entries only with the conflict resolution strategy AUTOMERGE",
        )
    if len(entries) > MAX_ENTRIES:
        raise Fault(
            "MaximumConflictResolutionEntriesExceededException",
            f"{len(entries)} conflict resolution entries were given; at most {MAX_ENTRIES:,} are allowed",
        )
    found: dict[bytes, Resolution] = {}
    for path, entry in entries:
        if path in found:
            raise Fault(
                "MultipleConflictResolutionEntriesException",
                f"{shown(path.decode())} has more than one conflict resolution entry; give it one",
            )
        found[path] = entry
    _require_small(found)
    return found


def _entries(asked: Mapping[str, Any]) -> Iterator[tuple[bytes, Resolution]]:
    for entry in asked.get("replaceContents", ()):
        yield _path(entry), _replacement(entry)
    for entry in asked.get("deleteFiles", ()):
        yield _path(entry), None
    for entry in asked.get("setFileModes", ()):
        yield _path(entry), file_modes.GIT_MODES[entry["fileMode"]]


def _path(entry: Mapping[str, Any]) -> bytes:
    return paths.file_path(entry["filePath"]).encode()


def _replacement(entry: Mapping[str, Any]) -> Replacement:
    keep = Keep(entry["replacementType"])
    content: bytes | None = entry.get("content")
    if keep is Keep.NEW_CONTENT and content is None:
        raise Fault(
            "ReplacementContentRequiredException",
            f"The replacement USE_NEW_CONTENT of {shown(entry['filePath'])} needs content",
        )
    if keep is not Keep.NEW_CONTENT and content:
        raise Fault(
            "InvalidReplacementContentException",
            f"The replacement {keep} of {shown(entry['filePath'])} has content: only USE_NEW_CONTENT does",
        )
    return Replacement(keep, content or b"", file_modes.git_mode(entry))


def _require_small(found: Mapping[bytes, Resolution]) -> None:
    sizes = [len(entry.content) for entry in found.values() if isinstance(entry, Replacement)]
    if any(size > MAX_FILE_BYTES for size in sizes):
        raise Fault("FileContentSizeLimitExceededException", "A file's content has at most 6 MB")
    if sum(sizes) > MAX_BYTES:
        raise Fault("FolderContentSizeLimitExceededException", "The new contents have at most 7 MB together")
