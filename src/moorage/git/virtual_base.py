"""One tree to merge from, where two histories met in several places.

The best common ancestors are merged with each other, oldest first, and theirs before them; what is in
conflict among them is settled as Git's merge settles it there: lines stand between markers, and a
file that one of them deleted or that is no text is as it was before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pygit2

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.merge_bases import merge_bases
from moorage.git.three_way import Merger, TreeMerge, Verdict
from moorage.git.tree_writing import write_tree
from moorage.git.trees import Item, tree_of

# Merges of ancestors within one merge. Real criss-cross histories need two or three.
MAX_ANCESTORS_MERGED: Final = 16


class VirtualBases:
    """Makes merge bases. Writes objects, which nothing else needs: give it a repository to throw away."""

    def __init__(self, repository: pygit2.Repository, merger: Merger) -> None:
        self._repository = repository
        self._merger = merger
        self._left = MAX_ANCESTORS_MERGED

    def tree(self, bases: Sequence[ObjectId]) -> ObjectId | None:
        """Return the tree to merge from; None where there is no base: the histories are unrelated.

        Raises:
            Fault: TipsDivergenceExceededException, or a limit of the merger.
        """
        if not bases:
            return None
        commit = bases[-1]
        for other in reversed(bases[:-1]):
            commit = self._merged(commit, other)
        return tree_of(self._repository, commit)

    def _merged(self, ours: ObjectId, theirs: ObjectId) -> ObjectId:
        self._left -= 1
        if self._left < 0:
            raise Fault(
                "TipsDivergenceExceededException",
                f"The histories met in so many places that more than {MAX_ANCESTORS_MERGED} merges would"
                " be needed to find their common ground; merge with a Git client and push the result",
            )
        base = self.tree(merge_bases(self._repository, ours, theirs))
        mine, other = (tree_of(self._repository, commit) for commit in (ours, theirs))
        merged = self._merger.merge(base, mine, other)
        tree = write_tree(self._repository, mine, self._settled(merged))
        return self._commit(tree, (ours, theirs))

    def _settled(self, merged: TreeMerge) -> Mapping[bytes, Item | None]:
        return merged.settled | {path: self._item(verdict) for path, verdict in merged.disputed.items()}

    def _item(self, verdict: Verdict) -> Item | None:
        if verdict.text is not None and verdict.item is not None:
            blob = self._repository.create_blob(verdict.text.marked())
            return Item(verdict.item.mode, ObjectId(str(blob)))
        base = verdict.three.base
        if verdict.kind_conflict or (verdict.content_conflict and None in verdict.three):
            return base
        if verdict.content_conflict and base is not None and verdict.item is not None:
            return Item(verdict.item.mode if base.kind == verdict.item.kind else base.mode, base.object_id)
        return verdict.item

    def _commit(self, tree: ObjectId, parents: Sequence[ObjectId]) -> ObjectId:
        """Write a commit, so that merge bases are found through it. Nobody reads what it says."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{who} nobody <> 0 +0000" for who in ("author", "committer")]
        content = "\n".join([*lines, "", ""]).encode()
        return ObjectId(str(self._repository.odb.write(pygit2.enums.ObjectType.COMMIT, content)))
