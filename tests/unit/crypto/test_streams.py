from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.crypto.streams import BlobTampered, DataKey, open_stream, seal

KEY = DataKey.generate()
SEGMENT = 1 << 20
LONG = bytes(range(256)) * 10_000  # three segments


def sealed(plaintext: bytes, place: bytes = b"r/1/p/1.pack", key: DataKey = KEY) -> bytes:
    target = io.BytesIO()
    seal(io.BytesIO(plaintext), target, key, place)
    return target.getvalue()


def opened(ciphertext: bytes, place: bytes = b"r/1/p/1.pack", key: DataKey = KEY) -> bytes:
    with open_stream(io.BytesIO(ciphertext), key, place) as stream:
        return stream.read()


SEALED_LONG = sealed(LONG)


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens(plaintext: bytes) -> None:
    assert opened(sealed(plaintext)) == plaintext


@pytest.mark.parametrize(
    "length", [0, 1, SEGMENT - 57, SEGMENT - 56, SEGMENT - 55, SEGMENT, 2 * SEGMENT, 2 * SEGMENT + 1]
)
def test_lengths_around_the_segments_open(length: int) -> None:
    assert opened(sealed(b"x" * length)) == b"x" * length


def test_sealing_equal_bytes_twice_gives_different_blobs() -> None:
    assert sealed(b"same") != sealed(b"same")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, len(SEALED_LONG) - 1), st.integers(1, 255))
def test_any_changed_byte_is_tampering(at: int, change: int) -> None:
    broken = bytearray(SEALED_LONG)
    broken[at] ^= change
    with pytest.raises(BlobTampered):
        opened(bytes(broken))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, len(SEALED_LONG) - 1) | st.sampled_from([SEGMENT, 2 * SEGMENT]))
def test_a_blob_cut_short_is_tampering_even_between_segments(length: int) -> None:
    with pytest.raises(BlobTampered):
        opened(SEALED_LONG[:length])


def test_a_blob_with_more_at_its_end_is_tampering() -> None:
    with pytest.raises(BlobTampered):
        opened(SEALED_LONG + b"\0")


def test_swapped_segments_are_tampering() -> None:
    first, second, third = (SEALED_LONG[at : at + SEGMENT] for at in (0, SEGMENT, 2 * SEGMENT))
    with pytest.raises(BlobTampered):
        opened(first + third + second)


def test_a_blob_under_another_name_is_tampering() -> None:
    with pytest.raises(BlobTampered):
        opened(sealed(b"x", b"r/1/p/1.pack"), b"r/1/p/2.pack")


def test_another_repositorys_key_opens_nothing() -> None:
    with pytest.raises(BlobTampered):
        opened(sealed(b"x"), key=DataKey.generate())


def test_a_key_survives_serialisation() -> None:
    assert opened(sealed(b"x"), key=DataKey.parse(KEY.serialize())) == b"x"


def test_what_is_no_keyset_is_refused() -> None:
    with pytest.raises(ValueError, match="keyset"):
        DataKey.parse(b"none")


def test_a_key_does_not_show_itself() -> None:
    assert repr(KEY) == "DataKey(***)"


class Failing(io.BytesIO):
    """Gives its bytes, then fails as a store does whose connection broke."""

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionError("reset")
        return piece


def test_a_source_that_fails_is_not_called_tampering() -> None:
    with (
        open_stream(Failing(SEALED_LONG[:SEGMENT]), KEY, b"r/1/p/1.pack") as stream,
        pytest.raises(ConnectionError),
    ):
        stream.read()


def test_a_plaintext_that_fails_half_way_leaves_nothing_that_opens() -> None:
    target = io.BytesIO()
    with pytest.raises(ConnectionError):
        seal(Failing(b"x" * 3 * SEGMENT), target, KEY, b"place")
    with pytest.raises(BlobTampered):
        opened(target.getvalue(), b"place")


class Full(io.BytesIO):
    def write(self, _piece: Any) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_target_says_so() -> None:
    with pytest.raises(OSError, match="No space"):
        seal(io.BytesIO(LONG), Full(), KEY, b"place")


def test_neither_side_is_closed_by_sealing_and_the_source_is_by_opening() -> None:
    source, target = io.BytesIO(b"x"), io.BytesIO()
    seal(source, target, KEY, b"p")
    assert (source.closed, target.closed) == (False, False)
    target.seek(0)
    open_stream(target, KEY, b"p").close()
    assert target.closed
