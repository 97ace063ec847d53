"""Merges that are kept: those that move a branch, and commits that no branch holds.

MergeBranchesBy…, MergePullRequestBy… and CreateUnreferencedMergeCommit end here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pygit2
from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.git.ref_names import RESERVED
from moorage.git.tree_changes import changes
from moorage.git.tree_writing import write_tree
from moorage.git.trees import NORMAL, Item, item_at
from moorage.repos.authoring import building
from moorage.repos.commit import Also
from moorage.repos.merge import MAX_ITEMS_TO_COMPARE, MergeOutcome, manual_merge_required, merge
from moorage.repos.merge_rules import MergeOption, MergeRules
from moorage.repos.publish import Proposal
from moorage.storage import merge_commits, outbox
from moorage.storage.repositories import RefChange, RepositoryRow

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.git.new_objects import NewObjects, Signature
    from moorage.repos.opened import OpenRepository
    from moorage.repos.publish import Publisher

# Commits that no branch holds hang on these, so that upkeep keeps them. Never listed, never pushed to.
UNREFERENCED: Final = RESERVED + b"merges/"

_GITKEEP: Final = b".gitkeep"


@dataclass(frozen=True, slots=True)
class MergeAsked:
    """Two commits to be merged, how, and what is written about it.

    `author` and `message` are not used by a fast-forward, which makes no commit.
    """

    destination: ObjectId
    source: ObjectId
    rules: MergeRules
    author: Signature
    message: str
    keep_empty_folders: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge as it will stand: for a fast-forward `commit` is the source."""

    commit: ObjectId
    tree: ObjectId
    base: ObjectId | None


@dataclass(frozen=True, slots=True)
class _Work:
    """One merge on its way to be published."""

    caller: Caller
    asked: MergeAsked
    merged: Merged

    def detail(self) -> dict[str, str]:
        """Return what the merge adds to its event (service.md section 8)."""
        rules = self.asked.rules
        base = {"baseCommitId": self.merged.base} if self.merged.base is not None else {}
        return base | {
            "sourceCommitId": self.asked.source,
            "destinationCommitId": self.asked.destination,
            "mergeOption": rules.option.value,
            "conflictDetailsLevel": rules.level.value,
            "conflictResolutionStrategy": rules.strategy.value,
        }

    def note(self, connection: Connection, row: RepositoryRow, now_ms: int) -> None:
        """Note the merge for GetMergeCommit. A fast-forward makes no merge commit."""
        rules = self.asked.rules
        if rules.option is MergeOption.FAST_FORWARD:
            return
        made = merge_commits.MergeCommit(
            self.asked.source,
            self.asked.destination,
            self.merged.base,
            self.merged.commit,
            rules.option.value,
            rules.level.value,
            rules.strategy.value,
        )
        merge_commits.add(connection, row.repository_id, made, now_ms)


def publish_merge(
    publisher: Publisher,
    opened: OpenRepository,
    caller: Caller,
    branch: RefName,
    asked: MergeAsked,
    *,
    action: str,
    also: Callable[[Merged], Also] | None = None,
) -> Merged:
    """Merge, and move `branch` (a full ref name) from `asked.destination` to the result.

    `action` is as in a Proposal: "codecommit:MergeBranchesBySquash". What `also(merged)` returns
    becomes true in the transaction that moves the branch; a Fault of it leaves everything as it was.

    Raises:
        Fault: ManualMergeRequiredException; ConcurrentReferenceUpdateException when the branch is
            not at `asked.destination` (any more); the errors of `repos.merge.merge`; what `also` raises.
    """
    started = publisher.started()
    outcome = _mergeable(opened, asked)
    with building(opened) as new:
        work = _Work(caller, asked, _made(new, outcome, asked))
        if also is None and work.merged.commit == asked.destination == opened.snapshot.ref(branch.encode()):
            return work.merged  # a fast-forward to where the branch is
        more = also(work.merged) if also is not None else None

        def both(connection: Connection, row: RepositoryRow, now_ms: int) -> None:
            work.note(connection, row, now_ms)
            if more is not None:
                more(connection, row, now_ms)

        change = RefChange(branch.encode(), asked.destination, work.merged.commit)
        proposal = Proposal(
            caller,
            action,
            (change,),
            started,
            source="api",
            received=new.packed(),
            also=both,
            event_detail=work.detail(),
        )
        if publisher.publish(opened, proposal):
            raise Fault(
                "ConcurrentReferenceUpdateException",
                f"{branch} is not at {asked.destination}: it moved meanwhile; look at it again and retry",
            )
    return work.merged


