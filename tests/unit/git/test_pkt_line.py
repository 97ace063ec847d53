from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.git.pkt_line import (
    DELIM,
    FLUSH,
    MAX_DATA_BYTES,
    RESPONSE_END,
    Chunks,
    PktReader,
    encode,
    encode_text,
    ends_in_error,
)

PACKETS = st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([FLUSH, DELIM, RESPONSE_END])))


def wire(packets: list[bytes]) -> bytes:
    return b"".join(
        packet if packet in (FLUSH, DELIM, RESPONSE_END) else encode(packet) for packet in packets
    )


@given(PACKETS, st.integers(1, 50))
def test_what_is_written_is_read_back_however_it_is_cut(packets: list[bytes], size: int) -> None:
    stream = wire(packets)
    reader = PktReader()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [packet for piece in pieces for packet in reader.feed(piece)] == packets
    reader.finish()


@given(PACKETS, st.binary(max_size=500), st.integers(1, 50))
def test_what_follows_the_flush_comes_out_untouched(packets: list[bytes], rest: bytes, size: int) -> None:
    commands = [packet for packet in packets if packet is not FLUSH]
    stream = wire(commands) + FLUSH + rest
    reader = Chunks(stream[start : start + size] for start in range(0, len(stream), size))
    assert list(reader.packets()) == commands
    assert b"".join(reader.remaining()) == rest


def test_data_that_looks_like_a_flush_is_no_flush() -> None:
    (packet,) = PktReader().feed(encode(b"0000"))
    assert packet == b"0000"
    assert packet != FLUSH
    assert len({FLUSH, DELIM, FLUSH}) == 2


def test_texts_end_with_one_newline() -> None:
    assert encode_text("hello") == encode_text(b"hello\n") == b"000ahello\n"


def test_the_largest_packet_passes_and_a_larger_one_is_refused() -> None:
    assert PktReader().feed(b"fff0" + b"x" * MAX_DATA_BYTES) == [b"x" * MAX_DATA_BYTES]
    with pytest.raises(Fault, match="65521 bytes long"):
        PktReader().feed(b"fff1")
    with pytest.raises(ValueError, match="at most"):
        encode(b"x" * (MAX_DATA_BYTES + 1))


@pytest.mark.parametrize(
    "prefix", [b"zzzz", b"+123", b"0x12", b"00_1", b" 123", b"\xff\xff\xff\xff", b"0003"]
)
def test_a_length_that_is_none_is_refused(prefix: bytes) -> None:
    with pytest.raises(Fault):
        PktReader().feed(prefix)
    with pytest.raises(Fault):
        Chunks([prefix + b"data"]).read_packet()


def test_a_stream_cut_inside_a_packet_is_refused_and_between_two_it_is_the_end() -> None:
    reader = PktReader()
    reader.feed(b"00")
    with pytest.raises(Fault, match="ends inside"):
        reader.finish()
    chunks = Chunks([encode(b"whole"), b"0010cut"])
    assert chunks.read_packet() == b"whole"
    with pytest.raises(Fault, match="ends inside"):
        chunks.read_packet()
    assert Chunks([]).read_packet() is None
    with pytest.raises(Fault, match="before its flush"):
        list(Chunks([encode(b"x")]).packets())


def test_a_reader_takes_no_more_packets_than_it_may() -> None:
    reader = PktReader(3)
    assert len(reader.feed(b"0000" * 2 + b"0004")) == 3
    with pytest.raises(Fault, match="more than 3 packets"):
        reader.feed(b"0000")


def test_an_error_at_the_end_of_a_stream_is_recognized() -> None:
    error = encode(b"ERR upload-pack: not our ref " + b"1" * 40)
    assert ends_in_error(error)
    assert ends_in_error(encode(b"shallow") + FLUSH + error)
    assert not any(
        map(ends_in_error, [b"", b"ERR ", error[:-1], error + FLUSH, encode(b"PACK ERR and so on")])
    )
