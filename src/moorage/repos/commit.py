"""The one transaction that makes a push true: refs, pack, generation, events and audit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core import crash_points
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.core.principal import Caller
from moorage.git.ref_names import RESERVED
from moorage.repos import trigger_messages
from moorage.repos.pull_requests import effects
from moorage.repos.push_rules import DEFAULT_BRANCH, STALE
from moorage.repos.repositories import does_not_exist
from moorage.storage import audit, grace, outbox, ref_conflicts
from moorage.storage import repositories as rows
from moorage.storage.repositories import PackRow, RefChange, RepositoryRow

if TYPE_CHECKING:
    from moorage.repos.sealed_packs import SealedPack
    from moorage.repos.snapshot import Snapshot
    from moorage.storage.database import Database

# A blob that no row names is deleted once it is this old. A push that has not committed after
# half of it is refused, so that the sweeper can never take a blob that a row is about to name.
SWEEP_GRACE_MS = 2 * 60 * 60 * 1000

TOO_SLOW = "the push took too long to be stored safely; push again"


class RefsMoved(Exception):
    """Some refs cannot be moved as asked; nothing was written."""

    def __init__(self, reasons: dict[bytes, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


class PacksRetired(Exception):
    """A pack that this push's objects lean on was replaced meanwhile; nothing was written."""