def publish_unreferenced(
    publisher: Publisher, opened: OpenRepository, caller: Caller, asked: MergeAsked, *, action: str
) -> Merged:
    """Merge, and keep the commit without a branch: it is found by its id alone, by `git fetch` too.

    Raises:
        Fault: as `publish_merge`.
    """
    started = publisher.started()
    outcome = _mergeable(opened, asked)
    with building(opened) as new:
        work = _Work(caller, asked, _made(new, outcome, asked))

        def both(connection: Connection, row: RepositoryRow, now_ms: int) -> None:
            work.note(connection, row, now_ms)
            detail = {
                "event": "unreferencedMergeCommitCreated",
                "repositoryName": row.name,
                "repositoryId": row.repository_id,
                "commitId": work.merged.commit,
                **work.detail(),
            }
            event = outbox.event(caller, row, outbox.REPOSITORY_STATE_CHANGE, detail, now_ms)
            outbox.append(connection, event)

        name = UNREFERENCED + work.merged.commit.encode()
        if opened.snapshot.ref(name) is not None:  # the same merge within the same second
            return work.merged
        change = RefChange(name, ZERO_ID, work.merged.commit)
        received = new.packed()
        proposal = Proposal(
            caller,
            action,
            (change,),
            started,
            source="api",
            sets_default=False,
            received=received,
            also=both,
        )
        if publisher.publish(opened, proposal):
            raise Fault("ConcurrentReferenceUpdateException", "Somebody made the same merge just now; retry")
    return work.merged


def _mergeable(opened: OpenRepository, asked: MergeAsked) -> MergeOutcome:
    outcome = merge(opened, asked.destination, asked.source, asked.rules)
    if not outcome.mergeable:
        raise manual_merge_required(outcome, asked.rules.option)
    return outcome


def _made(new: NewObjects, outcome: MergeOutcome, asked: MergeAsked) -> Merged:
    if asked.rules.option is MergeOption.FAST_FORWARD:
        return Merged(asked.source, outcome.tree, outcome.base)
    tree = outcome.write(new.repository)
    if asked.keep_empty_folders:
        tree = _with_folders_kept(new.repository, outcome.tree, tree)
    parents = [asked.destination]
    if asked.rules.option is MergeOption.THREE_WAY:
        parents.append(asked.source)
    commit = new.commit(tree, parents, author=asked.author, committer=asked.author, message=asked.message)
    return Merged(commit, tree, outcome.base)


def _with_folders_kept(repository: pygit2.Repository, before: ObjectId, after: ObjectId) -> ObjectId:
    """Put a .gitkeep file into each folder that lost its last file by the merge."""
    gone = changes(repository, before, after, after, limit=MAX_ITEMS_TO_COMPARE, whole=True).by_path
    folders = {path.rpartition(b"/")[0] for path, three in gone.items() if three.ours is None}
    emptied = [folder for folder in folders if folder and _is_nowhere(repository, after, folder)]
    if not emptied:
        return after
    keep = Item(NORMAL, ObjectId(str(repository.create_blob(b""))))
    return write_tree(repository, after, {folder + b"/" + _GITKEEP: keep for folder in sorted(emptied)})


def _is_nowhere(repository: pygit2.Repository, tree: ObjectId, folder: bytes) -> bool:
    """Whether a folder is gone, with no file in its place or in that of a folder around it."""
    parts = folder.split(b"/")
    around = (item_at(repository, tree, b"/".join(parts[: end + 1])) for end in range(len(parts)))
    missing = next((item for item in around if item is None or not item.is_tree), Item(NORMAL, ZERO_ID))
    return missing is None
