"""Progress of long work, on standard error where a person looks at it, and nowhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function to call with how much is done, and of how much."""
    watched = sys.stderr.isatty()

    def step(done: int, total: int) -> None:
        if watched:
            sys.stderr.write(f"\r{done} of {total} {what}")
            sys.stderr.flush()

    try:
        yield step
    finally:
        if watched:
            sys.stderr.write("\r\033[K")
