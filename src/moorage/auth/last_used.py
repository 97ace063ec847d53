"""When access keys and roles were last used: collected in memory, written now and then.

At most the uses since the last `flush` are lost when a node dies; design.md section 4 allows that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from moorage.storage import access_keys, roles
from moorage.storage.access_keys import LastUse
from moorage.storage.identifiers import ROLE

if TYPE_CHECKING:
    from moorage.core.principal import Principal
    from moorage.storage.database import Database

# A use is written again once it is this much later than the one written before: a busy key then
# costs one row update a minute.
RESOLUTION_MS = 60_000


class LastUses:
    """The newest use of each key and role. Any thread may note; one worker calls `flush`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pending: dict[str, LastUse] = {}
        self._written_ms: dict[str, int] = {}

    def note(self, principal: Principal, use: LastUse) -> None:
        """Remember a use until the next flush: of the role, or of the long-term key, that was used."""
        used = _used(principal)
        if used is None:
            return
        with self._lock:
            if use.at_ms - self._written_ms.get(used, -RESOLUTION_MS) >= RESOLUTION_MS:
                self._pending[used] = use

    def flush(self) -> None:
        """Write what was noted. A failure leaves the notes for the next flush."""
        with self._lock:
            pending = dict(self._pending)
        if not pending:
            return
        of_roles = {used: use for used, use in pending.items() if used.startswith(ROLE)}
        of_keys = {used: use for used, use in pending.items() if used not in of_roles}
        with self._database.write(durable=False) as connection:
            access_keys.note_uses(connection, of_keys)
            roles.note_uses(connection, of_roles)
        with self._lock:
            for used, use in pending.items():
                self._written_ms[used] = use.at_ms
                if self._pending.get(used) == use:
                    del self._pending[used]


def _used(principal: Principal) -> str | None:
    """Return the id of what was used; None for what keeps no account of it."""
    session = principal.session
    if session is None:
        return principal.access_key_id
    return session.issuer_id if principal.kind == "role-session" else None