# More that becomes true in the transaction: given its connection, the locked row as it was, and SQL time.
Also = Callable[[Connection, RepositoryRow, int], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to move refs, its pack (if it brings one) durable in the blob store."""

    caller: Caller
    action: str
    snapshot: Snapshot
    changes: Sequence[RefChange]
    push_id: str
    started_at_ms: int  # SQL time
    sealed: SealedPack | None = None
    source: str = "push"
    signature_hash: str | None = None  # of the Git password whose grace this push uses up
    sets_default: bool = True
    also: Also | None = None
    event_detail: Mapping[str, str] = field(default_factory=dict)
    # Merge bases that pull requests on these refs need, as far as they are known.
    bases: effects.Bases = field(default_factory=dict)
    # Whether a pull request that is not approved keeps its destination from being merged past it.
    guard_approvals: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """What an attempt made of a repository: its row before and after, and the pack that came."""

    before: RepositoryRow
    row: RepositoryRow
    pack: PackRow | None


def commit(database: Database, attempt: Attempt, *, sweep_grace_ms: int = SWEEP_GRACE_MS) -> Committed:
    """Commit an attempt.

    Raises:
        RefsMoved: a ref's old value no longer holds, two refs cannot stand side by side, or the
            guard of approvals refuses it.
        BasesWanted: open pull requests are concerned; find their merge bases and retry.
        PacksRetired: check connectivity again and retry.
        Fault: the repository is gone, or the attempt is too old (ServiceUnavailable).
    """
    repository_id = attempt.snapshot.row.repository_id
    with database.write() as connection:
        row = rows.lock(connection, repository_id)
        if row is None:
            raise does_not_exist(attempt.snapshot.row.name)
        now_ms = database.now_ms(connection)
        if now_ms - attempt.started_at_ms > sweep_grace_ms // 2:
            raise Fault("ServiceUnavailable", TOO_SLOW, status=503)
        _require_packs(connection, attempt, row)
        _require_refs(connection, attempt, row)
        crash_points.passing("transaction-open")
        committed = _committed(attempt, row, now_ms)
        _write(connection, attempt, committed, now_ms)
    crash_points.passing("committed")
    return committed


def _committed(attempt: Attempt, row: RepositoryRow, now_ms: int) -> Committed:
    default_branch, generation = row.default_branch, row.generation + 1
    # With its first commit the repository gets a default branch; CreateBranch never sets one.
    if default_branch is None and attempt.sets_default:
        default_branch = first_default(attempt.changes)
    after = replace(row, generation=generation, default_branch=default_branch, modified_at_ms=now_ms)
    sealed = attempt.sealed
    pack = sealed.row(row.repository_id, generation, attempt.source) if sealed is not None else None
    return Committed(row, after, pack)


# Refs and packs never change without the generation: where that stands, so do they as the snapshot has them.


def _require_packs(connection: Connection, attempt: Attempt, row: RepositoryRow) -> None:
    if row.generation == attempt.snapshot.generation:
        return
    base = {pack.push_id for pack in attempt.snapshot.packs}
    if not base <= rows.live_push_ids(connection, attempt.snapshot.row.repository_id):
        raise PacksRetired


def _require_refs(connection: Connection, attempt: Attempt, row: RepositoryRow) -> None:
    standing = _standing(connection, attempt, row)
    reasons: dict[bytes, str] = {}
    for change in attempt.changes:
        if (standing[change.name] or ZERO_ID) != change.old:
            reasons[change.name] = STALE
        elif change.new == ZERO_ID and change.name.decode() == row.default_branch:
            reasons[change.name] = DEFAULT_BRANCH
    reasons |= _in_the_way(connection, attempt, row, reasons)
    if reasons:
        raise RefsMoved(reasons)


def _standing(connection: Connection, attempt: Attempt, row: RepositoryRow) -> dict[bytes, ObjectId | None]:
    """Return where the refs to be moved are now."""
    names = [change.name for change in attempt.changes]
    if row.generation == attempt.snapshot.generation:
        return {name: attempt.snapshot.ref(name) for name in names}
    found = rows.refs_named(connection, row.repository_id, names)
    return {name: found[name].object_id if name in found else None for name in names}


def _in_the_way(
    connection: Connection, attempt: Attempt, row: RepositoryRow, refused: dict[bytes, str]
) -> dict[bytes, str]:
    """Find refs made that cannot stand beside another: `a` beside `a/b`, stored or in this push."""
    going = {change.name for change in attempt.changes if change.new == ZERO_ID} - refused.keys()
    making = [each.name for each in attempt.changes if each.old == ZERO_ID and each.name not in refused]
    stored = ref_conflicts.in_the_way(connection, row.repository_id, making)
    made: set[bytes] = set()
    folders: dict[bytes, bytes] = {}  # of the refs made: which of them needs it
    reasons: dict[bytes, str] = {}
    for name in making:
        above = ref_conflicts.folders_of(name)
        blocking = [other for other in stored[name] if other not in going]
        blocking += [other for other in above if other in made]
        blocking += [folders[name]] if name in folders else []
        if blocking:
            reasons[name] = f"{blocking[0].decode()} exists; a ref cannot be beside its own folder"
        else:
            made.add(name)
            folders.update(dict.fromkeys(above, name))
    return reasons


def _write(connection: Connection, attempt: Attempt, committed: Committed, now_ms: int) -> None:
    row, after = committed.before, committed.row
    generation = after.generation
    rows.change(
        connection, row.repository_id, now_ms, generation=generation, default_branch=after.default_branch
    )
    if committed.pack is not None:
        rows.add_pack(connection, committed.pack)
    rows.move_refs(
        connection,
        row.repository_id,
        generation,
        attempt.changes,
        push_id=attempt.push_id,
        principal_arn=attempt.caller.principal.arn,
        at_ms=now_ms,
    )
    # Nobody is told of moorage's own refs.
    told = [change for change in attempt.changes if not change.name.startswith(RESERVED)]
    outbox.append(
        connection,
        *(
            outbox.reference_change(attempt.caller, row, change, now_ms, attempt.event_detail)
            for change in told
        ),
    )
    trigger_messages.enqueue(connection, attempt.caller, row, told, now_ms)
    if attempt.also is not None:
        attempt.also(connection, row, now_ms)
    _concern_pull_requests(connection, attempt, row, now_ms)
    if attempt.signature_hash is not None:
        grace.consume(connection, attempt.signature_hash, row.repository_id)
    references = [{"ref": change.name.decode(), "commit": change.new} for change in attempt.changes]
    event = audit.change(attempt.caller, attempt.action, row.arn, now_ms, references=references)
    audit.record(connection, event)


def _concern_pull_requests(connection: Connection, attempt: Attempt, row: RepositoryRow, now_ms: int) -> None:
    """Close, merge or renew the open pull requests on the refs that moved."""
    moved = effects.Moved(
        attempt.caller, row, attempt.changes, attempt.action, now_ms, attempt.guard_approvals
    )
    try:
        effects.apply(connection, moved, attempt.bases)
    except effects.NotApproved as refused:
        if attempt.source == "push":
            raise RefsMoved(refused.reasons) from refused
        reason = next(iter(refused.reasons.values()))
        raise Fault("PullRequestApprovalRulesNotSatisfiedException", reason) from refused


def first_default(changes: Sequence[RefChange]) -> str | None:
    """Return the default branch that a first push makes: main, else master, else its first branch."""
    branches = [
        change.name.decode()
        for change in changes
        if change.new != ZERO_ID and change.name.startswith(b"refs/heads/")
    ]
    for usual in ("refs/heads/main", "refs/heads/master"):
        if usual in branches:
            return usual
    return branches[0] if branches else None
