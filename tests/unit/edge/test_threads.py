from __future__ import annotations

import asyncio
import threading

import pytest

from moorage.core.faults import Fault
from moorage.edge.threads import Threads


def test_no_more_than_the_bound_work_at_once_and_the_rest_wait_their_turn() -> None:
    lock, inside, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    async def main() -> None:
        threads = Threads(2, queue=100)
        await asyncio.gather(*(threads.run(work) for _ in range(50)))

    asyncio.run(main())
    assert most <= 2


def test_what_does_not_fit_the_queue_is_refused_with_503() -> None:
    release = threading.Event()

    async def main() -> list[object]:
        threads = Threads(1, queue=2)
        running = [asyncio.create_task(threads.run(lambda: release.wait(10))) for _ in range(3)]
        while threads.waiting < 2:  # noqa: ASYNC110 -- who waits for a thread tells nobody
            await asyncio.sleep(0)
        with pytest.raises(Fault) as caught:
            await threads.run(lambda: None)
        assert caught.value.status == 503
        release.set()
        return list(await asyncio.gather(*running))

    assert asyncio.run(main()) == [True, True, True]


def test_what_the_work_raises_comes_out() -> None:
    with pytest.raises(ValueError, match="x"):
        asyncio.run(Threads().run(lambda: int("x")))


def test_cancelled_work_that_began_is_waited_for_and_work_that_waits_never_begins() -> None:
    began, release, done = threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        release.wait(10)
        done.append("work")

    async def main() -> None:
        threads = Threads(1)
        first = asyncio.create_task(threads.run(work))
        while not began.is_set():  # noqa: ASYNC110 -- a thread that begins tells nobody
            await asyncio.sleep(0)
        second = asyncio.create_task(threads.run(lambda: done.append("never")))
        while threads.waiting < 1:  # noqa: ASYNC110 -- nor one that waits
            await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        await asyncio.wait([second])
        assert not first.done()
        release.set()
        await asyncio.wait([first])
        assert done == ["work"]
        assert first.cancelled()
        assert second.cancelled()
        assert threads.waiting == 0

    asyncio.run(main())
