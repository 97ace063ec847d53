"""Talking to a child to its end: writing its input and reading its output as it is ready for either."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator
from typing import Final

from moorage.git.children import Child

_PIECE: Final = 65_536


def pieces_of(stdin: bytes | Iterator[bytes]) -> Iterator[bytes]:
    if isinstance(stdin, bytes):
        return (stdin[start : start + _PIECE] for start in range(0, len(stdin), _PIECE))
    return stdin


def converse(child: Child, pieces: Iterator[bytes], output_bytes: int) -> tuple[bytes, bool]:
    """Write the pieces and read the output, whichever the child is ready for.

    Returns the output and whether it was cut off at its limit, which ends the child.
    """
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        if child.stdout is not None:
            selector.register(child.stdout, selectors.EVENT_READ)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE)
        writer = _Writer(child, pieces)
        while selector.get_map():
            for key, _ in selector.select():
                if key.fileobj is child.stdin:
                    if not writer.write_some():
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    selector.unregister(key.fileobj)
                output += piece
                if len(output) > output_bytes:
                    child.kill()
                    return bytes(output[:output_bytes]), True
    return bytes(output), False


class _Writer:
    """Feeds a child as much as it takes without waiting for it."""

    def __init__(self, child: Child, pieces: Iterator[bytes]) -> None:
        self._child = child
        self._pieces = pieces
        self._pending = memoryview(b"")

    def write_some(self) -> bool:
        """Write once; return False when there is no more to write, or nobody to write to."""
        if not self._pending:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._pending = memoryview(piece)
        assert self._child.stdin is not None
        try:
            written = os.write(self._child.stdin.fileno(), self._pending)
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self._pending = self._pending[written:]
        return True
