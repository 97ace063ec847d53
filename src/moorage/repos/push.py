"""A git push from its ref updates to its outcome: rules, quarantine, connectivity, publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moorage.auth.gate import Gate, refusal
from moorage.core import crash_points
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.core.principal import Caller
from moorage.git.cancellation import Cancellation
from moorage.git.quarantine import Quarantine, ReceiveLimits
from moorage.repos import push_rules
from moorage.repos.access import PUSH
from moorage.repos.opened import OpenRepository
from moorage.repos.publish import Proposal, Publisher, known_tips, require_connected
from moorage.storage.repositories import RefChange

if TYPE_CHECKING:
    from moorage.git.environment import Place
    from moorage.git.quarantine import Received
    from moorage.git.receive_pack import PushRequest, RefUpdate

NOT_A_COMMIT = "a branch can only point to a commit"
MISSING_OBJECTS = "missing objects: the push does not bring all that this ref needs"
SHALLOW = "shallow update not allowed"
_REASONS = 50  # kept of one push
# How git's index-pack says that the parents of a cut-off history are missing.
_CUT_OFF = "did not receive expected object"


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """What a push came to: `refused` gives a reason by ref; every other ref of it moved."""

    refused: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Push:
    """One push by one caller into one opened repository."""

    publisher: Publisher
    gate: Gate
    caller: Caller
    opened: OpenRepository
    # Context keys for policies: the repository's tags.
    context: Mapping[str, tuple[str, ...]]
    signature_hash: str | None = None
    # Called on when the client has gone: nothing is stored then, unless the commit began before.
    cancellation: Cancellation = field(default_factory=Cancellation)
    # What policies refused, once for each reason: for the audit, and for people.
    denied: list[Fault] = field(default_factory=list)

    def run(
        self, request: PushRequest, pack: Iterator[bytes], limits: ReceiveLimits | None = None
    ) -> PushOutcome:
        """Take a push.

        Nothing is unpacked for a push that is wholly refused, and what is refused leaves nothing
        behind. The caller drains what is left of `pack`.

        Raises:
            Fault: the push as a whole could not be taken; nothing moved.
            Cancelled: its client has gone; nothing moved.
        """
        started_at_ms = self.publisher.started()
        refused = push_rules.refusals(request.updates, self.opened.snapshot, self._authorize())
        if request.atomic:
            refused = push_rules.with_atomic(request.updates, refused)
        accepted = [update for update in request.updates if update.name not in refused]
        crash_points.passing("authorized")
        if not accepted:
            return PushOutcome(refused)
        with (
            self.opened.lending() as place,
            self._quarantine(place) as quarantine,
        ):
            try:
                received = self._received(quarantine, request, pack, limits)
            except Fault as fault:
                if not (request.shallow and _CUT_OFF in fault.message):
                    raise
                return PushOutcome(refused | {update.name: SHALLOW for update in accepted})
            broken = self._broken(quarantine, accepted, shallow=bool(request.shallow))
            refused |= broken
            if request.atomic:
                refused = push_rules.with_atomic(request.updates, refused)
            accepted = [update for update in accepted if update.name not in refused]
            if received is not None and refused:
                received = quarantine.pack_of(_tips(accepted), known_tips(self.opened)) if accepted else None
            crash_points.passing("connected")
            refused |= self.publisher.publish(
                self.opened,
                Proposal(
                    self.caller,
                    PUSH,
                    _changes(quarantine, accepted),
                    started_at_ms,
                    atomic=request.atomic,
                    signature_hash=self.signature_hash,
                    received=received,
                    quarantine=quarantine,
                    cancellation=self.cancellation,
                ),
            )
        return PushOutcome(refused)

    def _authorize(self) -> push_rules.Authorize:
        """Return the check of one ref's name: policies are read once for all refs of the push."""
        permissions = self.gate.of(self.caller)
        arn = self.opened.row.arn

        def authorize(name: bytes) -> None:
            context = {**self.context, "codecommit:References": (name.decode(),)}
            decision = permissions.decide(PUSH, arn, context)
            if not decision.allowed:
                fault = refusal(decision, permissions.access(PUSH, arn, context))
                self._note(fault)
                raise fault

        return authorize

    def _note(self, fault: Fault) -> None:
        """Keep a refusal whose reason is a new one: thousands of refs are refused for the same."""
        reason = fault.detail["why"]
        known = any(each.detail["why"] == reason for each in self.denied)
        if not known and len(self.denied) < _REASONS:
            self.denied.append(fault)

    def _quarantine(self, place: Place) -> Quarantine:
        return Quarantine(
            self.opened.cache.quarantine,
            place.repository / "objects",
            lock=place.lock,
            largest_live_bytes=self.opened.snapshot.largest_object_bytes,
            cancellation=self.cancellation,
        )

    def _received(
        self,
        quarantine: Quarantine,
        request: PushRequest,
        pack: Iterator[bytes],
        limits: ReceiveLimits | None,
    ) -> Received | None:
        """Unpack what the client sent: it sends a pack as soon as one ref is not deleted."""
        if not request.brings_pack:
            return None
        received = quarantine.receive(pack, limits, heavy=self.opened.cache.alone)
        crash_points.passing("received")
        return received

    def _broken(
        self, quarantine: Quarantine, updates: Sequence[RefUpdate], *, shallow: bool
    ) -> dict[bytes, str]:
        """Find the refs whose objects are not all there, or are of a kind that the ref cannot have."""
        standing = [update for update in updates if update.new != ZERO_ID]
        types = quarantine.types_of([update.new for update in standing])
        broken: dict[bytes, str] = {}
        for update in standing:
            if types.get(update.new) is None:
                broken[update.name] = MISSING_OBJECTS
            elif update.name.startswith(b"refs/heads/") and types[update.new] != "commit":
                broken[update.name] = NOT_A_COMMIT
        whole = [update for update in standing if update.name not in broken]
        reason = SHALLOW if shallow else MISSING_OBJECTS
        if self._connected(quarantine, whole):
            return broken
        return broken | {update.name: reason for update in whole if not self._connected(quarantine, [update])}

    def _connected(self, quarantine: Quarantine, updates: Sequence[RefUpdate]) -> bool:
        try:
            require_connected(quarantine, updates, self.opened)
        except Fault:
            return False
        return True


def _tips(updates: Sequence[RefUpdate]) -> list[ObjectId]:
    return [update.new for update in updates if update.new != ZERO_ID]


def _changes(quarantine: Quarantine, updates: Sequence[RefUpdate]) -> tuple[RefChange, ...]:
    """Turn updates into changes, annotated tags peeled; one that moves nothing is left out."""
    moving = [update for update in updates if update.old != update.new]
    peeled = quarantine.peel(_tips(moving))
    return tuple(
        RefChange(update.name, update.old, update.new, _unless_itself(update.new, peeled.get(update.new)))
        for update in moving
    )


def _unless_itself(name: ObjectId, peeled: ObjectId | None) -> ObjectId | None:
    return None if peeled == name else peeled
