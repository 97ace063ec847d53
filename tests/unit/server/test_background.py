from __future__ import annotations

import asyncio
import threading

from moorage.server.background import Job, run


def test_a_job_is_done_again_and_again_and_once_more_at_the_end() -> None:
    done: list[int] = []
    enough = threading.Event()

    def work() -> None:
        done.append(threading.get_ident())
        if len(done) == 3:
            enough.set()

    async def main() -> int:
        stop = asyncio.Event()
        running = asyncio.create_task(run([Job("count", 0.001, work, at_end=True)], stop))
        await asyncio.to_thread(enough.wait, 5)
        before = len(done)
        stop.set()
        await running
        return before

    before = asyncio.run(main())
    assert before >= 3
    assert len(done) > before
    assert threading.get_ident() not in done


def test_a_job_that_fails_is_tried_again_and_stops_no_other() -> None:
    enough = threading.Barrier(3, timeout=5)
    calls = {"bad": 0, "good": 0}

    def bad() -> None:
        calls["bad"] += 1
        if calls["bad"] == 2:
            enough.wait()
        raise OSError("the disk is away")

    def good() -> None:
        calls["good"] += 1
        if calls["good"] == 2:
            enough.wait()

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run([Job("bad", 0.001, bad), Job("good", 0.001, good)], stop))
        await asyncio.to_thread(enough.wait)
        stop.set()
        await running

    asyncio.run(main())


def test_stopping_does_not_wait_for_a_job_under_way() -> None:
    started, release = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(10)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run([Job("repack", 0.001, work)], stop))
        await asyncio.to_thread(started.wait, 5)
        stop.set()
        await asyncio.wait_for(running, 2)
        release.set()

    asyncio.run(main())
