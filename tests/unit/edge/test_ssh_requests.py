from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.edge.ssh.requests import Requests
from moorage.git.pkt_line import DELIM, FLUSH, encode

FETCH = b"".join([encode(b"command=fetch"), DELIM, encode(b"want " + b"a" * 40), encode(b"0000"), FLUSH])
LS_REFS = encode(b"command=ls-refs\n") + FLUSH


def reading(pieces: Iterable[bytes], limit: int = 1 << 20) -> Requests:
    waiting = iter(pieces)

    async def read() -> bytes:
        return next(waiting, b"")

    return Requests(read, limit)


@given(st.lists(st.integers(1, 30), max_size=30))
def test_requests_are_cut_at_their_flush_however_they_come(sizes: list[int]) -> None:
    data = LS_REFS + FETCH + FLUSH + b"rest"
    pieces, stream = [], data
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    requests = reading([piece for piece in (*pieces, stream) if piece])

    async def scenario() -> list[bytes]:
        found = []
        for _ in range(3):
            assert await requests.begun()
            found.append(await requests.whole())
        found.append(await requests.rest())
        while more := await requests.rest():
            found[-1] += more
        assert not await requests.begun()
        return found

    assert asyncio.run(scenario()) == [LS_REFS, FETCH, b"0000", b"rest"]


@pytest.mark.parametrize("data", [b"zzzz", b"0003", b"ffff", b"+001", b"0 10", LS_REFS[:-1], b"00"])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(Fault):
        asyncio.run(reading([data]).whole())


def test_a_request_past_the_limit_is_refused() -> None:
    with pytest.raises(Fault, match="larger than 100 bytes"):
        asyncio.run(reading([encode(b"x" * 60)] * 9, 100).whole())
