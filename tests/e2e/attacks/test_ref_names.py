"""Attacks on the names of refs, over Git and over the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacker import Attacker
from e2e.attacks.conftest import Victims, Watch
from git_attacks import ZERO, command, pkt, report
from person import AWS_V1, Person

REFUSED = {
    "dots": b"refs/heads/a..b",
    "climbing": b"refs/heads/../../config",
    "climbing out of tags": b"refs/tags/../heads/main",
    "at and brace": b"refs/heads/a@{1}",
    "at": b"refs/heads/@",
    "tab": b"refs/heads/a\tb",
    "escape": b"refs/heads/\x1b[2J",
    "carriage return": b"refs/heads/a\rb",
    "newline": b"refs/heads/a\nb",
    "delete": b"refs/heads/a\x7f",
    "blank": b"refs/heads/a b",
    "invalid UTF-8": b"refs/heads/\xff\xfe",
    "overlong UTF-8": b"refs/heads/\xc0\xaf",
    "a surrogate": b"refs/heads/\xed\xa0\x80",
    "40 digits": b"refs/heads/" + b"0123456789" * 4,
    "reserved": b"refs/moorage/x",
    "reserved itself": b"refs/moorage",
    "HEAD": b"HEAD",
    "FETCH_HEAD": b"FETCH_HEAD",
    "config": b"config",
    "an absolute path": b"/etc/passwd",
    "no level": b"refs/heads",
    "nothing below": b"refs/heads/",
    "one level": b"refs/x",
    "doubled slash": b"refs/heads//a",
    "slash at the end": b"refs/heads/a/",
    "hidden": b"refs/heads/.a",
    "lock": b"refs/heads/a.lock",
    "lock of a folder": b"refs/heads/a.lock/b",
    "dot at the end": b"refs/heads/a.",
    "glob": b"refs/heads/*",
    "caret": b"refs/heads/a^1",
    "colon": b"refs/heads/a:b",
    "backslash": b"refs/heads/a\\b",
    "257 characters": b"refs/heads/" + b"x" * 257,
    "1,300 bytes": b"refs/notes/" + b"y" * 1300,
    "60,000 bytes": b"refs/notes/" + b"z/" * 30_000 + b"z",
    "below a branch": b"refs/heads/main/x",
}


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_a_push_to_a_bad_name_is_refused(attacker: Attacker, victims: Victims, name: bytes) -> None:
    told = attacker.push("target", command(ZERO, victims.tip, name, first=True), b"0000")
    assert told.status in (200, 400, 403)
    if told.status == 200:
        assert b"ng " + name[:100] in told.body
        assert b"ok refs/" not in told.body


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_deleting_a_bad_name_is_refused(attacker: Attacker, victims: Victims, name: bytes) -> None:
    told = attacker.push("target", command(victims.tip, ZERO, name, first=True), b"0000")
    assert told.status in (200, 400, 403)
    assert b"ok refs/" not in told.body


def test_the_hidden_refs_cannot_be_reached_by_prefix_or_want_ref(attacker: Attacker) -> None:
    body = pkt(b"command=ls-refs\n") + b"0001" + pkt(b"ref-prefix refs/moorage/\n") + b"0000"
    answer = attacker.git("target", "git-upload-pack", body, protocol="version=2")
    assert answer.body == b"0000"


ODD = [
    b"refs/heads/-h",
    b"refs/heads/--upload-pack=touch",
    b'refs/heads/"><svg>',
    b"refs/heads/$(id)",
    b"refs/heads/a;b",
    b"refs/heads/%2e%2e",
    "refs/heads/é…🦊".encode(),
    b"refs/heads/" + b"x" * 256,
    b"refs/heads/HEAD",
    b"refs/heads/refs/heads/main",
    b"refs/tags/" + b"0123456789" * 4,
    b"refs/notes/commits",
    b"refs/notes/" + b"d/" * 200 + b"d",
]


def test_names_that_are_only_odd_are_kept_and_harm_no_clone(
    attacker: Attacker, victims: Victims, watch: Watch, tmp_path: Path
) -> None:
    with watch.changing():
        lines = [command(ZERO, victims.tip, name, first=at == 0) for at, name in enumerate(ODD)]
        told = report(attacker.push("target", *lines, b"0000"))
        assert told.count("ok refs/") == len(ODD)
        person = Person(tmp_path / "home", AWS_V1, attacker.service)
        person.use_a_quick_helper(attacker.root)
        person.ok("git", "clone", "--bare", attacker.service.url("target"), "copy")
        listed = person.ok("git", "ls-remote", attacker.service.url("target"))
        assert all(f"\t{name.decode()}\n" in listed for name in ODD)
        gone = [command(victims.tip, ZERO, name, first=at == 0) for at, name in enumerate(ODD)]
        assert "ng " not in report(attacker.push("target", *gone, b"0000"))


API_NAMES = [
    "",
    "../main",
    "a..b",
    "@",
    "a@{1}",
    "refs/heads/a\n",
    "\x00",
    "\x1b[2J",
    "0123456789" * 4,
    "x" * 257,
    "x" * 1_000_000,
    "a.lock",
    "a b",
    "main/x",
    "\u202emain ",
    "-\t",
]


@pytest.mark.parametrize("name", API_NAMES, ids=range(len(API_NAMES)))
@pytest.mark.parametrize("operation", ["CreateBranch", "DeleteBranch", "UpdateDefaultBranch", "GetBranch"])
def test_a_bad_branch_name_gets_its_modelled_error(
    attacker: Attacker, victims: Victims, operation: str, name: str
) -> None:
    member = "defaultBranchName" if operation == "UpdateDefaultBranch" else "branchName"
    request = {"repositoryName": "target", member: name}
    if operation == "CreateBranch":
        request["commitId"] = victims.tip
    answer = attacker.json(operation, request)
    if operation == "DeleteBranch" and answer.status == 200:  # AWS answers so for what is not there
        assert answer.body == b"{}"
        return
    assert answer.status == 400
    assert answer.error in {
        "InvalidBranchNameException",
        "BranchNameRequiredException",
        "BranchDoesNotExistException",
        "BranchNameExistsException",
        "DefaultBranchCannotBeDeletedException",
    }
