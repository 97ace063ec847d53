"""A fetch of protocol 0 or 1 over a lasting connection: one stock `git upload-pack` to its end.

Over HTTP each round of such a fetch is a request of its own. Over SSH client and git talk through one
pair of pipes, and what was said before counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from moorage.core.faults import unavailable
from moorage.git import commands, complaints, pkt_line
from moorage.git.environment import allocation_limit

if TYPE_CHECKING:
    from moorage.git.children import Child
    from moorage.repos.opened import OpenRepository

_PIECE_BYTES = 256 * 1024

# The client has its advertisement already, from the snapshot. With all refs hidden git's own is one line;
# what may be wanted does not depend on it (uploadpack.allowAnySHA1InWant).
_CONFIGURATION = (("uploadpack.hideRefs", "refs"),)


class Dialogue:
    """A running upload-pack, past its advertisement; a `fetch.Stream` that is also written to.

    It holds the repository in the cache until it is closed. All but `stop` block.
    """

    def __init__(self, opened: OpenRepository) -> None:
        self._held = ExitStack()
        with ExitStack() as stack:
            place = stack.enter_context(opened.lending())
            self._child: Child = commands.spawn(
                "upload-pack",
                operands=["."],
                at=place,
                allocation_bytes=allocation_limit(largest_object_bytes=opened.snapshot.largest_object_bytes),
                configuration=_CONFIGURATION,
            )
            stack.callback(self._child.close)
            self._skip_advertisement()
            self._held = stack.pop_all()

    def _skip_advertisement(self) -> None:
        output = self._child.stdout
        assert output is not None

        def pieces() -> Iterator[bytes]:
            while piece := output.read(_PIECE_BYTES):
                yield piece

        try:
            for _ in pkt_line.Chunks(pieces()).packets():
                pass
        except Exception as failure:
            reason = complaints.reason_of(self._child.complaint())
            raise unavailable(reason or "Git could not begin this fetch; try again.") from failure

    def write(self, data: bytes) -> None:
        """Hand on what the client says. What comes after git has ended is dropped."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            rest = memoryview(data)
            while rest:
                rest = rest[self._child.stdin.write(rest) or 0 :]

    def finish_writing(self) -> None:
        """Tell git that the client says no more."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()

    def read(self) -> bytes:
        assert self._child.stdout is not None
        piece = self._child.stdout.read(_PIECE_BYTES) or b""
        if not piece and self._child.wait() != 0:
            raise ConnectionError(complaints.reason_of(self._child.complaint()) or "git ended in a failure")
        return piece

    def stop(self) -> None:
        self._child.kill()

    def close(self) -> None:
        self._held.close()
