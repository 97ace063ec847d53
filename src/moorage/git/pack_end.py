"""Where a pack ends in a stream that goes on.

Over SSH some clients keep their side open until they hear how their push went (libgit2, JGit): there
the end of the stream cannot be waited for. A pack ends with the SHA-1 of all that came before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

_HASH_BYTES: Final = 20
_SMALLEST: Final = 12 + _HASH_BYTES  # its header and its hash


def until_end(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces up to one that ends with the hash of all bytes before that hash.

    Whoever makes such an end earlier has sent another pack, which is then looked at as any other.
    """
    seen = hashlib.sha1(usedforsecurity=False)
    held = b""
    size = 0
    for piece in pieces:
        yield piece
        size += len(piece)
        tail = held + piece[-_HASH_BYTES:]
        cut = max(0, len(held) + len(piece) - _HASH_BYTES)
        # All but the last twenty bytes goes into the hash.
        if cut <= len(held):
            seen.update(held[:cut])
            held = held[cut:] + piece
        else:
            seen.update(held)
            seen.update(memoryview(piece)[: cut - len(held)])
            held = tail[-_HASH_BYTES:]
        if size >= _SMALLEST and seen.copy().digest() == held:
            return
