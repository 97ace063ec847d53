"""Where a comment on a change may hang: at a file and a line that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.objects import open_bare
from moorage.git.trees import Item, item_at, tree_of
from moorage.storage.comments import Location

if TYPE_CHECKING:
    import pygit2

    from moorage.repos.opened import OpenRepository

BEFORE: Final = "BEFORE"
AFTER: Final = "AFTER"

# A line is looked for in files that the API itself shows; larger ones take comments as a whole.
MAX_BYTES_FOR_LINES: Final = 6 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A place as a caller names it. No version: the file is on either side."""

    file_path: str
    file_position: int | None = None
    file_version: str | None = None


def located(
    opened: OpenRepository,
    compared: tuple[ObjectId | None, ObjectId],
    place: Place | None,
    pull_request_key: str | None = None,
) -> Location:
    """Return where a comment on two commits (before and after) hangs.

    Raises:
        Fault: CommitDoesNotExistException, PathDoesNotExistException, InvalidFilePositionException,
            InvalidFileLocationException.
    """
    before, after = compared
    require_commits(opened, compared)
    if place is None:
        return Location(pull_request_key, before, after)
    with opened.reading() as path:
        repository = open_bare(path)
        sides = {
            BEFORE: None
            if before is None
            else item_at(repository, tree_of(repository, before), place.file_path),
            AFTER: item_at(repository, tree_of(repository, after), place.file_path),
        }
        _require_place(repository, place, sides, before)
    return Location(
        pull_request_key,
        before,
        after,
        _blob(sides[BEFORE]),
        _blob(sides[AFTER]),
        place.file_path,
        place.file_position,
        place.file_version,
    )


def require_commits(opened: OpenRepository, commits: tuple[ObjectId | None, ...]) -> None:
    """Refuse ids that are no commits of the repository.

    Raises:
        Fault: CommitDoesNotExistException.
    """
    for commit in commits:
        if commit is not None and not opened.has_commit(commit):
            raise Fault(
                "CommitDoesNotExistException",
                f"{opened.row.name} has no commit {commit}; was it ever pushed?",
            )


def _require_place(
    repository: pygit2.Repository, place: Place, sides: dict[str, Item | None], before: ObjectId | None
) -> None:
    if place.file_version == BEFORE and before is None:
        raise Fault(
            "InvalidFileLocationException", "There is no side BEFORE: the request has no beforeCommitId"
        )
    asked = (AFTER, BEFORE) if place.file_version is None else (place.file_version,)
    found = [item for item in (sides[side] for side in asked) if item is not None and not item.is_tree]
    if not found:
        raise Fault(
            "PathDoesNotExistException",
            f"There is no file {place.file_path} in the commit {' or '.join(sorted(asked))} the change",
        )
    if place.file_position is not None:
        _require_line(repository, found[0], place)


def _require_line(repository: pygit2.Repository, item: Item, place: Place) -> None:
    lines = _lines(repository, item)
    if lines is None:
        raise Fault(
            "InvalidFilePositionException",
            f"{place.file_path} has no lines to comment on (it is no file, or larger than"
            f" {MAX_BYTES_FOR_LINES >> 20} MB); leave filePosition out to comment on it as a whole",
        )
    if not 1 <= (place.file_position or 0) <= lines:
        raise Fault(
            "InvalidFilePositionException",
            f"{place.file_path} has no line {place.file_position}: on that side it has {lines} lines, counted"
            " from 1",
        )


def _lines(repository: pygit2.Repository, item: Item) -> int | None:
    if not item.is_content:
        return None
    _, size = repository.odb.read_header(item.object_id)
    if size > MAX_BYTES_FOR_LINES:
        return None
    content: bytes = repository.odb.read(item.object_id)[1]
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _blob(item: Item | None) -> ObjectId | None:
    return item.object_id if item is not None and item.is_content else None
