"""Attacks on the frames of Git's protocols and on the encodings of their bodies."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from attacker import Answer, Attacker, request_head
from git_attacks import ZERO, command, pkt
from raw_git import unpkt

PHASES = ("git-upload-pack", "git-receive-pack")
NEW = "1" * 40

NONSENSE = {
    "nothing": b"",
    "one byte": b"0",
    "no number": b"zzzz",
    "signed number": b"-001" + b"x" * 64,
    "plus sign": b"+00a" + b"x" * 64,
    "blanks": b" 00a" + b"x" * 64,
    "underscore": b"0_1f" + b"x" * 64,
    "length 3": b"0003",
    "empty packets": b"0004" * 100 + b"0000",
    "too long": b"fff1" + b"x" * 65_517,
    "longest and cut": b"ffff" + b"x" * 100,
    "cut off": b"0100" + b"x" * 20,
    "flushes": b"0000" * 1000,
    "delimiters": b"0001" * 1000,
    "response end": b"0002",
    "flush before all": b"0000" + pkt(b"want " + NEW.encode()) + b"0000",
    "delimiter in the middle": pkt(b"want " + NEW.encode()) + b"0001" + b"0000",
    "zeros": b"\0" * 4096,
    "control characters": pkt(bytes(range(32))) + b"0000",
    "a pack at once": b"PACK" + b"\0" * 100,
    "gzip without saying so": gzip.compress(b"0000"),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "packet after flush": pkt(b"command=ls-refs") + b"0001" + b"0000" + pkt(b"command=fetch") + b"0000",
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("protocol", ["", "version=1", "version=2"])
@pytest.mark.parametrize("phase", PHASES)
def test_nonsense_in_frames_is_refused(attacker: Attacker, phase: str, protocol: str, body: bytes) -> None:
    answer = attacker.git("target", phase, body, protocol=protocol)
    assert answer.status in (200, 400, 403)


PUSH_NONSENSE = {
    "no flush": command(ZERO, NEW, b"refs/heads/a", first=True),
    "no capabilities": command(ZERO, NEW, b"refs/heads/a") + b"0000",
    "short id": pkt(b"1234 " + NEW.encode() + b" refs/heads/a") + b"0000",
    "upper-case id": command(ZERO, "A" * 40, b"refs/heads/a") + b"0000",
    "sha256 ids": pkt(b"0" * 64 + b" " + b"1" * 64 + b" refs/heads/a\0object-format=sha256") + b"0000",
    "no name": pkt(f"{ZERO} {NEW} ".encode()) + b"0000",
    "nothing changes": command(ZERO, ZERO, b"refs/heads/a") + b"0000",
    "two capability lists": command(ZERO, NEW, b"refs/heads/a", first=True) * 2 + b"0000",
    "certificate": pkt(b"push-cert\0push-cert=1") + pkt(b"push-cert-end") + b"0000",
    "a delimiter among commands": command(ZERO, NEW, b"refs/heads/a", first=True) + b"0001" + b"0000",
    "shallow of nonsense": pkt(b"shallow zzz") + b"0000",
    "newline in a name": command(ZERO, NEW, b"refs/heads/a\nok refs/heads/b") + b"0000",
    "options that were not offered": command(
        ZERO, NEW, b"refs/heads/a", first=True, capabilities=b"push-options report-status"
    )
    + b"0000"
    + pkt(b"x=;rm")
    + b"0000",
}


@pytest.mark.parametrize("body", PUSH_NONSENSE.values(), ids=PUSH_NONSENSE.keys())
def test_a_push_of_nonsense_moves_nothing(attacker: Attacker, body: bytes) -> None:
    answer = attacker.push("target", body)
    assert answer.status in (200, 400, 403)
    assert b"ok refs/heads/a\n" not in answer.body


@pytest.mark.parametrize("count", [20_001, 25_001])
def test_a_push_of_too_many_refs_is_refused_as_a_whole(attacker: Attacker, count: int) -> None:
    lines = [command(ZERO, NEW, b"refs/heads/b%d" % at, first=at == 0) for at in range(count)]
    answer = attacker.push("target", *lines, b"0000")
    assert answer.status in (200, 403)
    assert b"Too many reference update commands" in answer.body


def test_a_ref_named_twice_refuses_the_push(attacker: Attacker) -> None:
    first = command(ZERO, NEW, b"refs/heads/a", first=True)
    answer = attacker.push("target", first, command(ZERO, "2" * 40, b"refs/heads/a"), b"0000")
    assert b"more than once" in answer.body


def test_commands_of_endless_length_are_refused_before_they_fill_the_memory(attacker: Attacker) -> None:
    before = resident_bytes(attacker.service.process.pid)
    lines = [command(ZERO, NEW, b"refs/heads/%05d" % at + b"x" * 60_000) for at in range(2_000)]
    answer = attacker.push("target", *lines, b"0000")
    assert refused(answer)
    assert resident_bytes(attacker.service.process.pid) - before < 60 << 20


@pytest.mark.parametrize("packet", [b"0000", b"0004", b"0001"])
@pytest.mark.parametrize("protocol", ["", "version=2"])
def test_millions_of_empty_packets_are_refused_soon(attacker: Attacker, protocol: str, packet: bytes) -> None:
    answer = attacker.git("target", "git-upload-pack", packet * 1_000_000, protocol=protocol)
    assert refused(answer)
    assert b"packets" in answer.body


def test_a_fetch_request_beyond_its_bound_is_refused(attacker: Attacker) -> None:
    answer = attacker.git("target", "git-upload-pack", pkt(b"have " + b"1" * 40) * 350_000)
    assert answer.status in (0, 413)


def resident_bytes(pid: int) -> int:
    """The most memory a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


