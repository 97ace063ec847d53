"""Attacks on HTTP itself: heads that two readers would read differently, too large, too slow, or forged."""

from __future__ import annotations

import json
import socket
import time

import pytest

from attacker import HUNG_UP, Attacker, Signing, json_headers, request_head
from e2e.attacks.conftest import Victims, Watch

DENY_OTHERS = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": "codecommit:List*",
        "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    },
}

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
HEADS = {
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "empty host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "length below nothing": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "length of letters": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd",
    "length of many digits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "other transfer encoding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "hidden transfer encoding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two transfer encodings": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET /nowhere HTTP/1.1\nHost: a\n\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "NUL in the path": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the query": b"GET /?\xff=\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in a header": b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n",
    "blank in a header's name": b"GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "connect": b"CONNECT localhost:22 HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "long method": b"A" * 100_000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": b"\0" * 1000,
    "upgrade to websocket": b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "upgrade to h2c": b"GET /nowhere HTTP/1.1\r\nHost: a\r\n"
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "host of bytes": b"GET /nowhere HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    "host with user": b"GET /nowhere HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "101 headers": b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    "100 KB of headers": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "100 KB of path": b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a name of 100 KB": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X" * 100_000 + b": y\r\n\r\n",
}
SERVED = {"upgrade to websocket"}  # as if nothing had been asked


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_nonsense_is_refused(attacker: Attacker, name: str) -> None:
    answer = attacker.raw(HEADS[name])
    assert 400 <= answer.status < 500 or answer == HUNG_UP or name in SERVED


def test_http_1_0_is_answered_and_the_connection_closed(attacker: Attacker) -> None:
    assert attacker.raw(b"GET /healthz HTTP/1.0\r\nHost: a\r\n\r\n").status == 200


def test_what_follows_a_refused_head_is_not_read_as_a_request(attacker: Attacker) -> None:
    smuggled = b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    with attacker.connection() as opened:
        opened.sendall(head + smuggled)
        opened.settimeout(10)
        told = b""
        while piece := opened.recv(65_536):
            told += piece
    assert told.count(b"HTTP/1.1 ") == 1
    assert b"moorage" not in told


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "DELETE", "PUT", "PROPFIND"])
@pytest.mark.parametrize("target", ["/", "/healthz", "/version", "/metrics", "/v1/repos/target"])
def test_other_methods_are_no_way_in(attacker: Attacker, method: str, target: str) -> None:
    head = request_head(method, target, attacker.api_host, [("Cookie", "canary"), ("X-Canary", "canary")])
    answer = attacker.raw(head, head_only=method == "HEAD")
    assert answer.status < 500
    assert b"canary" not in answer.body
    assert "access-control-allow-origin" not in answer.headers


def test_an_absolute_target_is_answered_by_its_path_alone(attacker: Attacker) -> None:
    assert attacker.ask("GET", "http://169.254.169.254/latest/meta-data").status == 404
    assert attacker.ask("GET", "https://evil.example/healthz").status == 200


def test_the_head_of_a_request_must_come_soon(attacker: Attacker) -> None:
    started = time.monotonic()
    answer = attacker.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert answer.status in (0, 408)
    assert time.monotonic() - started < 15


def test_many_connections_that_say_nothing_stop_nobody(attacker: Attacker) -> None:
    idle = [socket.create_connection(("127.0.0.1", attacker.service.port)) for _ in range(300)]
    try:
        assert attacker.ask("GET", "/healthz").status == 200
    finally:
        for each in idle:
            each.close()


def test_a_body_that_stops_harms_nobody_else(attacker: Attacker) -> None:
    head = request_head(
        "POST",
        "/v1/repos/target/git-receive-pack",
        attacker.git_host(),
        [attacker.password("/v1/repos/target")],
        100_000,
    )
    with attacker.connection() as opened:
        opened.sendall(head + b"00")
        assert attacker.ask("GET", "/healthz").status == 200


# --- who is asking ----------------------------------------------------------------------------

FORGED = [
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Real-IP", "203.0.113.7"),
    ("Forwarded", "for=203.0.113.7;proto=https"),
    ("True-Client-IP", "203.0.113.7"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "http"),
    ("X-Original-URL", "/metrics"),
    ("X-Rewrite-URL", "/metrics"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Forwarded-User", "root"),
    ("Remote-User", "root"),
]


def test_forwarded_headers_of_strangers_change_nothing(
    attacker: Attacker, victims: Victims, watch: Watch
) -> None:
    iam = attacker.service.client("iam")
    with watch.changing():
        key = attacker.service.create_user("elsewhere")
        iam.put_user_policy(UserName="elsewhere", PolicyName="there", PolicyDocument=json.dumps(DENY_OTHERS))
        for header in FORGED:
            signing = Signing(key, "codecommit", loose=[header])
            answer = attacker.signed(signing, json_headers("ListRepositories"), b"{}")
            assert answer.error == "AccessDeniedException", header
    for header in FORGED:
        assert attacker.ask("GET", "/metrics", [header]).status == 401
    lines = [json.loads(line) for line in attacker.service.log.splitlines() if line.startswith("{")]
    assert {line["client"] for line in lines if "client" in line} == {"127.0.0.1"}


def test_the_metrics_ask_for_their_token(attacker: Attacker) -> None:
    token = (attacker.service.data / "metrics-token").read_text().strip()
    for value in (
        "",
        "Bearer",
        "Bearer ",
        f"Basic {token}",
        f"Bearer {token[:-1]}",
        f"Bearer {token}x",
        "Bearer \xff",
        token,
    ):
        answer = attacker.ask("GET", "/metrics", [("Authorization", value)])
        assert answer.status == 401
        assert token not in answer.text
    assert attacker.ask("GET", f"/metrics?token={token}").status == 401
    with_it = attacker.ask("GET", "/metrics", [("Authorization", f"Bearer {token}")])
    assert with_it.status == 200
    assert token not in with_it.text
    assert token not in attacker.service.log


def test_what_is_for_test_mode_is_not_there_outside_of_it(attacker: Attacker) -> None:
    for target in (
        "/_moorage/reset",
        "/_moorage/clock",
        "/_moorage/",
        "//_moorage/reset",
        "/_moorage%2freset",
    ):
        for method in ("GET", "POST"):
            answer = attacker.ask(
                method, target, [("X-Moorage-Test", "1")], b"{}" if method == "POST" else b""
            )
            assert answer.status == 404


def test_line_ends_in_values_reach_no_header(attacker: Attacker) -> None:
    for target in ("/%0d%0aX-Evil:%201", "/?x=%0d%0aX-Evil:%201", "/v1/repos/%0d%0aX-Evil:%201/info/refs"):
        answer = attacker.ask("GET", target, [attacker.password(target)])
        assert "x-evil" not in answer.headers
    answer = attacker.json("GetRepository\r\nX-Evil: 1", {})
    assert "x-evil" not in answer.headers


def test_a_line_of_the_log_is_one_request(attacker: Attacker) -> None:
    attacker.ask("GET", "/a%0a%7b%22event%22%3a%22forged%22%7d%1b[2J")
    attacker.ask("GET", "/b", [("User-Agent", "x\x1b[31m"), ("Referer", "\u2028".encode().decode("latin-1"))])
    for line in attacker.service.log.splitlines():
        assert not line.startswith('{"event":"forged"')
        assert "\x1b" not in line
