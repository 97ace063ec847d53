"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes

from moorage.server import idle_memory


def test_there_is_a_job_exactly_where_the_c_library_can_give_memory_back() -> None:
    jobs = idle_memory.jobs()
    assert bool(jobs) == hasattr(ctypes.CDLL(None), "malloc_trim")
    for job in jobs:
        job.work()
