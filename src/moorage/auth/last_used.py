"""When access keys were last used: collected in memory, written now and then.

At most the uses since the last `flush` are lost when a node dies; design.md section 4 allows that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from moorage.storage import access_keys
from moorage.storage.access_keys import LastUse

if TYPE_CHECKING:
    from moorage.storage.database import Database

# A use is written again once it is this much later than the one written before: a busy key then
# costs one row update a minute.
RESOLUTION_MS = 60_000


class LastUses:
    """The newest use of each key. Any thread may note; one worker calls `flush`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pending: dict[str, LastUse] = {}
        self._written_ms: dict[str, int] = {}

    def note(self, access_key_id: str, use: LastUse) -> None:
        """Remember a use until the next flush."""
        with self._lock:
            if use.at_ms - self._written_ms.get(access_key_id, -RESOLUTION_MS) >= RESOLUTION_MS:
                self._pending[access_key_id] = use

    def flush(self) -> None:
        """Write what was noted. A failure leaves the notes for the next flush."""
        with self._lock:
            pending = dict(self._pending)
        if not pending:
            return
        with self._database.write(durable=False) as connection:
            access_keys.note_uses(connection, pending)
        with self._lock:
            for key, use in pending.items():
                self._written_ms[key] = use.at_ms
                if self._pending.get(key) == use:
                    del self._pending[key]
