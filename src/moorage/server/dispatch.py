"""Telling others: events leave the outbox for the sinks, triggers' messages for their targets.

One process of all nodes does it, under a lease. Every message is a row until it has arrived, so a
process that is killed between sending and noting sends it again: at least once, in order of a
repository. A receiver that fails holds up nobody but itself, and of one receiver only the stream
whose message it refuses for now.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog

from moorage.core import crash_points
from moorage.edge import metrics
from moorage.repos.trigger_messages import SendError, TriggerSender
from moorage.server.event_sinks import EventSink
from moorage.storage import deliveries, leases, outbox
from moorage.storage.deliveries import Delivery, Message

if TYPE_CHECKING:
    from moorage.storage.database import Database
    from moorage.storage.leases import Lease
    from moorage.storage.outbox import OutboxEvent

log = structlog.get_logger(__name__)

LEASE_NAME: Final = "dispatch"
LEASE_MS: Final = 15_000
_RENEW_SECONDS: Final = 5.0

# Between two attempts: doubled each time, up to the bound, give or take a fifth.
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 300_000
# A message that has not arrived after so long is put aside, and after so much longer deleted.
GIVE_UP_MS: Final = 24 * 3_600_000
DEAD_KEPT_MS: Final = 14 * 24 * 3_600_000
EVENTS_KEPT_MS: Final = 24 * 3_600_000

_EVENTS_A_TIME: Final = 200
_RECEIVERS_AT_ONCE: Final = 8
# Messages of one stream that are sent before others get their turn.
_IN_A_ROW: Final = 100

# Spreads attempts; no secret, and not the module's state, which is for whoever seeds it.
_JITTER = random.Random()  # noqa: S311


@dataclass(slots=True)
class Dispatcher:
    """Sends what waits. `run` is called again and again, by one thread of each worker."""

    database: Database
    sinks: Mapping[str, EventSink]
    triggers: TriggerSender
    node: str  # who holds the lease
    give_up_ms: int = GIVE_UP_MS
    first_pause_ms: int = FIRST_PAUSE_MS
    monotonic: Callable[[], float] = time.monotonic
    _lease: Lease | None = field(default=None, init=False)
    _ask_again_at: float = field(default=float("-inf"), init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)
    _busy: dict[str, Future[None]] = field(default_factory=dict, init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self) -> None:
        """Do what is due now, if this process is the one to do it."""
        if self._holds_lease():
            self.take_events()
            self.start_sending()

    def close(self) -> None:
        """Wait for what is being sent, and let another process go on."""
        self._closed.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        if self._lease is not None:
            with self.database.write(durable=False) as connection:
                leases.release(connection, self._lease)

    def tidy(self) -> None:
        """Delete events that every sink has, and messages given up long ago."""
        with self.database.write(durable=False) as connection:
            now_ms = self.database.now_ms(connection)
            outbox.prune(connection, now_ms - EVENTS_KEPT_MS)
            deliveries.prune(connection, now_ms - DEAD_KEPT_MS)

    # --- the lease ----------------------------------------------------------------------------

    def _holds_lease(self) -> bool:
        now = self.monotonic()
        if now < self._ask_again_at:
            return self._lease is not None
        with self.database.write(durable=False) as connection:
            now_ms = self.database.now_ms(connection)
            held = self._lease is not None and leases.renew(
                connection, self._lease, now_ms=now_ms, duration_ms=LEASE_MS
            )
            if not held:
                self._lease = leases.acquire(
                    connection, LEASE_NAME, self.node, now_ms=now_ms, duration_ms=LEASE_MS
                )
            if self._lease is not None:
                for state, count in deliveries.counts(connection).items():
                    metrics.deliveries.labels(state).set(count)
        self._ask_again_at = now + _RENEW_SECONDS
        return self._lease is not None

    # --- from the outbox to the sinks ---------------------------------------------------------

    def take_events(self) -> int:
        """Put waiting events on their way to every sink; return how many events."""
        taken = 0
        while not self._closed.is_set():
            with self.database.read() as connection:
                if not outbox.unsent(connection, limit=1):
                    return taken
            with self.database.write() as connection:
                events = outbox.unsent(connection, limit=_EVENTS_A_TIME)
                messages = [
                    Message(name, stream_of(event), event.region, envelope(event))
                    for event in events
                    for name in self.sinks
                ]
                deliveries.add(connection, messages, self.database.now_ms(connection))
                outbox.mark_sent(connection, [event.event_id for event in events])
            taken += len(events)
        return taken

    # --- from the rows to the receivers -------------------------------------------------------

    def start_sending(self) -> None:
        """Begin to send what is due, each receiver in a thread of its own; do not wait for the end."""
        self._busy = {target: work for target, work in self._busy.items() if not work.done()}
        with self.database.read() as connection:
            due = deliveries.due(connection, self.database.now_ms(connection))
        by_target: dict[str, list[Delivery]] = {}
        for delivery in due:
            by_target.setdefault(delivery.target, []).append(delivery)
        for target, firsts in by_target.items():
            if target not in self._busy and not self._closed.is_set():
                self._busy[target] = self._threads().submit(self._send_streams, firsts)

    def send_all_due(self) -> None:
        """Send what is due, and wait for the end of it."""
        self.start_sending()
        for work in list(self._busy.values()):
            work.result()

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_RECEIVERS_AT_ONCE, thread_name_prefix="dispatch")
        return self._pool

    def _send_streams(self, firsts: list[Delivery]) -> None:
        for first in firsts:
            if self._closed.is_set():
                return
            try:
                self._send_stream(first)
            except Exception:
                log.exception("a delivery failed", delivery=first.delivery_id)

    def _send_stream(self, first: Delivery) -> None:
        delivery: Delivery | None = first
        for _ in range(_IN_A_ROW):
            if delivery is None or self._closed.is_set() or not self._send(delivery):
                return
            with self.database.read() as connection:
                delivery = deliveries.following(connection, delivery)

    def _send(self, delivery: Delivery) -> bool:
        """Send one message and note what came of it; tell whether the next of its stream may go."""
        try:
            self._receiver(delivery.target)(delivery)
        except SendError as error:
            return self._note_failure(delivery, error)
        crash_points.passing("delivered")
        with self.database.write() as connection:
            deliveries.arrived(connection, delivery)
        return True

    def _receiver(self, target: str) -> Callable[[Delivery], None]:
        if target.startswith("arn:"):
            return lambda delivery: self.triggers.send(target, delivery.region, delivery.body)
        sink = self.sinks.get(target)
        if sink is None:
            raise SendError(f"--{target} is not set any more", final=True)
        return lambda delivery: sink.send(delivery.body, delivery.region)

    def _note_failure(self, delivery: Delivery, error: SendError) -> bool:
        with self.database.write() as connection:
            now_ms = self.database.now_ms(connection)
            final = error.final or now_ms - delivery.at_ms > self.give_up_ms
            if final:
                deliveries.given_up(connection, delivery, str(error))
            else:
                deliveries.failed(connection, delivery, str(error), now_ms + self._pause(delivery.attempts))
        log.warning(
            "delivery given up" if final else "delivery failed; it is tried again",
            target=delivery.target,
            delivery=delivery.delivery_id,
            attempts=delivery.attempts + 1,
            cause=str(error),
        )
        return final

    def _pause(self, attempts: int) -> int:
        longest = min(self.first_pause_ms << min(attempts, 30), LONGEST_PAUSE_MS)
        return int(longest * _JITTER.uniform(0.8, 1.2))


def stream_of(event: OutboxEvent) -> str:
    """Return what an event is in order with: its repository, or its account's region."""
    return event.resource_arn or f"{event.account_id}:{event.region}"


def envelope(event: OutboxEvent) -> str:
    """Return an event as EventBridge has it, as JSON."""
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
    return json.dumps(
        {
            "version": "0",
            "id": event.event_id,
            "detail-type": event.detail_type,
            "source": "aws.codecommit",
            "account": event.account_id,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": event.region,
            "resources": [event.resource_arn] if event.resource_arn else [],
            "detail": json.loads(event.detail),
        },
        separators=(",", ":"),
    )