# --- encodings -------------------------------------------------------------------------------

LS_REFS = pkt(b"command=ls-refs\n") + b"0001" + b"0000"
PACKED = gzip.compress(LS_REFS)
BAD_GZIP = {
    "not gzip": b"this is no gzip",
    "nothing": b"",
    "cut in the head": PACKED[:5],
    "cut in the middle": PACKED[: len(PACKED) // 2],
    "cut before the checksum": PACKED[:-8],
    "wrong checksum": PACKED[:-8] + b"\1" * 8,
    "something after it": PACKED + b"x" * 100_000,
    "two members": PACKED + PACKED,
    "zlib": zlib.compress(LS_REFS),
}


@pytest.mark.parametrize("body", BAD_GZIP.values(), ids=BAD_GZIP.keys())
@pytest.mark.parametrize("phase", PHASES)
def test_what_is_no_whole_gzip_is_refused(attacker: Attacker, phase: str, body: bytes) -> None:
    answer = attacker.git("target", phase, body, [("Content-Encoding", "gzip")], protocol="version=2")
    assert refused(answer)


def test_a_gzip_bomb_is_refused_before_it_unfolds(attacker: Attacker) -> None:
    before = resident_bytes(attacker.service.process.pid)
    body = gzip.compress(command(ZERO, NEW, b"refs/heads/a", first=True) + b"0000" + b"\0" * (64 << 20))
    for phase in PHASES:
        answer = attacker.git("target", phase, body, [("Content-Encoding", "gzip")])
        assert refused(answer)
    assert resident_bytes(attacker.service.process.pid) - before < 60 << 20


def test_what_follows_a_gzip_is_not_kept(attacker: Attacker) -> None:
    before = resident_bytes(attacker.service.process.pid)
    padding = b"x" * (100 << 20)
    commands = command(ZERO, NEW, b"refs/heads/a", first=True)
    answer = attacker.push("target", gzip.compress(commands), padding, headers=[("Content-Encoding", "gzip")])
    assert refused(answer)
    assert resident_bytes(attacker.service.process.pid) - before < 60 << 20


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x" * 1000, "gzip;q=1"])
@pytest.mark.parametrize("phase", PHASES)
def test_other_encodings_are_refused(attacker: Attacker, phase: str, encoding: str) -> None:
    answer = attacker.git("target", phase, PACKED, [("Content-Encoding", encoding)], protocol="version=2")
    assert answer.status == 415


@pytest.mark.parametrize("sizes", [(b"-1", b"zz"), (b"ffffffffffffffffff", b"x"), (b"5;a=b", b"0000")])
def test_chunks_of_wrong_sizes_are_refused(attacker: Attacker, sizes: tuple[bytes, bytes]) -> None:
    size, content = sizes
    headers = [attacker.password("/v1/repos/target"), ("Transfer-Encoding", "chunked")]
    head = request_head("POST", "/v1/repos/target/git-receive-pack", attacker.git_host(), headers)
    answer = attacker.raw(head, size + b"\r\n" + content + b"\r\n0\r\n\r\n")
    assert answer.status in (0, 400, 403)


def refused(answer: Answer) -> bool:
    """Tell whether Git would say that it failed: by status, by an ERR packet or by a report."""
    if answer.status != 200:
        return 400 <= answer.status < 500
    told = b"".join(unpkt(answer.body))
    return told.startswith(b"ERR ") or b"unpack " in told
