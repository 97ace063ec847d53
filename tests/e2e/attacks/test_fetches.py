"""Attacks on fetches: wants, haves, depths and filters that no Git sends."""

from __future__ import annotations

import pytest

from attacker import Answer, Attacker
from e2e.attacks.conftest import Victims
from git_attacks import pkt
from raw_git import unpkt

UNKNOWN = b"1" * 40


def v0(*lines: bytes, capabilities: bytes = b"", tip: bytes = UNKNOWN) -> bytes:
    first = pkt(b"want " + tip + (b" " + capabilities if capabilities else b"") + b"\n")
    return first + b"".join(map(pkt, lines)) + b"0000" + pkt(b"done\n")


def v2(*arguments: bytes, before: bytes = b"", command: bytes = b"fetch") -> bytes:
    return pkt(b"command=" + command) + before + b"0001" + b"".join(map(pkt, arguments)) + b"0000"


@pytest.mark.parametrize("protocol", ["", "version=1", "version=2"])
def test_an_object_that_is_not_there_is_refused_by_name(attacker: Attacker, protocol: str) -> None:
    body = v2(b"want " + UNKNOWN, b"done") if protocol == "version=2" else v0()
    answer = attacker.git("target", "git-upload-pack", body, protocol=protocol)
    assert (answer.status, unpkt(answer.body)[-1]) == (200, b"ERR upload-pack: not our ref " + UNKNOWN)


V0 = {
    "no want": b"0000" + pkt(b"done\n"),
    "haves alone": pkt(b"have " + UNKNOWN) + pkt(b"done\n"),
    "short id": v0(tip=b"1234"),
    "sha256 id": v0(tip=b"1" * 64),
    "upper-case id": v0(tip=b"A" * 40),
    "a name": v0(tip=b"refs/heads/main"),
    "an option": v0(tip=b"--upload-pack=touch"),
    "sha256": v0(capabilities=b"object-format=sha256"),
    "unknown capabilities": v0(capabilities=b"sudo x=y \xff push-options"),
    "control characters in capabilities": v0(capabilities=b"agent=\x1b[2J\r\n"),
    "no capability of filter": v0(b"filter blob:none"),
    "a delimiter": pkt(b"want " + UNKNOWN) + b"0001" + b"0000",
}


@pytest.mark.parametrize("body", V0.values(), ids=V0.keys())
def test_a_fetch_that_makes_no_sense_is_refused(attacker: Attacker, body: bytes) -> None:
    answer = attacker.git("target", "git-upload-pack", body)
    assert_refused(answer)


TIP_ARGUMENTS = {
    "depth below nothing": [b"deepen -1"],
    "no depth": [b"deepen 0"],
    "depth of letters": [b"deepen abc"],
    "depth of many digits": [b"deepen " + b"9" * 40],
    "depth and hexadecimal": [b"deepen 0x10"],
    "two depths": [b"deepen 1", b"deepen-since 5"],
    "since of nonsense": [b"deepen-since yesterday"],
    "since of long ago": [b"deepen-since -99999999999999999999"],
    "not a ref": [b"deepen-not --exec=x"],
    "not a path": [b"deepen-not ../../../etc/passwd"],
    "shallow of nonsense": [b"shallow x"],
    "shallow of what is not there": [b"shallow " + UNKNOWN, b"deepen 1"],
    "filter of nothing": [b"filter "],
    "filter of nonsense": [b"filter blob:maybe"],
    "filter of many digits": [b"filter blob:limit=" + b"9" * 40],
    "filter below nothing": [b"filter blob:limit=-1"],
    "filter deeper than allowed": [b"filter tree:4000000000"],
    "filter by a file of the client": [b"filter sparse:oid=main:x"],
    "filter by a path of the server": [b"filter sparse:path=/etc/passwd"],
    "filters without end": [b"filter combine:" + b"+".join([b"combine:tree:1"] * 5_000)],
    "filters within filters": [b"filter " + b"combine:" * 7_000 + b"tree:1"],
    "filter with escapes": [b"filter combine:%00%2f%zz+blob:none"],
    "filter of an object's kind": [b"filter object:type=--x"],
    "two filters": [b"filter blob:none", b"filter tree:0"],
    "a ref": [b"want-ref refs/heads/main"],
    "a hidden ref": [b"want-ref refs/moorage/x"],
    "a ref of control characters": [b"want-ref refs/heads/\x1b[2J"],
    "an argument of nobody": [b"rm -rf /"],
    "an argument of bytes": [bytes(range(1, 256))],
    "packfile by URL": [b"packfile-uris http,https"],
}


