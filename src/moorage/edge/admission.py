"""Who may start work now: bounds per principal, repository, address and node, with a short queue.

Past its bound a request waits a little, then is refused: 429 when its own caller is the cause, 503
when the repository or the node is busy. Counted per worker process.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from moorage.core.faults import Fault, throttled, unavailable


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many git requests may be at work at once (reference: safety, admission)."""

    principal: int = 10
    address: int = 30
    repository: int = 20
    node: int = 4 * (os.cpu_count() or 1) + 24  # stalled clones cost memory, not processor
    queue_s: float = 5.0


class Turnstile:
    """Lets `bound` through at once for each key."""

    def __init__(self, bound: int, queue_s: float, refusal: Callable[[], Fault]) -> None:
        self._bound = bound
        self._queue_s = queue_s
        self._refusal = refusal
        self._inside: Counter[Hashable] = Counter()
        self._left = asyncio.Condition()

    @asynccontextmanager
    async def pass_through(self, key: Hashable) -> AsyncIterator[None]:
        """Hold a place for the block.

        Raises:
            Fault: no place came free in time.
        """
        await self._enter(key)
        try:
            yield
        finally:
            await asyncio.shield(self._leave(key))

    async def _enter(self, key: Hashable) -> None:
        try:
            async with asyncio.timeout(self._queue_s), self._left:
                await self._left.wait_for(lambda: self._inside[key] < self._bound)
                self._inside[key] += 1
        except TimeoutError:
            # A new one each time: an exception raised again keeps the frames of every time before.
            raise self._refusal() from None

    async def _leave(self, key: Hashable) -> None:
        async with self._left:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]
            self._left.notify_all()


class Admission:
    """The turnstiles of the Git door."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        queue_s = bounds.queue_s
        self._principal = Turnstile(
            bounds.principal,
            queue_s,
            partial(
                throttled,
                f"Rate exceeded: more than {bounds.principal} git requests of this identity at once.",
            ),
        )
        self._address = Turnstile(
            bounds.address,
            queue_s,
            partial(
                throttled,
                f"Rate exceeded: more than {bounds.address} git requests from this address at once.",
            ),
        )
        self._repository = Turnstile(
            bounds.repository,
            queue_s,
            partial(
                unavailable, f"This repository serves {bounds.repository} git requests already; try again."
            ),
        )
        self._node = Turnstile(bounds.node, queue_s, partial(unavailable, "This server is busy; try again."))

    @asynccontextmanager
    async def admitted(self, principal_arn: str, repository_id: str, address: str) -> AsyncIterator[None]:
        """Hold a place at every turnstile for the block."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._address.pass_through(address))
            await stack.enter_async_context(self._principal.pass_through(principal_arn))
            await stack.enter_async_context(self._repository.pass_through(repository_id))
            await stack.enter_async_context(self._node.pass_through("node"))
            yield


@dataclass(frozen=True, slots=True)
class UnsignedBounds:
    """How many API calls that nobody signs may be at work at once."""

    address: int = 4
    node: int = 4  # half of a worker's threads
    queue_s: float = 5.0


class UnsignedAdmission:
    """The turnstiles of the API calls that nobody signs."""

    def __init__(self, bounds: UnsignedBounds | None = None) -> None:
        bounds = bounds or UnsignedBounds()
        self._address = Turnstile(
            bounds.address,
            bounds.queue_s,
            partial(throttled, f"Rate exceeded: more than {bounds.address} unsigned calls at once."),
        )
        self._node = Turnstile(
            bounds.node, bounds.queue_s, partial(unavailable, "This server is busy; try again.")
        )

    @asynccontextmanager
    async def admitted(self, address: str) -> AsyncIterator[None]:
        """Hold a place at both turnstiles for the block."""
        async with self._address.pass_through(address), self._node.pass_through("node"):
            yield
