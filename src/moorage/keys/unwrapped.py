"""Unwrapped data keys, kept for a while: opening one costs two decryptions and a Tink keyset."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from moorage.core.clock import Clock
from moorage.crypto.streams import DataKey

# The wrapped bytes are part of it: a key wrapped anew is another entry.
Place = tuple[str, str, bytes]


class UnwrappedKeys:
    """A bounded table; the entry longest unused goes first. Any thread may use it."""

    def __init__(self, clock: Clock, kept_for: timedelta, limit: int) -> None:
        self._clock = clock
        self._kept_for = kept_for
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Place, tuple[datetime, DataKey]] = OrderedDict()

    def get(self, place: Place, unwrap: Callable[[], DataKey]) -> DataKey:
        """Return the key kept for a place, or unwrap and keep it."""
        now = self._clock.now()
        with self._lock:
            entry = self._entries.get(place)
            if entry is not None and now < entry[0]:
                self._entries.move_to_end(place)
                return entry[1]
        data_key = unwrap()
        with self._lock:
            self._entries[place] = (now + self._kept_for, data_key)
            self._entries.move_to_end(place)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
        return data_key

    def __len__(self) -> int:
        return len(self._entries)
