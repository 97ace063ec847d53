"""Merging three trees, path by path. What it finds is a proposal: nothing is written.

As Git's own merge does it, by these rules: what one side changed is taken; a file that both changed
is merged by lines; a file that one side renamed and the other changed is merged under its new name.
A folder that was renamed does not take files with it that the other side added to it.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import NamedTuple

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.renames import RenameLimits, find_renames
from moorage.git.text_merge import TextMerge, is_binary, merge_text
from moorage.git.tree_changes import Changes, Three, changes
from moorage.git.trees import Item


class MergeLimits(NamedTuple):
    """How much a merge may look at."""

    items: int  # paths that differ
    files: int  # to be merged by lines
    file_bytes: int  # the largest one of them, in any version
    bytes: int  # all of them together
    file_lines: int  # the longest one of them
    lines: int  # all of them together
    renames: RenameLimits


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a path that both sides changed, each in another way.

    `item` is what to put there, `content` its merged content, None where the object of `item` has it.
    Where something is in conflict, they stand for our side there and for the merge elsewhere.
    """

    three: Three
    item: Item | None
    content: bytes | None = None
    text: TextMerge | None = None
    content_conflict: bool = False
    mode_conflict: bool = False
    kind_conflict: bool = False

    @property
    def conflict(self) -> bool:
        return self.content_conflict or self.mode_conflict or self.kind_conflict


@dataclass(frozen=True, slots=True)
class TreeMerge:
    """A merge of trees: what is settled without looking into files, and what was disputed."""

    settled: dict[bytes, Item | None]
    disputed: dict[bytes, Verdict]


class Merger:
    """Merges trees of one repository within limits, counted over all its merges."""

    def __init__(self, repository: pygit2.Repository, limits: MergeLimits) -> None:
        self._repository = repository
        self._limits = limits
        self._files_left = limits.files
        self._bytes_left = limits.bytes
        self._lines_left = limits.lines

    def merge(self, base: ObjectId | None, ours: ObjectId, theirs: ObjectId) -> TreeMerge:
        """Merge two trees that come from a third.

        Raises:
            Fault: MaximumItemsToCompareExceededException, MaximumFileContentToLoadExceededException.
        """
        found = changes(self._repository, base, ours, theirs, limit=self._limits.items)
        forced: set[bytes] = set()
        if any(_may_be_renamed(three) for three in found.by_path.values()):
            # Where that is too much to look at, it is merged as if nothing had been renamed.
            with contextlib.suppress(Fault):
                found = changes(self._repository, base, ours, theirs, limit=self._limits.items, whole=True)
                forced = self._follow_renames(found)
        settled = {
            path: three.settled
            for path, three in found.by_path.items()
            if not three.disputed and path not in forced
        }
        disputed = {
            path: self._verdict(three, forced=path in forced)
            for path, three in found.by_path.items()
            if three.disputed or path in forced
        }
        _part_files_from_folders(found, settled, disputed)
        return TreeMerge(settled, disputed)

    def text(self, three: Three) -> TextMerge | None:
        """Compare a path's versions by lines; None where they are no texts.

        Raises:
            Fault: MaximumFileContentToLoadExceededException.
        """
        base, ours, theirs = (
            self._load(item) if item is not None and item.is_file else b"" for item in three
        )
        if any(map(is_binary, (base, ours, theirs))):
            return None
        return merge_text(base, ours, theirs)

    def _load(self, item: Item) -> bytes:
        size = self._repository.odb.read_header(item.object_id)[1]
        self._bytes_left -= size
        if size > self._limits.file_bytes or self._bytes_left < 0:
            raise _too_large(self._limits)
        content: bytes = self._repository.odb.read(item.object_id)[1]
        lines = content.count(b"\n")
        self._lines_left -= lines
        if lines > self._limits.file_lines or self._lines_left < 0:
            raise _too_large(self._limits)
        return content

    def _verdict(self, three: Three, *, forced: bool) -> Verdict:
        _, ours, theirs = three
        if ours is None or theirs is None:
            return Verdict(three, ours or theirs, content_conflict=True)
        verdict = self._of_both(three, ours, theirs)
        return replace(verdict, content_conflict=True) if forced else verdict

    def _of_both(self, three: Three, ours: Item, theirs: Item) -> Verdict:
        base = three.base
        if ours.kind != theirs.kind:
            return Verdict(three, ours, kind_conflict=True)
        common = base if base is not None and base.kind == ours.kind else None
        mode = _merged_mode(common, ours, theirs)
        object_id = _merged_id(common, ours, theirs)
        if object_id is not None:
            return Verdict(three, Item(mode or ours.mode, object_id), mode_conflict=mode is None)
        if not ours.is_file:
            return Verdict(three, ours, content_conflict=True)
        self._files_left -= 1
        if self._files_left < 0:
            raise _too_many_files(self._limits.files)
        merged = Item(mode or ours.mode, ours.object_id)
        text = self.text(Three(common, ours, theirs))
        if text is None:
            return Verdict(three, merged, content_conflict=True, mode_conflict=mode is None)
        conflict = text.conflicts > 0
        return Verdict(
            three, merged, text.content(), text, content_conflict=conflict, mode_conflict=mode is None
        )

    def _follow_renames(self, found: Changes) -> set[bytes]:
        """Move what one side did to a file to where the other side has it now; return new conflicts.

        A file is followed only to a path where the other side has nothing: else both paths tell
        for themselves what is in conflict.
        """
        ours = self._renames_of(found, "ours")
        theirs = self._renames_of(found, "theirs")
        forced: set[bytes] = set()
        for old in sorted(ours.keys() | theirs.keys()):
            if not _may_be_renamed(found.by_path[old]):
                continue
            forced |= _followed(found, old, ours.get(old), theirs.get(old))
        return forced

    def _renames_of(self, found: Changes, side: str) -> dict[bytes, bytes]:
        deleted, added, relevant = {}, {}, set()
        for path, three in found.by_path.items():
            item: Item | None = getattr(three, side)
            if three.base is not None and item is None:
                deleted[path] = three.base
                relevant |= {path} if _may_be_renamed(three) else set()
            elif three.base is None and item is not None:
                added[path] = item
        return find_renames(self._repository, deleted, added, relevant, self._limits.renames)


