"""A full disk, told as what it is: something that a later retry may cure."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from moorage.core.faults import unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: OSError) -> bool:
    """Tell whether an error is that of a full disk, or of a quota used up."""
    return error.errno in _FULL


@contextlib.contextmanager
def room_for(what: str) -> Iterator[None]:
    """Turn the error of a full disk into a Fault (503) that says for what there was no room."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise unavailable(f"the server has no room for {what}; try again later", cause=str(error)) from error
