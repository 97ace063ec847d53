"""From what both sides disputed to a result: by detail level, strategy, and a caller's own entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID
from moorage.git.text_merge import Change
from moorage.git.three_way import TreeMerge, Verdict, below
from moorage.git.trees import SUBMODULE, Item
from moorage.repos.merge_rules import DetailLevel, Keep, MergeRules, Replacement, Resolution, Strategy


@dataclass(frozen=True, slots=True)
class Edit:
    """What is put at a path, None for nothing; `content` where it is no object of the repository yet."""

    item: Item | None
    content: bytes | None = None


_GONE: Final = Edit(None)
_SIDES: Final = {Keep.BASE: 0, Keep.DESTINATION: 1, Keep.SOURCE: 2}
_ACCEPTED: Final = {Strategy.ACCEPT_SOURCE: Keep.SOURCE, Strategy.ACCEPT_DESTINATION: Keep.DESTINATION}


class Resolver:
    """Settles one merge of trees by its rules. `edits` are to be made to the destination's tree."""

    def __init__(
        self,
        repository: pygit2.Repository,
        merged: TreeMerge,
        rules: MergeRules,
    ) -> None:
        self._repository = repository
        self._merged = merged
        self._rules = rules
        self._paths = sorted({*merged.settled, *merged.disputed})
        self.edits: dict[bytes, Edit] = {}

    def run(self) -> set[bytes]:
        """Fill `edits`; return the paths that stay in conflict.

        Raises:
            Fault: InvalidConflictResolutionException, FileModeRequiredException.
        """
        for path, item in self._merged.settled.items():
            self.edits[path] = Edit(item)
        open_paths: set[bytes] = set()
        for path, verdict in self._merged.disputed.items():
            self.edits[path] = Edit(verdict.item, verdict.content)
            if self._in_conflict(verdict):
                open_paths.add(path)
        side = _ACCEPTED.get(self._rules.strategy)
        if side is not None:
            for path in sorted(open_paths):
                self._accept(path, self._merged.disputed[path], side)
            return set()
        for path in sorted(self._rules.resolution):
            self._apply(path, self._rules.resolution[path], open_paths)
        return open_paths

    def _in_conflict(self, verdict: Verdict) -> bool:
        if self._rules.level is DetailLevel.FILE and self._rules.strategy is not Strategy.AUTOMERGE:
            return True
        return verdict.conflict

    def _accept(self, path: bytes, verdict: Verdict, side: Keep) -> None:
        kept = _version(verdict, side)
        if self._rules.level is DetailLevel.FILE or verdict.text is None or verdict.item is None:
            self._put(path, Edit(kept))
            return
        winner = Change.THEIRS if side is Keep.SOURCE else Change.OURS
        mode = kept.mode if verdict.mode_conflict and kept is not None else verdict.item.mode
        self._put(path, Edit(Item(mode, ZERO_ID), verdict.text.content(conflicts_to=winner)))

    def _apply(self, path: bytes, resolution: Resolution, open_paths: set[bytes]) -> None:
        verdict = self._merged.disputed.get(path)
        if self._behind_a_file(path):
            raise _invalid(path, "another file stands where its folder would be")
        if verdict is None:
            raise _invalid(path, "both sides did not change it, so there is nothing to resolve")
        if resolution is None:
            self._put(path, _GONE)
        elif isinstance(resolution, Replacement):
            self._put(path, self._replaced(path, verdict, resolution))
        else:
            edit = self.edits[path]
            if edit.item is None or not _takes_mode(edit.item):
                raise _invalid(path, "it is no file, so it has no file mode")
            self._put(path, Edit(Item(resolution, edit.item.object_id), edit.content))
            if verdict.content_conflict or verdict.kind_conflict:
                return  # its content stays in conflict
        open_paths.discard(path)
        if self.edits[path].item is not None:
            open_paths.difference_update(below(path, self._paths))

    def _replaced(self, path: bytes, verdict: Verdict, replacement: Replacement) -> Edit:
        if replacement.keep is Keep.NEW_CONTENT:
            return Edit(Item(_new_mode(path, verdict, replacement), ZERO_ID), replacement.content)
        item = _version(verdict, replacement.keep)
        if item is None:
            raise _invalid(
                path, f"that version does not exist for {replacement.keep}; delete the file instead"
            )
        content = None
        if replacement.keep is Keep.BASE and _takes_mode(item):
            # The base may have been made up from several: then nobody else has its objects.
            content = self._repository.odb.read(item.object_id)[1]
        if replacement.mode is None:
            return Edit(item, content)
        if not _takes_mode(item):
            raise _invalid(path, "it is no file, so it has no file mode")
        return Edit(Item(replacement.mode, item.object_id), content)

    def _put(self, path: bytes, edit: Edit) -> None:
        self.edits[path] = edit
        if edit.item is not None:
            for each in below(path, self._paths):  # a file stands where a folder was
                self.edits[each] = _GONE

    def _behind_a_file(self, path: bytes) -> bool:
        parts = path.split(b"/")
        above = (self._rules.resolution.get(b"/".join(parts[:end])) for end in range(1, len(parts)))
        return any(isinstance(each, Replacement) for each in above)


def _version(verdict: Verdict, side: Keep) -> Item | None:
    """Return what a side has at a path. For the base of a renamed file that is what its old path had."""
    return verdict.three[_SIDES[side]]


def _new_mode(path: bytes, verdict: Verdict, replacement: Replacement) -> int:
    if replacement.mode is not None:
        return replacement.mode
    item = verdict.item
    if item is None or not _takes_mode(item) or verdict.mode_conflict or verdict.kind_conflict:
        raise Fault(
            "FileModeRequiredException",
            f"A file mode is required for {path.decode(errors='replace')}: the two sides do not agree on one",
        )
    return item.mode


def _takes_mode(item: Item) -> bool:
    return not item.is_tree and item.mode != SUBMODULE


def _invalid(path: bytes, reason: str) -> Fault:
    return Fault(
        "InvalidConflictResolutionException",
        f"The conflict resolution for {path.decode(errors='replace')} is not valid: {reason}",
    )
