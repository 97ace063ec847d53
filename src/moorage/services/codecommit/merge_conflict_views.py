"""What a file of a merge looks like in answers: what differs, what is in conflict, lines of both sides."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pygit2

from moorage.git.text_merge import Change, Lines, TextMerge, is_binary
from moorage.git.three_way import Verdict
from moorage.git.trees import FOLDER, SUBMODULE, SYMLINK, Item, item_at
from moorage.repos.merge import MAX_FILE_BYTES_TO_LOAD
from moorage.repos.merge_rules import DetailLevel, MergeRules, Strategy
from moorage.services.codecommit import file_modes

if TYPE_CHECKING:
    from moorage.repos.merge import Compared

# The order of a Three: what the API calls its members.
_MEMBERS: Final = ("base", "destination", "source")
_OBJECT_TYPES: Final = {FOLDER: "DIRECTORY", SUBMODULE: "GIT_LINK", SYMLINK: "SYMBOLIC_LINK"}


class View:
    """Tells of single files of one merge, while its repository is open."""

    def __init__(self, repository: pygit2.Repository, compared: Compared, rules: MergeRules) -> None:
        self._odb = repository.odb
        self._compared = compared
        self._conflicts = frozenset(compared.outcome.conflicts)
        self._by_file = rules.level is DetailLevel.FILE and rules.strategy is not Strategy.AUTOMERGE

    def metadata(self, path: bytes, verdict: Verdict) -> dict[str, Any]:
        """Return the model's ConflictMetadata. Members of a version that is not there are left out.

        Raises:
            Fault: MaximumFileContentToLoadExceededException.
        """
        items = self._items(path, verdict)
        files = {name: item for name, item in items.items() if item.is_content}
        content, mode, kind = self._kinds_of_conflict(path, verdict)
        return {
            "filePath": path.decode(errors="replace"),
            "fileSizes": {name: self._size(item) for name, item in files.items()},
            "fileModes": {name: file_modes.name_of(item.mode) for name, item in files.items()},
            "objectTypes": {name: _OBJECT_TYPES.get(item.mode, "FILE") for name, item in items.items()},
            "numberOfConflicts": self._number(verdict, content=content) + mode + kind,
            "isBinaryFile": self._binary(verdict, files),
            "contentConflict": content,
            "fileModeConflict": mode,
            "objectTypeConflict": kind,
            "mergeOperations": _operations(items),
        }

    def hunks(self, path: bytes, verdict: Verdict) -> Iterator[dict[str, Any]]:
        """Yield the model's MergeHunks: of a conflict between files, one with all of both files.

        Lines are counted from 0, and `endLine` is the line behind the last one. Binary files, links
        and submodules have no hunks.

        Raises:
            Fault: MaximumFileContentToLoadExceededException.
        """
        if any(item is not None and not item.is_file for item in verdict.three):
            return
        text = verdict.text or self._compared.merger.text(verdict.three)
        if text is None:
            return
        in_conflict = path in self._conflicts
        if in_conflict and (self._by_file or None in verdict.three[1:]):
            yield self._whole(verdict, text)
            return
        for hunk in text.hunks:
            parts = (text.base, hunk.base), (text.ours, hunk.ours), (text.theirs, hunk.theirs)
            shown = {name: _part(*part) for name, part in zip(_MEMBERS, parts, strict=True)}
            yield {"isConflict": in_conflict and hunk.change is Change.CONFLICT, **shown}

    def _whole(self, verdict: Verdict, text: TextMerge) -> dict[str, Any]:
        versions = zip(_MEMBERS, verdict.three, (text.base, text.ours, text.theirs), strict=True)
        shown = {
            name: _part(lines, Lines(0, len(lines))) for name, item, lines in versions if item is not None
        }
        return {"isConflict": True, **shown}

    def _items(self, path: bytes, verdict: Verdict) -> dict[str, Item]:
        """Return what each version has at a path, folders too."""
        found: dict[str, Item] = {}
        for name, item, tree in zip(_MEMBERS, verdict.three, self._compared.trees, strict=True):
            here = item or item_at(self._compared.repository, tree, path)
            if here is not None and (item is not None or here.is_tree):
                found[name] = here
        return found

    def _kinds_of_conflict(self, path: bytes, verdict: Verdict) -> tuple[bool, bool, bool]:
        if path not in self._conflicts:
            return False, False, False
        _, ours, theirs = verdict.three
        if not self._by_file or ours is None or theirs is None:
            return verdict.content_conflict, verdict.mode_conflict, verdict.kind_conflict
        return (
            verdict.content_conflict or (ours.kind == theirs.kind and ours.object_id != theirs.object_id),
            verdict.mode_conflict or (ours.kind == theirs.kind and ours.mode != theirs.mode),
            verdict.kind_conflict,
        )

    def _number(self, verdict: Verdict, *, content: bool) -> int:
        if not content:
            return 0
        return 1 if self._by_file or verdict.text is None else max(1, verdict.text.conflicts)

    def _size(self, item: Item) -> int:
        return int(self._odb.read_header(item.object_id)[1])

    def _binary(self, verdict: Verdict, files: dict[str, Item]) -> dict[str, bool]:
        if verdict.text is not None:
            return dict.fromkeys(files, False)
        return {name: self._is_binary(item) for name, item in files.items()}

    def _is_binary(self, item: Item) -> bool:
        """Tell whether a version is binary. One too large to look into counts as such."""
        if self._size(item) > MAX_FILE_BYTES_TO_LOAD:
            return True
        return is_binary(self._odb.read(item.object_id)[1])


def _operations(items: dict[str, Item]) -> dict[str, str]:
    operations: dict[str, str] = {}
    base = items.get("base")
    for name in ("source", "destination"):
        item = items.get(name)
        if item != base:
            operations[name] = "A" if base is None else "D" if item is None else "M"
    return operations


def _part(lines: list[bytes], of: Lines) -> dict[str, Any]:
    content = base64.b64encode(b"".join(lines[of.start : of.end])).decode()
    return {"startLine": of.start, "endLine": of.end, "hunkContent": content}
