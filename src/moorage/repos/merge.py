"""The one place that decides whether two commits can be merged, what is in conflict, and the result.

Every operation that merges or tells of a merge asks here, so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.merge_bases import divergence, merge_bases
from moorage.git.renames import RenameLimits
from moorage.git.three_way import MergeLimits, Merger, TreeMerge, Verdict
from moorage.git.tree_changes import Three
from moorage.git.tree_writing import write_tree
from moorage.git.trees import Item, item_at, tree_of
from moorage.git.virtual_base import VirtualBases
from moorage.repos.authoring import building
from moorage.repos.merge_resolution import Edit, Resolver
from moorage.repos.merge_rules import MergeOption, MergeRules

if TYPE_CHECKING:
    from moorage.repos.opened import OpenRepository

# AWS publishes none of these limits.
MAX_TIPS_DIVERGENCE: Final = 100_000  # commits
MAX_ITEMS_TO_COMPARE: Final = 50_000  # files and folders
MAX_FILES_TO_LOAD: Final = 1_000
MAX_FILE_BYTES_TO_LOAD: Final = 6 * 1024 * 1024
MAX_BYTES_TO_LOAD: Final = 64 * 1024 * 1024
# Comparing texts of few different words takes a second for 50,000 lines, and more than linear time.
MAX_FILE_LINES_TO_LOAD: Final = 100_000
MAX_LINES_TO_LOAD: Final = 1_000_000

LIMITS: Final = MergeLimits(
    items=MAX_ITEMS_TO_COMPARE,
    files=MAX_FILES_TO_LOAD,
    file_bytes=MAX_FILE_BYTES_TO_LOAD,
    bytes=MAX_BYTES_TO_LOAD,
    file_lines=MAX_FILE_LINES_TO_LOAD,
    lines=MAX_LINES_TO_LOAD,
    renames=RenameLimits(pairs=10_000, bytes=8 * 1024 * 1024, comparisons=2_000_000),
)


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What a merge of `source` into `destination` comes to.

    `base` is the first of the best common ancestors, None for unrelated histories. `conflicts` are
    the paths that keep the merge from being made, sorted. `edits` are made to the destination's tree.
    """

    base: ObjectId | None
    destination: ObjectId
    source: ObjectId
    mergeable: bool
    tree: ObjectId  # the destination's, or the source's where the merge is a fast-forward
    conflicts: tuple[bytes, ...] = ()
    edits: Mapping[bytes, Edit] = field(default_factory=dict)

    def write(self, repository: pygit2.Repository) -> ObjectId:
        """Write the merged tree; return its id. Only where `mergeable`."""
        items: dict[bytes, Item | None] = {}
        for path, edit in self.edits.items():
            item = edit.item
            if item is not None and edit.content is not None:
                item = Item(item.mode, ObjectId(str(repository.create_blob(edit.content))))
            items[path] = item
        return write_tree(repository, self.tree, items) if items else self.tree


@dataclass(frozen=True, slots=True)
class Compared:
    """A merge looked at, while its repository is open: for those who tell of single files."""

    outcome: MergeOutcome
    repository: pygit2.Repository
    merger: Merger
    trees: tuple[ObjectId | None, ObjectId, ObjectId]  # base (a virtual one, maybe), destination, source
    merged: TreeMerge

    def verdict(self, path: bytes) -> Verdict | None:
        """Return what became of a path, None where no side has it.

        A path that only one side changed has a verdict too: no conflict.
        """
        if path in self.merged.disputed:
            return self.merged.disputed[path]
        three = Three(*(item_at(self.repository, tree, path) for tree in self.trees))
        if all(item is None or item.is_tree for item in three):
            return None
        return Verdict(three, three.settled)


def merge(opened: OpenRepository, destination: ObjectId, source: ObjectId, rules: MergeRules) -> MergeOutcome:
    """Decide a merge. Nothing is written to the repository.

    Raises:
        Fault: TipsDivergenceExceededException, MaximumItemsToCompareExceededException,
            MaximumFileContentToLoadExceededException; for a resolution that does not fit what is in
            conflict InvalidConflictResolutionException or FileModeRequiredException.
    """
    with building(opened) as scratch:
        return compare(scratch.repository, destination, source, rules).outcome


def compare(
    scratch: pygit2.Repository, destination: ObjectId, source: ObjectId, rules: MergeRules
) -> Compared:
    """The same in a repository to throw away: merge bases may be written to it."""
    _require_near(scratch, destination, source)
    bases = merge_bases(scratch, destination, source)
    base = bases[0] if bases else None
    merger = Merger(scratch, LIMITS)
    ours, theirs = tree_of(scratch, destination), tree_of(scratch, source)
    if rules.option is MergeOption.FAST_FORWARD:
        outcome = MergeOutcome(base, destination, source, mergeable=base == destination, tree=theirs)
        return Compared(outcome, scratch, merger, (ours, ours, theirs), TreeMerge({}, {}))
    from_tree = VirtualBases(scratch, merger).tree(bases)
    merged = merger.merge(from_tree, ours, theirs)
    resolver = Resolver(scratch, merged, rules)
    conflicts = resolver.run()
    outcome = MergeOutcome(
        base,
        destination,
        source,
        mergeable=not conflicts,
        tree=ours,
        conflicts=tuple(sorted(conflicts)),
        edits={} if conflicts else resolver.edits,
    )
    return Compared(outcome, scratch, merger, (from_tree, ours, theirs), merged)


def manual_merge_required(outcome: MergeOutcome, option: MergeOption) -> Fault:
    """Say why a merge cannot be made as asked."""
    if option is MergeOption.FAST_FORWARD:
        return Fault(
            "ManualMergeRequiredException",
            f"The destination {outcome.destination} is not in the history of the source {outcome.source}:"
            " there is no fast-forward; use a squash or three-way merge",
        )
    shown = ", ".join(path.decode(errors="replace") for path in outcome.conflicts[:3])
    more = len(outcome.conflicts) - 3
    return Fault(
        "ManualMergeRequiredException",
        f"Both sides changed {shown}{f' and {more} more files' if more > 0 else ''}; resolve the conflicts,"
        " choose a conflict resolution strategy or the conflict detail level LINE_LEVEL",
    )


def _require_near(repository: pygit2.Repository, destination: ObjectId, source: ObjectId) -> None:
    apart = divergence(repository, destination, source)
    if apart > MAX_TIPS_DIVERGENCE:
        raise Fault(
            "TipsDivergenceExceededException",
            f"The two commits are {apart:,} commits apart; at most {MAX_TIPS_DIVERGENCE:,} are compared",
        )
