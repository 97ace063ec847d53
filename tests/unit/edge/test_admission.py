from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from moorage.core.faults import Fault
from moorage.edge.admission import Admission, Bounds

AT_ONCE = Bounds(principal=2, address=3, repository=4, node=5, queue_s=0.01)


async def enter(stack: AsyncExitStack, admission: Admission, who: str, what: str, where: str) -> None:
    await stack.enter_async_context(admission.admitted(who, what, where))


def refused_with(coroutine: object) -> int:
    with pytest.raises(Fault) as caught:
        asyncio.run(coroutine)  # type: ignore[arg-type]  # a coroutine, named for what it shows
    return caught.value.status


def test_a_principal_past_its_bound_is_told_to_slow_down() -> None:
    async def three_of_one() -> None:
        async with AsyncExitStack() as stack:
            admission = Admission(AT_ONCE)
            for place in range(3):
                await enter(stack, admission, "ann", f"repository {place}", f"address {place}")

    assert refused_with(three_of_one()) == 429


def test_a_repository_past_its_bound_is_busy() -> None:
    async def five_of_one() -> None:
        async with AsyncExitStack() as stack:
            admission = Admission(AT_ONCE)
            for place in range(5):
                await enter(stack, admission, f"user {place}", "one", f"address {place}")

    assert refused_with(five_of_one()) == 503


def test_who_waits_gets_the_place_that_comes_free() -> None:
    async def two_then_one() -> str:
        admission = Admission(Bounds(principal=1, queue_s=5))
        first = AsyncExitStack()
        await enter(first, admission, "ann", "one", "here")
        waiting = asyncio.create_task(_through(admission))
        await asyncio.sleep(0)
        await first.aclose()
        return await waiting

    assert asyncio.run(two_then_one()) == "through"


def test_a_refused_request_leaves_no_place_taken() -> None:
    async def refused_then_free() -> str:
        admission = Admission(Bounds(principal=1, address=1, queue_s=0.01))
        async with AsyncExitStack() as stack:
            await enter(stack, admission, "ann", "one", "here")
            with pytest.raises(Fault):
                async with admission.admitted("ann", "one", "elsewhere"):
                    pass
        return await _through(admission)

    assert asyncio.run(refused_then_free()) == "through"


async def _through(admission: Admission) -> str:
    async with admission.admitted("ann", "one", "elsewhere"):
        return "through"


def test_refusals_do_not_keep_the_requests_they_refused() -> None:
    async def refused(admission: Admission) -> Fault:
        try:
            async with admission.admitted("ann", "two", "there"):
                raise AssertionError("it was let in")
        except Fault as fault:
            return fault

    async def two_past_the_bound() -> tuple[Fault, Fault]:
        admission = Admission(Bounds(principal=1, queue_s=0.01))
        async with admission.admitted("ann", "one", "here"):
            return await refused(admission), await refused(admission)

    first, second = asyncio.run(two_past_the_bound())
    assert first is not second
    assert first.status == second.status == 429
