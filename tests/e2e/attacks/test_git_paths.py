"""Attacks by the path and the query of Git's requests."""

from __future__ import annotations

import pytest

from attacker import Attacker
from e2e.attacks.conftest import Victims
from git_attacks import ZERO, command

UPLOAD = "service=git-upload-pack"
RECEIVE = "service=git-receive-pack"

PUSH = command(ZERO, "1" * 40, b"refs/heads/a", first=True) + b"0000"

NAMES = [
    "..%2ftarget",
    "%2e%2e",
    "..",
    ".",
    "target%00",
    "%00",
    "target%0a",
    "target%0d%0aX: y",
    "target%1b[2J",
    "tar%67et%20",
    "target%2finfo",
    "%2Fetc%2Fpasswd",
    "target%5c..",
    "%c0%ae%c0%ae",
    "%ff%fe",
    "%ed%a0%80",
    "t%C3%A4rget",
    "target%E2%80%8B",
    "TARGET",
    "*",
    "%3f",
    "%23",
    "%25",
    "%",
    "%zz",
    "target;x",
    "target:x",
    "x" * 101,
    "x" * 8_000,
    "x" * 60_000,
    "x" * 75_000,
    "%78" * 20_000,
    "a/" * 2_000 + "b",
    "target.git.git",
    ".git",
    "${jndi:x}",
    "{{7*7}}",
    "'--",
    "<svg>",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("whose", ["root", "nobody"])
def test_a_name_of_no_repository_opens_none(
    attacker: Attacker, victims: Victims, whose: str, name: str
) -> None:
    path = f"/v1/repos/{name}"
    key = getattr(victims, whose)
    for phase in ("git-upload-pack", "git-receive-pack"):
        for method, target in (("GET", f"{path}/info/refs?service={phase}"), ("POST", f"{path}/{phase}")):
            body = b"0000" if method == "POST" else b""
            head = [attacker.password(path, key)]
            answer = attacker.ask(method, target, head, body, host=attacker.git_host())
            told = answer.status == 200 and (b"ERR " in answer.body or not answer.body)  # a probe
            assert told or 400 <= answer.status < 500
            assert not any(byte < 32 and byte != 10 for byte in answer.body)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "service=",
        "service=git-upload-archive",
        "service=upload-pack",
        "service=GIT-UPLOAD-PACK",
        "service=git-upload-pack%00",
        "service=git-upload-pack%20",
        f"{UPLOAD}&{RECEIVE}",
        f"{UPLOAD}&{UPLOAD}",
        f"{RECEIVE}&{UPLOAD}",
        "service[]=git-upload-pack",
        "Service=git-upload-pack",
        "service=../../bin/sh",
        "x&" * 20_000 + UPLOAD + "&" + RECEIVE,
    ],
    ids=range(14),
)
def test_a_service_that_is_not_exactly_one_of_two_is_refused(attacker: Attacker, query: str) -> None:
    target = f"/v1/repos/target/info/refs?{query}"
    answer = attacker.ask("GET", target, [attacker.password("/v1/repos/target")], host=attacker.git_host())
    assert answer.status == 403


def test_the_service_in_the_query_gives_no_right_to_another(attacker: Attacker, victims: Victims) -> None:
    """A reader may fetch; what he may do follows from the path of the request and from nothing else."""
    password = attacker.password("/v1/repos/target", victims.reader)
    base = "/v1/repos/target"
    host = attacker.git_host()
    assert attacker.ask("GET", f"{base}/info/refs?{UPLOAD}", [password], host=host).status == 200
    assert attacker.ask("GET", f"{base}/info/refs?{RECEIVE}", [password], host=host).status == 403
    for query in (UPLOAD, RECEIVE, "action=GitPull"):
        target = f"{base}/git-receive-pack?{query}"
        answer = attacker.ask("POST", target, [password], PUSH, host=host)
        assert b"not authorized" in answer.body


@pytest.mark.parametrize(
    "target",
    [
        "/v1/repos/target/objects/info/packs",
        "/v1/repos/target/HEAD",
        "/v1/repos/target/config",
        "/v1/repos/target/info/lfs/objects/batch",
        "/v1/repos/target/git-upload-archive",
        "/v1/repos/target/info/refs/",
        "/v1/repos//info/refs?service=git-upload-pack",
        "/v1/repos/info/refs?service=git-upload-pack",
        "/v1/repos/../../etc/passwd",
        "/v1/repos/..%2f..%2fetc%2fpasswd",
        "/V1/repos/target/info/refs?service=git-upload-pack",
        "/v1%2frepos%2ftarget/info/refs?service=git-upload-pack",
        "/cache/",
        "/root.key",
        "/tls/ca-key.pem",
        "/..%2froot.key",
        "/ca.pem/../root.key",
        "/static/../../root.key",
    ],
)
def test_other_paths_lead_nowhere(attacker: Attacker, target: str) -> None:
    path = target.partition("?")[0]
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = attacker.ask(method, target, [attacker.password(path)], host=attacker.git_host())
        assert 400 <= answer.status < 500


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE"])
def test_refs_are_only_got(attacker: Attacker, method: str) -> None:
    """Whatever the method: nothing changes, and nothing is told that GET would not tell."""
    target = f"/v1/repos/target/info/refs?{UPLOAD}"
    answer = attacker.ask(method, target, [attacker.password("/v1/repos/target")], host=attacker.git_host())
    assert answer.status == 405


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("phase", ["git-upload-pack", "git-receive-pack"])
def test_fetches_and_pushes_are_only_posted(attacker: Attacker, phase: str, method: str) -> None:
    password = attacker.password("/v1/repos/target")
    answer = attacker.ask(method, f"/v1/repos/target/{phase}", [password], host=attacker.git_host())
    assert answer.status == 405


@pytest.mark.parametrize("path", ["/v1/repos/target.git", "//v1/repos/target", "/v1/repos//target"])
def test_spellings_of_one_repository_are_one(attacker: Attacker, path: str) -> None:
    head = [attacker.password(path.replace("//", "/"))]
    answer = attacker.ask("GET", f"{path}/info/refs?{UPLOAD}", head, host=attacker.git_host())
    assert answer.status in (200, 401)
