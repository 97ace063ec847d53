"""Merges that move a branch: MergeBranchesBy… and MergePullRequestBy… end here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.names import ObjectId, RefName
from moorage.repos.commit import Also
from moorage.repos.merge_rules import MergeRules

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.git.new_objects import Signature
    from moorage.repos.opened import OpenRepository
    from moorage.repos.publish import Publisher


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
    raise NotImplementedError
