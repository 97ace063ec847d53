"""`publish`: the only way refs change. Durable first, visible second, told last.

A push, an API call and an import end here. The steps are those of design.md section 2: seal the
pack, make its blobs durable, commit one transaction, let the working cache adopt the result.
What the client is told comes from the transaction alone.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from moorage.core import crash_points
from moorage.core.faults import Fault, unavailable
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.core.principal import Caller
from moorage.core.room import room_for
from moorage.git.cancellation import Cancellation, Cancelled
from moorage.repos import sealed_packs
from moorage.repos.commit import (
    SWEEP_GRACE_MS,
    Also,
    Attempt,
    Committed,
    PacksRetired,
    RefsMoved,
    commit,
)
from moorage.repos.opened import Opener, OpenRepository
from moorage.repos.pull_requests import effects
from moorage.repos.push_rules import ATOMIC
from moorage.storage import repositories as rows
from moorage.storage.blobs import BlobMissing
from moorage.storage.database import OutcomeUnknown, TransactionConflict
from moorage.storage.repositories import RefChange, blob_key

if TYPE_CHECKING:
    from moorage.git.quarantine import Quarantine, Received
    from moorage.repos.sealed_packs import SealedPack
    from moorage.storage.blobs import BlobStore
    from moorage.storage.database import Database

log = structlog.get_logger(__name__)

# A repack may replace the packs under a push; each time the push checks again and retries.
_ATTEMPTS = 5

# Before each look at an outcome that is not known: a database that restarts is back by then.
_READ_BACK_PAUSES_S = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a caller wants made true: refs moved, with the objects they need."""

    caller: Caller
    action: str  # as policies name it: codecommit:GitPush
    changes: tuple[RefChange, ...]
    started_at_ms: int  # SQL time when the work began
    atomic: bool = False
    source: str = "push"
    signature_hash: str | None = None
    # The objects that are new, and the quarantine that holds them; None when there are none.
    received: Received | None = None
    quarantine: Quarantine | None = None
    # Whether an empty repository gets its default branch by this.
    sets_default: bool = True
    # What must become true in the same transaction, as a pull request's end by its merge. It is called
    # with the repository's row locked and the refs moved; a Fault of it leaves all as it was.
    also: Also | None = None
    # More members for the event of each ref: what was merged, and how.
    event_detail: Mapping[str, str] = field(default_factory=dict)
    # Looked at until the commit begins; what is committed is committed, whoever still listens.
    cancellation: Cancellation = field(default_factory=Cancellation)


