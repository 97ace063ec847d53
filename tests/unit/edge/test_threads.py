from __future__ import annotations

import asyncio
import gc
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


def test_idle_threads_end_and_new_work_finds_new_ones() -> None:
    begun: set[threading.Thread] = set()

    def work() -> None:
        begun.add(threading.current_thread())

    async def main() -> None:
        threads = Threads(4, idle_seconds=0.01)
        for _ in range(3):
            await asyncio.gather(*(threads.run(work) for _ in range(20)))
            for thread in begun:
                thread.join(10)
                assert not thread.is_alive()
        assert len(begun) <= 12

    asyncio.run(main())


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_no_work_is_forgotten_where_threads_end_while_work_comes(most: int) -> None:
    async def main() -> int:
        threads = Threads(most, queue=10_000, idle_seconds=0)
        done = 0

        async def client(number: int) -> None:
            nonlocal done
            for turn in range(100):
                if (number + turn) % 7 == 0:
                    await asyncio.sleep(0)  # lets threads find nothing to do
                one = await threads.run(lambda: 1)
                done += one

        await asyncio.wait_for(asyncio.gather(*(client(number) for number in range(20))), 60)
        return done

    assert asyncio.run(main()) == 2_000


def test_what_the_work_raises_comes_out() -> None:
    with pytest.raises(ValueError, match="x"):
        asyncio.run(Threads().run(lambda: int("x")))


def test_cancelled_work_that_began_is_waited_for_and_work_that_waits_never_begins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, release, done = threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        release.wait(10)
        done.append("work")
        raise OSError

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
    gc.collect()
    assert not caplog.records
