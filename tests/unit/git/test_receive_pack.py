from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.pkt_line import FLUSH, Chunks, PktReader, encode
from moorage.git.receive_pack import (
    MAX_REF_UPDATES,
    PushRefused,
    PushRequest,
    RefResult,
    RefUpdate,
    parse_commands,
    report_status,
)

ONE, TWO = ObjectId("1" * 40), ObjectId("2" * 40)


def line(name: str, old: str = ONE, new: str = TWO, capabilities: str = "") -> bytes:
    return encode(f"{old} {new} {name}".encode() + (b"\0" + capabilities.encode() if capabilities else b"\n"))


def parse(*packets: bytes) -> PushRequest:
    return parse_commands(Chunks([*packets, FLUSH]))


def test_commands_capabilities_and_shallow_lines_are_read_and_the_pack_is_left() -> None:
    caps = " report-status-v2 side-band-64k atomic object-format=sha1 agent=git/2.39.5"
    first = line("refs/heads/main", capabilities=caps)
    stream = [
        encode(b"shallow " + ONE.encode()),
        first + line("refs/tags/v1", old=ZERO_ID),
        FLUSH + b"PACK...",
    ]
    reader = Chunks(stream)
    request = parse_commands(reader)
    assert request.updates == (
        RefUpdate(b"refs/heads/main", ONE, TWO),
        RefUpdate(b"refs/tags/v1", ZERO_ID, TWO),
    )
    assert request.capabilities["agent"] == "git/2.39.5"
    assert request.atomic
    assert request.shallow == (ONE,)
    assert request.brings_pack
    assert b"".join(reader.remaining()) == b"PACK..."


def test_a_probe_asks_for_nothing() -> None:
    assert parse() == PushRequest()


def test_with_deletions_alone_no_pack_follows() -> None:
    request = parse(line("refs/heads/a", new=ZERO_ID))
    assert request.updates[0].deletes
    assert not request.brings_pack


@pytest.mark.parametrize(
    "packet",
    [
        b"zzzz",
        encode(b"hello"),
        encode(b"1 2 refs/heads/a"),
        line("refs/heads/a", new="G" * 40),
        line("refs/heads/a", new="A" * 40),
        line("", old=ONE),
        line("refs/heads/a", old=ZERO_ID, new=ZERO_ID),
        encode(b"shallow xyz"),
        encode(b"push-cert\0report-status"),
        b"0001",
        b"0010cut",
    ],
)
def test_nonsense_is_refused_with_a_reason(packet: bytes) -> None:
    with pytest.raises(Fault) as refusal:
        parse(packet)
    assert refusal.value.message


def test_a_push_that_stops_before_its_flush_is_refused() -> None:
    with pytest.raises(Fault, match="ends before"):
        parse_commands(Chunks([line("refs/heads/a")]))


def test_too_many_refs_are_refused_with_an_answer_for_each() -> None:
    with pytest.raises(PushRefused, match=r"Too many reference update commands.*4000") as refusal:
        parse(*(line(f"refs/heads/{number}") for number in range(MAX_REF_UPDATES + 1)))
    assert len(refusal.value.request.updates) == MAX_REF_UPDATES + 1
    assert len(parse(*(line(f"refs/heads/{number}") for number in range(MAX_REF_UPDATES))).updates) == 4000


def test_far_too_many_refs_are_not_even_read() -> None:
    with pytest.raises(Fault, match="Too many"):
        parse_commands(Chunks(line(f"refs/heads/{number}") for number in range(10**9)))


def test_one_ref_twice_and_other_hashes_are_refused() -> None:
    with pytest.raises(PushRefused, match="refs/heads/a more than once"):
        parse(line("refs/heads/a"), line("refs/heads/a", new=ZERO_ID))
    with pytest.raises(PushRefused, match="sha1"):
        parse(line("refs/heads/a", capabilities="report-status object-format=sha256"))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_request_or_a_fault(body: bytes) -> None:
    with contextlib.suppress(Fault):
        parse_commands(Chunks([body]))


RESULTS = [RefResult(b"refs/heads/a"), RefResult(b"refs/heads/b", "denied\nby \x1b[1m policy")]
PLAIN = b"000eunpack ok\n0014ok refs/heads/a\n0029ng refs/heads/b denied by [1m policy\n0000"


def test_a_report_names_every_ref_with_clean_reasons() -> None:
    assert report_status(RESULTS, ["report-status"]) == PLAIN
    assert report_status(RESULTS, ["report-status-v2"]) == PLAIN


def test_a_report_is_wrapped_with_messages_when_asked() -> None:
    report = report_status(RESULTS, ["report-status", "side-band-64k"], messages=["hello"])
    packets = PktReader().feed(report)
    assert packets[0] == b"\x02hello\n"
    assert packets[-1] is FLUSH
    assert b"".join(packet[1:] for packet in packets[1:-1]) == PLAIN


def test_who_asks_for_no_report_gets_none() -> None:
    assert report_status(RESULTS, []) == b""
    assert report_status(RESULTS, ["side-band-64k"], messages=["hello"]) == b"000b\x02hello\n0000"


def test_a_failed_unpack_is_told() -> None:
    assert report_status([], ["report-status"], unpack="no\nroom").startswith(b"0013unpack no room\n")


@given(st.integers(1, 65_400), st.text(max_size=1500))
def test_reasons_fit_beside_any_name(length: int, reason: str) -> None:
    report = report_status([RefResult(b"x" * length, reason)], ["report-status"])
    assert PktReader().feed(report)[1].startswith(b"ng x")


def test_commands_of_more_bytes_than_any_honest_push_has_are_not_read_to_their_end() -> None:
    name = b"refs/heads/" + b"x" * 60_000
    lines = (encode(b"%b %b %b%d" % (b"0" * 40, b"1" * 40, name, at)) for at in range(20_000))
    with pytest.raises(Fault, match="commands of the push have more than"):
        parse_commands(Chunks(lines))
    assert next(lines)  # most were never taken
