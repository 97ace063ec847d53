"""Work that nobody waits for any more: its children are ended, and it goes no further."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from moorage.git.children import Child


class Cancelled(ConnectionError):
    """The client that this was done for has gone."""


class Cancellation:
    """Handed down with a client's work, so that the door can end it from another thread.

    Children run under `ending` are killed by `cancel`, also those that start after it. Between two
    children the work itself asks `check`. What must be done whole is not asked any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._cancelled = False

    def cancel(self) -> None:
        """End what runs and let nothing follow. Does not block; harmless when called again."""
        with self._lock:
            self._cancelled = True
            for child in self._children:
                child.kill()

    def check(self) -> None:
        """Raise Cancelled once `cancel` was called."""
        if self._cancelled:
            raise Cancelled("the client went away")

    @contextlib.contextmanager
    def ending(self, child: Child) -> Iterator[None]:
        """End `child` when `cancel` is called within the block.

        Raises:
            Cancelled: it was called; what the child said must not be looked at.
        """
        with self._lock:
            self._children.add(child)
            if self._cancelled:
                child.kill()
        try:
            yield
        finally:
            with self._lock:
                self._children.discard(child)
        self.check()
