"""What becomes of open pull requests when refs move, whoever moves them and however.

It is decided in the transaction that moves the refs, with the repository's row locked: there, one
query finds the open pull requests on these refs. Where it finds some, their merge bases are needed,
and a walk over history has no place in a transaction. So the transaction is given up with
`BasesWanted`, the bases are found by `find_bases`, and it is tried again. A merge base of two
commits never changes: what was found once stays true, whatever moved meanwhile.

Source: AWS CodeCommit User Guide, "Close a pull request" and "Update a pull request".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.incoming import reading_with
from moorage.git.merge_bases import merge_base
from moorage.git.ref_names import HEADS
from moorage.repos.approval import evaluate
from moorage.repos.merge_rules import MergeOption
from moorage.repos.pull_requests import history
from moorage.storage import outbox
from moorage.storage import pull_requests as stored

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.git.packs import Received
    from moorage.repos.opened import OpenRepository
    from moorage.storage.pull_requests import PullRequestRow
    from moorage.storage.repositories import RefChange, RepositoryRow

# A destination and a source, and the merge base that they have (None: nothing in common).
Pair = tuple[ObjectId, ObjectId]
Bases = Mapping[Pair, ObjectId | None]

# A merge of pull requests is asked about its own approvals elsewhere.
_MERGES: Final = "codecommit:MergePullRequest"

_HEADS: Final = HEADS.encode()


class BasesWanted(Exception):
    """Open pull requests are concerned; nothing was written. Find these merge bases and retry."""

    def __init__(self, pairs: frozenset[Pair]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


class NotApproved(Exception):
    """The guard refuses refs whose move would merge pull requests that are not approved."""

    def __init__(self, reasons: dict[bytes, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Moved:
    """Refs that moved, in the transaction that moves them. `action` as policies name it."""

    caller: Caller
    row: RepositoryRow
    changes: Sequence[RefChange]
    action: str
    now_ms: int
    guard: bool = False


def find_bases(opened: OpenRepository, received: Received | None, pairs: Iterable[Pair]) -> Bases:
    """Find merge bases in a repository and what was received for it and is not published yet."""
    with opened.reading() as path, reading_with(path, received, opened.cache.quarantine) as repository:
        return {pair: merge_base(repository, *pair) for pair in pairs}


def apply(connection: Connection, moved: Moved, bases: Bases) -> None:
    """Make the effects of moved refs true.

    Raises:
        BasesWanted: `bases` lacks some that are needed.
        NotApproved: the guard is on, and stands in the way.
    """
    changes = {change.name: change for change in moved.changes if change.name.startswith(_HEADS)}
    if not changes:
        return
    found = stored.open_on(connection, moved.row.repository_id, changes.keys())
    concerned = [_Concerned(one, changes) for one in found]
    wanted = frozenset(pair for one in concerned for pair in one.pairs) - bases.keys()
    if wanted:
        raise BasesWanted(wanted)
    if moved.guard and not moved.action.startswith(_MERGES):
        _require_approved(connection, concerned, bases)
    for one in concerned:
        _apply_one(connection, moved, one, bases)


@dataclass(frozen=True, slots=True)
class _Concerned:
    """An open pull request, and where its two refs go."""

    before: PullRequestRow
    changes: Mapping[bytes, RefChange]

    @property
    def source(self) -> ObjectId | None:
        """The source's tip now, None when it was deleted."""
        return self._tip(self.before.source_ref, self.before.source_commit)

    @property
    def destination(self) -> ObjectId | None:
        return self._tip(self.before.destination_ref, self.before.destination_commit)

    def _tip(self, ref: bytes, standing: str) -> ObjectId | None:
        change = self.changes.get(ref)
        if change is None:
            return ObjectId(standing)
        return None if change.new == ZERO_ID else change.new

    @property
    def has_pair(self) -> bool:
        return self.destination is not None

    @property
    def pair(self) -> Pair:
        """The tips to compare; a source deleted together with its merge counts as where it was."""
        return self.destination or ZERO_ID, self.source or ObjectId(self.before.source_commit)

    @property
    def pairs(self) -> set[Pair]:
        """All whose merge bases are needed."""
        return (
            {self.pair, (ObjectId(self.before.destination_commit), self.pair[1])} if self.has_pair else set()
        )

    def is_merged(self, bases: Bases) -> bool:
        """Whether the destination moved, and has the source's tip in its history."""
        return (
            self.before.destination_ref in self.changes and self.has_pair and bases[self.pair] == self.pair[1]
        )