def _may_be_renamed(three: Three) -> bool:
    """Whether a side deleted what the other did not leave as it was."""
    return (
        three.base is not None
        and not three.base.is_tree
        and None in three[1:]
        and three.base not in three[1:]
    )


def _followed(found: Changes, old: bytes, in_ours: bytes | None, in_theirs: bytes | None) -> set[bytes]:
    base, ours, theirs = found.by_path[old]
    if in_ours is not None and in_theirs is not None:
        return _followed_both(found, old, in_ours, in_theirs)
    new = in_ours or in_theirs or old
    there = found.by_path[new]
    other = theirs if in_ours is not None else ours
    # What became a link, or a file of one, is another thing that stays; the file itself was deleted.
    stays = other is not None and base is not None and other.kind != base.kind
    followed = None if stays else other
    if in_ours is not None and there.theirs is None:
        found.by_path[new] = Three(base, there.ours, followed)
    elif in_theirs is not None and there.ours is None:
        found.by_path[new] = Three(base, followed, there.theirs)
    else:
        return set()
    found.by_path[old] = Three(None, ours, theirs) if stays else Three(base, None, None)
    return {new} if followed is None else set()


def _followed_both(found: Changes, old: bytes, in_ours: bytes, in_theirs: bytes) -> set[bytes]:
    base = found.by_path[old].base
    there = found.by_path[in_ours], found.by_path[in_theirs]
    if in_ours == in_theirs:
        found.by_path[in_ours] = Three(base, there[0].ours, there[0].theirs)
        return set()
    for three, path in zip(there, (in_ours, in_theirs), strict=True):
        found.by_path[path] = Three(three.base or base, three.ours, three.theirs)
    return {in_ours, in_theirs}


def _merged_mode(base: Item | None, ours: Item, theirs: Item) -> int | None:
    """Return the mode that both sides want together; None where each wants another one."""
    if ours.mode == theirs.mode or (base is not None and theirs.mode == base.mode):
        return ours.mode
    return theirs.mode if base is not None and ours.mode == base.mode else None


def _merged_id(base: Item | None, ours: Item, theirs: Item) -> ObjectId | None:
    """Return the content where at most one side changed it, None where both did."""
    if ours.object_id == theirs.object_id or (base is not None and theirs.object_id == base.object_id):
        return ours.object_id
    return theirs.object_id if base is not None and ours.object_id == base.object_id else None


def _part_files_from_folders(
    found: Changes, settled: dict[bytes, Item | None], disputed: dict[bytes, Verdict]
) -> None:
    """Make a conflict of a file that would stand where a folder stands too."""
    paths = sorted(found.by_path) if found.mixed else []
    for path in found.mixed:
        if not _stays(path, settled, disputed):
            continue
        if any(_stays(each, settled, disputed) for each in below(path, paths)):
            verdict = disputed.get(path) or Verdict(found.by_path[path], settled.pop(path))
            disputed[path] = replace(verdict, kind_conflict=True)


def below(folder: bytes, paths: list[bytes]) -> list[bytes]:
    """Return which of the sorted paths are in a folder."""
    return paths[bisect_left(paths, folder + b"/") : bisect_left(paths, folder + b"0")]


def _stays(path: bytes, settled: dict[bytes, Item | None], disputed: dict[bytes, Verdict]) -> bool:
    return path in disputed or settled.get(path) is not None


def _too_many_files(limit: int) -> Fault:
    return Fault(
        "MaximumFileContentToLoadExceededException",
        f"More than {limit:,} files were changed on both sides",
    )


def _too_large(limits: MergeLimits) -> Fault:
    return Fault(
        "MaximumFileContentToLoadExceededException",
        f"Files of more than {limits.file_bytes:,} bytes or {limits.file_lines:,} lines, or of"
        f" {limits.bytes:,} bytes or {limits.lines:,} lines together, were changed on both sides;"
        " merge them with a Git client and push the result",
    )
