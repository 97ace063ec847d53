"""Asking a real HTTPS server on loopback."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest

from moorage.auth.web_identity_fetch import (
    MAX_DOCUMENT_BYTES,
    CertificateRefused,
    Fetcher,
    FetchFailed,
    may_reach,
)
from oidc_server import Certified, certify, running

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def fetch() -> Fetcher:
    return Fetcher(LOOPBACK, seconds=2.0)


def test_a_document_comes_when_the_authority_has_a_registered_thumbprint(
    tmp_path: Path, fetch: Fetcher
) -> None:
    with running(tmp_path) as up:
        found = fetch(up.issuer.url + DISCOVERY, [up.authority.thumbprint])
    assert b'"jwks_uri"' in found.content


def test_without_a_thumbprint_only_the_systems_authorities_count(tmp_path: Path, fetch: Fetcher) -> None:
    with running(tmp_path) as up:
        for thumbprints in ([], ["0" * 40]):
            with pytest.raises(CertificateRefused):
                fetch(up.issuer.url + DISCOVERY, thumbprints)


def test_the_servers_own_certificate_may_be_registered(tmp_path: Path, fetch: Fetcher) -> None:
    leaf = certify("localhost", host="localhost")
    with running(tmp_path, chain=(leaf,)) as up:
        assert fetch(up.issuer.url + DISCOVERY, [leaf.thumbprint]).content


def chains() -> dict[str, tuple[Certified, tuple[Certified, ...]]]:
    """What an attacker may present who has the registered certificate, but not its key."""
    true, evil = certify("true"), certify("evil")
    same_name = certify("true")
    return {
        "appended": (true, (certify("localhost", evil, host="localhost"), evil, true)),
        "instead of the evil one": (true, (certify("localhost", evil, host="localhost"), true)),
        "of the same name": (true, (certify("localhost", same_name, host="localhost"), true)),
        "for another host": (true, (certify("other", true, host="other.example"), true)),
        "over": (true, (certify("localhost", true, host="localhost", days=-1), true)),
    }


@pytest.mark.parametrize("name", chains())
def test_a_registered_certificate_vouches_only_for_what_it_signed(
    tmp_path: Path, fetch: Fetcher, name: str
) -> None:
    true, chain = chains()[name]
    with running(tmp_path, chain=chain) as up, pytest.raises(CertificateRefused):
        fetch(up.issuer.url + DISCOVERY, [true.thumbprint])


def test_nothing_is_followed_and_nothing_large_is_read(tmp_path: Path, fetch: Fetcher) -> None:
    answers = {
        "/moved": (302, b"", "https://localhost/elsewhere"),
        "/large": (200, b"x" * (MAX_DOCUMENT_BYTES + 1), ""),
        "/failed": (500, b"{}", ""),
    }
    with running(tmp_path, answers=answers) as up:
        for path in answers:
            with pytest.raises(FetchFailed, match=r"status|bytes"):
                fetch(f"https://localhost:{up.port}{path}", [up.authority.thumbprint])


def test_a_silent_server_is_given_up(fetch: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(FetchFailed, match="did not answer"):
            Fetcher(LOOPBACK, seconds=0.3)(f"https://localhost:{port}/", [])
    with pytest.raises(FetchFailed, match="did not answer"):
        fetch(f"https://localhost:{port}/", [])


@pytest.mark.parametrize(
    "url",
    ["http://localhost/", "https://user@localhost/", "https:///x", "https://localhost:0x/", "file:///etc"],
)
def test_only_plain_https_urls_are_asked(fetch: Fetcher, url: str) -> None:
    with pytest.raises(FetchFailed, match="URL"):
        fetch(url, [])


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "169.254.169.254", "10.1.2.3", "[::1]", "2130706433"]
)
def test_what_is_not_public_is_closed(host: str) -> None:
    with pytest.raises(FetchFailed, match=r"not a public address|no address"):
        Fetcher()(f"https://{host}/", [])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("::ffff:10.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert may_reach(ipaddress.ip_address(address)) is public


def test_link_local_addresses_stay_closed_whatever_is_opened() -> None:
    every = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    assert may_reach(ipaddress.ip_address("10.0.0.1"), every)
    for address in ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254"):
        assert not may_reach(ipaddress.ip_address(address), every)
