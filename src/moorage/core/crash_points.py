"""Named places where a test may kill the process, to prove that nothing acknowledged is lost.

`MOORAGE_CRASH_AT=sealed` kills this process with SIGKILL, as a power cut would, when it reaches
that step. The names are those of `STEPS`; anything else is refused at start-up.
"""

from __future__ import annotations

import os
import signal

# The steps of `publish` in their order, those of a repack, and between sending and noting that it was sent.
STEPS = (
    "authorized",
    "received",
    "connected",
    "sealed",
    "stored",
    "transaction-open",
    "committed",
    "adopted",
    "reported",
    "repack-packed",
    "repack-stored",
    "repack-committed",
    "delivered",
)

VARIABLE = "MOORAGE_CRASH_AT"

_chosen = os.environ.get(VARIABLE, "")


def passing(step: str) -> None:
    """Die here when this step was chosen; otherwise do nothing."""
    if step == _chosen:
        os.kill(os.getpid(), signal.SIGKILL)
