"""What is asked of each ref of a push before anything is unpacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID
from moorage.git import ref_names

if TYPE_CHECKING:
    from moorage.git.receive_pack import RefUpdate
    from moorage.repos.snapshot import Snapshot

# Raises a Fault when the caller may not move the ref of that full name.
Authorize = Callable[[bytes], None]

STALE = "stale info: the ref moved meanwhile; fetch first"
ATOMIC = "atomic push failed: another ref of this push was refused"
DEFAULT_BRANCH = "the default branch cannot be deleted; make another branch the default first"


def refusals(updates: Sequence[RefUpdate], snapshot: Snapshot, authorize: Authorize) -> dict[bytes, str]:
    """Return the reason for each ref that cannot be moved as asked, by name.

    The order is: name, right, default branch, old value. Nothing here needs an object.
    """
    found: dict[bytes, str] = {}
    for update in updates:
        reason = _refusal(update, snapshot, authorize)
        if reason is not None:
            found[update.name] = reason
    return found


def with_atomic(updates: Sequence[RefUpdate], refused: dict[bytes, str]) -> dict[bytes, str]:
    """Return the refusals of a push of all or none: one refused ref refuses them all."""
    if not refused:
        return refused
    return {update.name: refused.get(update.name, ATOMIC) for update in updates}


def _refusal(update: RefUpdate, snapshot: Snapshot, authorize: Authorize) -> str | None:
    try:
        ref_names.require_pushable(update.name)
        authorize(update.name)
    except Fault as fault:
        return str(fault.detail.get("why", fault.message))
    if update.new == ZERO_ID and update.name.decode() == snapshot.row.default_branch:
        return DEFAULT_BRANCH
    if (snapshot.ref(update.name) or ZERO_ID) != update.old:
        return STALE
    if update.old == update.new == ZERO_ID:
        return "there is no such ref to delete"
    return None