def _require_approved(connection: Connection, concerned: Sequence[_Concerned], bases: Bases) -> None:
    reasons: dict[bytes, str] = {}
    for one in concerned:
        if not one.is_merged(bases):
            continue
        # A revision that comes with this very push has been approved by nobody.
        asked = one.before
        if one.source not in {None, asked.source_commit}:
            asked = replace(asked, revision_id="")
        if not evaluate(connection, asked).may_merge:
            reasons[asked.destination_ref] = (
                f"this would merge pull request {asked.number}, whose approval rules are not satisfied"
            )
    if reasons:
        raise NotApproved(reasons)


def _apply_one(connection: Connection, moved: Moved, one: _Concerned, bases: Bases) -> None:
    now = one.before
    if one.has_pair:
        now = _with_tips(connection, moved, one, bases)
    if one.is_merged(bases):
        destination, source = one.pair
        option = MergeOption.FAST_FORWARD if destination == source else MergeOption.THREE_WAY
        close_as_merged(connection, moved, now, commit=destination, option=option)
    elif one.source is None or one.destination is None:
        close(connection, moved, now)


def _with_tips(connection: Connection, moved: Moved, one: _Concerned, bases: Bases) -> PullRequestRow:
    """Note where the branches are now: a source that moved is a new revision."""
    before = one.before
    destination, source = one.pair
    if one.is_merged(bases):
        # It stays as it was before its merge: afterwards there is nothing between the branches to show.
        destination = ObjectId(before.destination_commit)
    base = bases[destination, source]
    now = replace(before, source_commit=source, destination_commit=destination, merge_base=base)
    if source == before.source_commit:
        _save(connection, now, "destination_commit", "merge_base")
        return now
    now = replace(now, revision_id=new_revision(), last_activity_at_ms=moved.now_ms)
    _save(connection, now, "source_commit", "destination_commit", "merge_base", "revision_id")
    stored.add_revision(connection, now, moved.now_ms)
    detail = {
        "repositoryName": moved.row.name,
        "beforeCommitId": before.source_commit,
        "afterCommitId": source,
        **({"mergeBase": base} if base is not None else {}),
    }
    _note(connection, moved, now, history.SOURCE_UPDATED, detail)
    _tell(connection, moved, now, "pullRequestSourceBranchUpdated")
    return now


def close(connection: Connection, moved: Moved, before: PullRequestRow) -> PullRequestRow:
    """Close a pull request without a merge; return it as it is now."""
    now = replace(before, status=stored.CLOSED, last_activity_at_ms=moved.now_ms)
    _save(connection, now, "status")
    _note(connection, moved, now, history.STATUS_CHANGED, {"pullRequestStatus": stored.CLOSED})
    _tell(connection, moved, now, "pullRequestStatusChanged")
    return now


def close_as_merged(
    connection: Connection, moved: Moved, before: PullRequestRow, *, commit: ObjectId, option: MergeOption
) -> PullRequestRow:
    """Close a pull request as merged by `commit`; return it as it is now."""
    now = replace(
        before,
        status=stored.CLOSED,
        is_merged=True,
        merged_by=moved.caller.principal.arn,
        merge_commit=commit,
        merge_option=option.value,
        last_activity_at_ms=moved.now_ms,
    )
    _save(connection, now, "status", "is_merged", "merged_by", "merge_commit", "merge_option")
    detail = {
        "repositoryName": moved.row.name,
        "destinationReference": now.destination_ref.decode(errors="replace"),
        "mergeMetadata": {
            "isMerged": True,
            "mergedBy": now.merged_by,
            "mergeCommitId": commit,
            "mergeOption": option.value,
        },
    }
    _note(connection, moved, now, history.MERGE_STATE_CHANGED, detail)
    _note(connection, moved, now, history.STATUS_CHANGED, {"pullRequestStatus": stored.CLOSED})
    _tell(connection, moved, now, "pullRequestMergeStatusUpdated", mergeOption=option.value)
    _tell(connection, moved, now, "pullRequestStatusChanged")
    return now


def new_revision() -> str:
    """Return an id for a revision: opaque, of 64 hex digits."""
    return secrets.token_hex(32)


def _save(connection: Connection, now: PullRequestRow, *columns: str) -> None:
    values = {name: getattr(now, name) for name in columns}
    stored.change(connection, now.pull_request_key, **values)


def _note(
    connection: Connection, moved: Moved, now: PullRequestRow, kind: str, detail: Mapping[str, Any]
) -> None:
    history.append(connection, now, kind, moved.caller.principal.arn, moved.now_ms, detail)


def _tell(connection: Connection, moved: Moved, now: PullRequestRow, event: str, **more: str) -> None:
    outbox.append(connection, history.told(moved.caller, moved.row, now, event, moved.now_ms, **more))
