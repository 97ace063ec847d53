from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable
from random import Random

import pytest
from starlette.types import Message, Receive, Scope

from moorage.core.faults import Fault
from moorage.edge import bodies


def scope(encoding: str = "") -> Scope:
    headers = [(b"content-encoding", encoding.encode())] if encoding else []
    return {"type": "http", "headers": headers}


def sending(parts: Iterable[bytes]) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    return receive


def whole(parts: Iterable[bytes], encoding: str = "", limit: int = 1 << 30) -> bytes:
    return asyncio.run(bodies.whole(scope(encoding), sending(parts), limit))


def test_a_body_comes_together_from_its_pieces() -> None:
    assert whole([b"one ", b"two"]) == b"one two"


def test_a_gzipped_body_is_unpacked_wherever_it_is_cut() -> None:
    packed = gzip.compress(b"want something\n" * 100)
    assert whole([packed[:7], packed[7:40], packed[40:]], "gzip") == b"want something\n" * 100


def test_a_body_over_its_bound_is_refused() -> None:
    with pytest.raises(Fault, match="larger than 10 bytes") as caught:
        whole([b"12345", b"678901"], limit=10)
    assert caught.value.status == 413


def test_a_body_made_to_explode_is_refused() -> None:
    with pytest.raises(Fault, match="grows too much"):
        whole([gzip.compress(b"\0" * 50_000_000)], "gzip")


@pytest.mark.parametrize("garbage", [b"not gzip at all", gzip.compress(b"x" * 100)[:4] + b"\xff" * 50])
def test_what_is_not_gzip_is_refused(garbage: bytes) -> None:
    with pytest.raises(Fault, match="not valid gzip"):
        whole([garbage], "gzip")


@pytest.mark.parametrize("size", [1 << 18, (1 << 18) - 1, 3 << 18, 1_000_003])
@pytest.mark.parametrize("piece", [1, 97, 4096])
def test_a_gzipped_body_of_full_pieces_is_unpacked_to_its_end(size: int, piece: int) -> None:
    content = Random(size).randbytes(size // 100 + 1).hex().encode() * 50
    packed = gzip.compress(content[:size])
    assert whole([packed[at : at + piece] for at in range(0, len(packed), piece)], "gzip") == content[:size]


@pytest.mark.parametrize("cut", [0, 5, 20, -8, -1])
def test_a_gzip_that_does_not_end_is_refused(cut: int) -> None:
    with pytest.raises(Fault, match="does not end"):
        whole([gzip.compress(b"want something\n" * 100)[:cut]], "gzip")


@pytest.mark.parametrize("more", [b"x", b"\0" * 100_000, gzip.compress(b"x")], ids=["text", "zeros", "gzip"])
def test_what_follows_a_gzip_is_refused_and_not_kept(more: bytes) -> None:
    packed = gzip.compress(b"want something\n")
    for parts in ([packed + more], [packed, more]):
        with pytest.raises(Fault, match="goes on after the end"):
            whole(parts, "gzip")


def test_an_encoding_git_never_uses_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        whole([b"x"], "br")
    assert caught.value.status == 415


def test_a_client_that_goes_away_is_noticed() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(bodies.Disconnected):
        asyncio.run(bodies.whole(scope(), receive, 10))
