from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from moorage.git.pack_end import until_end

PACK = b"PACK\0\0\0\2\0\0\0\0" + b"content " * 40
WHOLE = PACK + hashlib.sha1(PACK, usedforsecurity=False).digest()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [piece for piece in (*pieces, data) if piece]


@given(st.lists(st.integers(1, 60), max_size=40))
def test_it_ends_with_the_pack_however_it_is_cut(sizes: list[int]) -> None:
    pieces = iter([*cut(WHOLE, sizes), b"more"])
    assert b"".join(until_end(pieces)) == WHOLE
    assert next(pieces) == b"more"


@given(st.lists(st.integers(1, 60), max_size=40), st.binary(max_size=300))
def test_what_is_no_whole_pack_goes_to_the_end(sizes: list[int], rest: bytes) -> None:
    data = WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]) + rest
    assert b"".join(until_end(cut(data, sizes))) == data


def test_an_empty_stream_is_empty() -> None:
    assert list(until_end([])) == []
