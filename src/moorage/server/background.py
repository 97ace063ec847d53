"""Work that goes on beside the requests: a list of named jobs, each run again and again in a thread."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import structlog

log = structlog.get_logger(__name__)

# Its own: the state of the module's is for whoever seeds it, as property tests do.
_JITTER = random.Random()  # noqa: S311 -- spreads nodes, no secret

# At the end, jobs that have something to save get this long.
LAST_RUN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """`work` is called every `every_seconds`, give or take a tenth, never twice at once in one worker.

    What must not run on two nodes at once takes a lease itself. With `at_end` it is also called when
    the worker stops.
    """

    name: str
    every_seconds: float
    work: Callable[[], None]
    at_end: bool = False


async def run(jobs: Sequence[Job], stop: asyncio.Event) -> None:
    """Run the jobs until `stop` is set. A job under way then is left to itself."""
    tasks = [asyncio.create_task(_again_and_again(job), name=job.name) for job in jobs]
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in jobs:
            if job.at_end:
                with anyio.move_on_after(LAST_RUN_SECONDS):
                    await _once(job)


async def _again_and_again(job: Job) -> None:
    while True:
        await asyncio.sleep(job.every_seconds * _JITTER.uniform(0.9, 1.1))
        await _once(job)


async def _once(job: Job) -> None:
    try:
        await anyio.to_thread.run_sync(job.work, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
    except Exception:
        log.exception("a background job failed; it is tried again later", job=job.name)
