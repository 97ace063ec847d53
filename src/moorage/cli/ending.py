"""How a command ends that somebody stops, or whose output cannot be written: by a line, never a traceback."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

STOPPED = 128 + signal.SIGINT  # as a shell tells of a program that Ctrl-C ended


def ended(run: Callable[[], int]) -> int:
    """Run a command and return its exit status: its own, `STOPPED` after Ctrl-C, 1 if it could not write.

    A reader that wants no more, as in `moorage audit | head`, is told nothing. Streams that the caller closed
    lead nowhere: Python has none for these.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for good
    try:
        status = run()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        status = STOPPED
    except OSError as error:
        if _is_gone():
            sys.stderr.write("moorage: this folder is there no longer: change to another\n")
            return 1
        # After a long write Python has dropped what it could not write, and no flush tells any more.
        if not _is_lost():
            if error.errno not in {errno.EPIPE, errno.ENOSPC} or error.filename is not None:
                raise
            _tell(error)
        return 1
    except SystemExit:
        if _is_lost():
            return 1
        raise
    return 1 if _is_lost() else status


def _is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _is_lost() -> bool:
    """Write what is left, and tell whether nobody takes it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try once more at its end, and complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        _tell(error)
        return True
    return False


def _tell(error: OSError) -> None:
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"moorage: the output cannot be written: {error.strerror}\n")