@pytest.mark.parametrize("arguments", TIP_ARGUMENTS.values(), ids=TIP_ARGUMENTS.keys())
@pytest.mark.parametrize("protocol", ["", "version=2"])
def test_hostile_arguments_of_a_fetch_are_answered_and_end(
    attacker: Attacker, victims: Victims, protocol: str, arguments: list[bytes]
) -> None:
    tip = victims.tip.encode()
    body = (
        v2(b"want " + tip, *arguments, b"done")
        if protocol
        else v0(*arguments, tip=tip, capabilities=b"filter")
    )
    answer = attacker.git("target", "git-upload-pack", body, protocol=protocol)
    assert answer.status in (200, 403)
    assert answer.body, "an answer tells a pack or a reason"


def test_a_hundred_thousand_haves_are_read(attacker: Attacker, victims: Victims) -> None:
    haves = b"".join(pkt(b"have %040x" % number) for number in range(1, 100_001))
    body = pkt(b"want " + victims.tip.encode()) + b"0000" + haves + pkt(b"done\n")
    answer = attacker.git("target", "git-upload-pack", body)
    assert answer.status == 200
    assert b"PACK" in answer.body


def test_a_hundred_thousand_wants_of_one_object_are_one(attacker: Attacker, victims: Victims) -> None:
    body = pkt(b"want " + victims.tip.encode()) * 100_000 + b"0000" + pkt(b"done\n")
    assert b"PACK" in attacker.git("target", "git-upload-pack", body).body


V2 = {
    "unknown command": v2(command=b"rm -rf"),
    "no command": b"0001" + pkt(b"want " + UNKNOWN) + b"0000",
    "two commands": v2(before=pkt(b"command=ls-refs")),
    "empty command": v2(command=b""),
    "a command hidden": v2(command=b"object-info"),
    "bundle": v2(command=b"bundle-uri"),
    "sha256": v2(before=pkt(b"object-format=sha256")),
    "unknown argument of ls-refs": v2(b"exec=id", command=b"ls-refs"),
    "two delimiters": pkt(b"command=fetch") + b"0001" + b"0001" + b"0000",
    "short want": v2(b"want 1234", b"done"),
    "want of a name": v2(b"want HEAD", b"done"),
}


@pytest.mark.parametrize("body", V2.values(), ids=V2.keys())
def test_a_command_that_is_not_served_is_refused(attacker: Attacker, body: bytes) -> None:
    assert_refused(attacker.git("target", "git-upload-pack", body, protocol="version=2"))


def test_prefixes_by_the_thousand_are_answered(attacker: Attacker) -> None:
    prefixes = [b"ref-prefix refs/heads/%d" % number for number in range(70_000)]
    answer = attacker.git(
        "target", "git-upload-pack", v2(*prefixes, command=b"ls-refs"), protocol="version=2"
    )
    assert answer.status == 200


PROTOCOLS = [
    "version=3",
    "version=-1",
    "version=2" + ":x" * 5_000,
    "version=2:version=0",
    "VERSION=2",
    "version=2\tversion=1",
    "a" * 40_000,
    "version=\xff\xfe",
    "=2",
    ":::",
    "version=2:LD_PRELOAD=/x",
    "version=2; rm",
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=range(len(PROTOCOLS)))
def test_a_git_protocol_of_nonsense_is_some_protocol(
    attacker: Attacker, victims: Victims, protocol: str
) -> None:
    tip = victims.tip.encode()
    path = "/v1/repos/target/info/refs?service=git-upload-pack"
    head = [attacker.password("/v1/repos/target"), ("Git-Protocol", protocol)]
    assert attacker.ask("GET", path, head, host=attacker.git_host()).status == 200
    for body in (v0(tip=tip), v2(b"want " + tip, b"done")):
        assert attacker.git("target", "git-upload-pack", body, protocol=protocol).status == 200


def assert_refused(answer: Answer) -> None:
    if answer.status == 200:
        told = unpkt(answer.body)
        assert told[-1].startswith(b"ERR "), told
        assert not any(byte < 32 and byte != 10 for byte in told[-1])
    else:
        assert 400 <= answer.status < 500
