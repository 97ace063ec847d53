"""Attacks on test mode by what a web page could make a browser send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacker import Attacker, Header
from service_process import Service, serving

PATHS = ("/_moorage/reset", "/_moorage/clock")
MARK = ("X-Moorage-Test", "1")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in test mode, of its own."""
    with serving(tmp_path_factory.mktemp("test-mode"), "--test-mode") as up:
        yield up


@pytest.fixture(autouse=True)
def watch(service: Service) -> None:
    """Nothing is stored here that could be harmed."""
    del service


@pytest.fixture
def attacker(service: Service) -> Attacker:
    return Attacker(service)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Moorage-Test", "")],
        [("X-Moorage-Test", "0")],
        [MARK, ("Origin", "https://evil.example")],
        [MARK, ("Origin", "null")],
        [MARK, ("Sec-Fetch-Site", "cross-site")],
        [MARK, ("Sec-Fetch-Site", "same-origin")],
    ],
    ids=range(7),
)
def test_a_page_cannot_call_it(attacker: Attacker, path: str, headers: list[Header]) -> None:
    assert attacker.ask("POST", path, headers, b'{"shiftSeconds": 1}').status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]"]
)
def test_a_rebound_name_cannot_call_it(attacker: Attacker, host: str) -> None:
    assert attacker.ask("POST", PATHS[0], [MARK], host=host).status == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
def test_it_is_posted_and_no_preflight_is_answered(attacker: Attacker, method: str, path: str) -> None:
    answer = attacker.ask(method, path, [MARK, ("Access-Control-Request-Headers", "x-moorage-test")])
    assert answer.status == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


SHIFTS = [
    b"",
    b"[]",
    b"null",
    b"{}",
    b'{"shiftSeconds": "1"}',
    b'{"shiftSeconds": 1e400}',
    b'{"shiftSeconds": NaN}',
    b'{"shiftSeconds": -Infinity}',
    b'{"shiftSeconds": 1e18}',
    b'{"shiftSeconds": true}',
    b"[" * 4000,
    b"\xff",
    b'{"shiftSeconds": ' + b"9" * 4_000 + b"}",
]


@pytest.mark.parametrize("body", SHIFTS, ids=range(len(SHIFTS)))
def test_a_shift_of_nonsense_is_refused(attacker: Attacker, body: bytes) -> None:
    assert attacker.ask("POST", PATHS[1], [MARK], body).status == 400


def test_a_body_too_long_is_refused(attacker: Attacker) -> None:
    assert attacker.ask("POST", PATHS[1], [MARK], b"x" * 100_000).status == 413
