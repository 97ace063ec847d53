"""The background writer of what need not be in the audit before its answer: reads, refusals, answers."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import structlog

from moorage.core.clock import Clock, SystemClock, milliseconds
from moorage.core.faults import Fault
from moorage.storage import audit
from moorage.storage.audit import Answered, AuditEvent
from moorage.storage.database import Database

# AWS keeps its own event history for as long.
RETENTION = timedelta(days=90)
PRUNE_EVERY = timedelta(hours=1)

# Refused logins that one process keeps of each minute: whoever floods it must not fill the table.
STRANGERS_A_MINUTE = 60

_QUEUE_EVENTS = 10_000
_BATCH_EVENTS = 500
_FLUSH_SECONDS = 0.5

# Who talks about which repository, from where: the requests of one `git fetch` have it in common.
Conversation = tuple[str, str, str, str]
_HOLD_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class AuditBatch:
    """Collects events from any thread; a thread of its own writes them, at most a second later.

    `also` are other collections to write at each flush, as the last uses of access keys. Events
    beyond the bounded queue, which a full disk or a flood of refusals can bring about, are dropped
    and counted, and the count is logged.
    """

    def __init__(
        self,
        database: Database,
        *,
        also: Sequence[Callable[[], None]] = (),
        retention: timedelta = RETENTION,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._also = also
        self._retention = retention
        self._clock = clock or SystemClock()
        self._queue: deque[AuditEvent | Answered] = deque()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_prune = self._clock.now()
        self._strangers = (0, 0)  # the minute, and how many came in it
        self._held: dict[Conversation, tuple[AuditEvent, float]] = {}
        self.dropped = 0

    def start(self) -> None:
        """Start the thread; `close` ends it."""
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and write what is left."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self.flush()

    def add(self, event: AuditEvent | Answered) -> None:
        """Take an event, or what a change was answered with, whose own event is written; never waits."""
        with self._lock:
            if len(self._queue) < _QUEUE_EVENTS:
                self._queue.append(event)
            else:
                self.dropped += 1

    def add_of_stranger(self, event: AuditEvent) -> None:
        """Take an event that anybody can bring about, unless this minute has had enough of them."""
        minute = event.at_ms // 60_000
        with self._lock:
            known, count = self._strangers
            count = count + 1 if minute == known else 1
            self._strangers = (minute, count)
        if count <= STRANGERS_A_MINUTE:
            self.add(event)

    def hold(self, conversation: Conversation, event: AuditEvent) -> None:
        """Take an event that a later one of its conversation tells as well: see `settle`.

        It is written when none comes within a second.
        """
        with self._lock:
            if conversation in self._held:
                # Whoever asks again and again is told of after a second all the same.
                self._held[conversation] = (event, self._held[conversation][1])
            elif len(self._held) < _QUEUE_EVENTS:
                self._held[conversation] = (event, time.monotonic())
            else:
                self.dropped += 1

    def settle(self, conversation: Conversation, event: AuditEvent) -> None:
        """Take the event that a conversation is told by, and forget what was held of it."""
        with self._lock:
            self._held.pop(conversation, None)
        self.add(event)

    def flush(self) -> None:
        """Write everything taken so far. What the database refuses for now stays for the next time."""
        self._let_go(before=math.inf)
        self._flush()

    def _let_go(self, before: float) -> None:
        """Move what was held since before that moment to the queue."""
        with self._lock:
            due = [key for key, (_, since) in self._held.items() if since < before]
            events = [self._held.pop(key)[0] for key in due]
        for event in events:
            self.add(event)

    def _flush(self) -> None:
        with self._flushing:
            while batch := self._head():
                if not self._tried("audit_batch_not_written", partial(self._write, batch)):
                    return
                with self._lock:
                    for _ in batch:
                        self._queue.popleft()
            for collection in self._also:
                self._tried("last_uses_not_written", collection)

    def prune(self) -> None:
        """Delete what is older than the retention, a little at a time: writers go in between."""
        before_ms = milliseconds(self._clock.now() - self._retention)
        while not self._stopped.is_set():
            with self._database.write() as connection:
                if audit.prune(connection, before_ms) == 0:
                    return

    def _head(self) -> list[AuditEvent | Answered]:
        with self._lock:
            return [self._queue[at] for at in range(min(_BATCH_EVENTS, len(self._queue)))]

    def _write(self, batch: list[AuditEvent | Answered]) -> None:
        with self._database.write(durable=False) as connection:
            audit.record(connection, *(one for one in batch if isinstance(one, AuditEvent)))
            audit.add_answers(connection, [one for one in batch if isinstance(one, Answered)])

    def _run(self) -> None:
        told = 0
        while not self._stopped.wait(_FLUSH_SECONDS):
            self._let_go(before=time.monotonic() - _HOLD_SECONDS)
            self._flush()
            if self.dropped > told:
                _log.warning("audit_events_dropped", dropped=self.dropped - told)
                told = self.dropped
            if self._clock.now() >= self._next_prune:
                self._next_prune = self._clock.now() + PRUNE_EVERY
                self._tried("audit_not_pruned", self.prune)

    def _tried(self, failure: str, work: Callable[[], None]) -> bool:
        """Do a piece of work; log a failure, which must not end the thread."""
        try:
            work()
        except Fault as fault:  # the database is busy or out of reach
            _log.warning(failure, code=fault.code, cause=fault.detail.get("cause"))
        except Exception:  # noqa: BLE001 - a bug must not end the thread; it is logged whole
            _log.exception(failure)
        else:
            return True
        return False