class Publisher:
    """Moves refs, durably."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        opener: Opener,
        *,
        sweep_grace_ms: int = SWEEP_GRACE_MS,
        guard_approvals: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.database = database
        self._pause = pause
        self.blobs = blobs
        self.opener = opener
        self.sweep_grace_ms = sweep_grace_ms
        self.guard_approvals = guard_approvals

    def started(self) -> int:
        """Return SQL time now: when an attempt begins, in milliseconds."""
        with self.database.read() as connection:
            return self.database.now_ms(connection)

    def move_ref(
        self,
        caller: Caller,
        opened: OpenRepository,
        name: RefName,
        *,
        action: str,
        old: ObjectId | None,
        new: ObjectId | None,
        sets_default: bool = False,
        also: Also | None = None,
    ) -> str | None:
        """Move one ref to an object that the repository has; return the reason when it did not move.

        `old` None makes the ref, `new` None deletes it. `also` is as in a Proposal.
        """
        change = RefChange(name.encode(), old or ZERO_ID, new or ZERO_ID)
        proposal = Proposal(
            caller, action, (change,), self.started(), source="api", sets_default=sets_default, also=also
        )
        return self.publish(opened, proposal).get(change.name)

    def publish(self, opened: OpenRepository, proposal: Proposal) -> dict[bytes, str]:
        """Make a proposal true; return the reason for each ref that was refused, by name.

        With `atomic`, all refs move or none; otherwise each stands alone, and only the objects
        that the moved ones need are stored.

        Raises:
            Fault: nothing was stored: the repository is gone, the store is busy, the push too old.
            Cancelled: nothing was stored: the client went away before the commit began.
        """
        refused: dict[bytes, str] = {}
        for _ in range(_ATTEMPTS):
            if not proposal.changes:
                return refused
            try:
                self._attempt(opened, proposal)
            except RefsMoved as moved:
                refused |= moved.reasons
                if proposal.atomic:
                    return {change.name: refused.get(change.name, ATOMIC) for change in proposal.changes}
                proposal = _without(opened, proposal, moved.reasons)
            except PacksRetired:
                opened = self._opened_again(opened, proposal)
            except TransactionConflict:
                continue
            else:
                return refused
        raise unavailable("The repository is changing too often; try again.")

    def _attempt(self, opened: OpenRepository, proposal: Proposal) -> None:
        push_id = str(uuid.uuid4())
        proposal.cancellation.check()
        sealed = self._stored(opened, proposal, push_id)
        attempt = Attempt(
            proposal.caller,
            proposal.action,
            opened.snapshot,
            proposal.changes,
            push_id,
            proposal.started_at_ms,
            sealed,
            proposal.source,
            proposal.signature_hash,
            proposal.sets_default,
            proposal.also,
            proposal.event_detail,
            guard_approvals=self.guard_approvals,
        )
        try:
            committed: Committed | None = self._commit(opened, proposal, attempt)
        except OutcomeUnknown as unknown:
            if not self._was_committed(opened, push_id, unknown):
                self._discard(opened, sealed)
                raise unavailable("The database failed; nothing was stored. Push again.") from unknown
            committed = None
        except (Fault, RefsMoved, PacksRetired, Cancelled):
            self._discard(opened, sealed)
            raise
        self._adopt(opened, attempt, committed)

    def _commit(self, opened: OpenRepository, proposal: Proposal, attempt: Attempt) -> Committed:
        """Commit, finding merge bases in between for the pull requests that the transaction meets."""
        bases: dict[effects.Pair, ObjectId | None] = {}
        for _ in range(_ATTEMPTS):
            proposal.cancellation.check()
            try:
                asked = replace(attempt, bases=bases)
                return commit(self.database, asked, sweep_grace_ms=self.sweep_grace_ms)
            except effects.BasesWanted as wanted:
                # Opened again: a pull request may stand at a commit that was pushed meanwhile.
                fresh = self.opener.open(proposal.caller, opened.row)
                bases |= effects.find_bases(fresh, proposal.received, wanted.pairs)
        raise unavailable("Pull requests on these branches are changing too often; try again.")

    def _stored(self, opened: OpenRepository, proposal: Proposal, push_id: str) -> SealedPack | None:
        if proposal.received is None:
            return None
        repository_id = opened.row.repository_id
        with room_for("this push"):
            sealed = sealed_packs.seal(
                proposal.received, repository_id=repository_id, push_id=push_id, data_key=opened.data_key
            )
        crash_points.passing("sealed")
        proposal.cancellation.check()
        sealed_packs.store(self.blobs, sealed, repository_id)
        crash_points.passing("stored")
        return sealed

    def _was_committed(self, opened: OpenRepository, push_id: str, unknown: OutcomeUnknown) -> bool:
        """Read back an outcome that is not known, waiting a little for a database that is away.

        The row's lock comes first: the commit may be under way still, and holds it until it is done.

        Raises:
            OutcomeUnknown: it cannot be read. Nobody may be told anything, and the blobs stay.
        """
        for seconds in _READ_BACK_PAUSES_S:
            self._pause(seconds)
            with contextlib.suppress(Fault), self.database.write() as connection:
                rows.lock(connection, opened.row.repository_id)
                return rows.was_committed(connection, push_id)
        raise unknown

    def _discard(self, opened: OpenRepository, sealed: SealedPack | None) -> None:
        """Delete blobs that no row will name; what this misses is the sweeper's."""
        if sealed is None:
            return
        for suffix in ("pack", "idx"):
            with contextlib.suppress(BlobMissing, OSError):
                self.blobs.delete(blob_key(opened.row.repository_id, sealed.push_id, suffix))

    def _adopt(self, opened: OpenRepository, attempt: Attempt, committed: Committed | None) -> None:
        """Let this node's cache take over; when it cannot, the next reader fills it.

        The push is true already: nothing that fails here may change what its client is told. Of one whose
        outcome had to be read back (None) the generation is not known.
        """
        if committed is None:
            return
        pack = None
        if attempt.sealed is not None:
            received = attempt.sealed.received
            pack = (received.pack, received.index, received.checksum)
        snapshots, row = self.opener.snapshots, committed.row
        try:
            after = snapshots.follow(
                opened.snapshot, committed.before, row, attempt.changes, committed.pack
            ) or snapshots.current(row.repository_id)
            if after is not None:
                opened.cache.adopt(row.generation, after, attempt.changes, pack)
        except (Fault, OSError) as error:
            log.warning("the cache did not take over a push", cause=str(error))
        crash_points.passing("adopted")

    def _opened_again(self, opened: OpenRepository, proposal: Proposal) -> OpenRepository:
        fresh = self.opener.open(proposal.caller, opened.row)
        if proposal.quarantine is not None:
            with fresh.reading():
                require_connected(proposal.quarantine, proposal.changes, fresh)
        return fresh


class Moving(Protocol):
    """A ref that moves: an update as asked for, or a change about to be made."""

    @property
    def name(self) -> bytes: ...
    @property
    def old(self) -> ObjectId: ...
    @property
    def new(self) -> ObjectId: ...


def require_connected(quarantine: Quarantine, moving: Sequence[Moving], opened: OpenRepository) -> None:
    """Refuse objects that are not whole, looking first from what the push most likely builds on.

    Raises:
        Fault: something that a new tip reaches is neither in the quarantine nor in the repository.
    """
    # As they stand in the snapshot, found by name: all refs are gone through only where these do not do.
    refs = opened.snapshot
    names = [(refs.row.default_branch or "").encode(), *(each.name for each in moving)]
    likely = [tip for tip in map(refs.ref, names) if tip is not None]
    quarantine.require_connected(_tips(moving), dict.fromkeys(likely), lambda: known_tips(opened))


def known_tips(opened: OpenRepository) -> list[ObjectId]:
    """Return every object that a ref points to: what is reachable from them is known to be whole."""
    return [ref.object_id for ref in opened.snapshot.refs.refs]


def _tips(changes: Sequence[Moving]) -> list[ObjectId]:
    return [change.new for change in changes if change.new != ZERO_ID]


def _without(opened: OpenRepository, proposal: Proposal, refused: dict[bytes, str]) -> Proposal:
    """Return the proposal less the refused refs, and less the objects that only they needed."""
    changes = tuple(change for change in proposal.changes if change.name not in refused)
    received = proposal.received
    if received is not None and proposal.quarantine is not None:
        received = proposal.quarantine.pack_of(_tips(changes), known_tips(opened))
    return replace(proposal, changes=changes, received=received)
