from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moorage.git import side_band
from moorage.git.pkt_line import MAX_PACKET_BYTES, PktReader


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_frames_hold_the_data_in_order(data: bytes, size: int) -> None:
    packets = PktReader().feed(b"".join(side_band.frames(1, data, frame_bytes=size)))
    assert all(packet[0] == 1 for packet in packets)
    assert b"".join(packet[1:] for packet in packets) == data


def test_frames_are_as_large_as_packets_may_be() -> None:
    first, second = side_band.frames(1, b"x" * (side_band.MAX_FRAME_BYTES + 1))
    assert len(first) == MAX_PACKET_BYTES
    assert len(second) == 6


def test_messages_cannot_drive_a_terminal() -> None:
    packet = side_band.message("red \x1b[31m alert\x07\r\nsecond\x9b2J \u202edrow\tend\n\n")
    assert packet == b"0026\x02red [31m alert\nsecond2J drow end\n"
    assert side_band.message("") == b""


def test_a_line_is_one_line() -> None:
    assert side_band.clean_line("two\nlines\r\n and \x00 more") == "two lines and more"
