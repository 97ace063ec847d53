"""The way to a server is walked step by step, and the step that fails says why."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering_server import Manners, Standing, standing
from moorage.client import issuer_names, probe_connection
from moorage.client.git_config import Entry
from moorage.client.probe_route import Route, route
from moorage.client.server_probe import Credential, Probe, probe
from moorage.server import local_ca
from moorage.server.local_ca import TlsFiles

NOW = 1_700_000_000.0
HOST = "git-codecommit.us-east-2.amazonaws.com.localhost"
SECRET = "20231114T221320Z" + "ab" * 32
GIVEN = Credential("AKIAEXAMPLE", SECRET, "")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    folder = tmp_path_factory.mktemp("tls")
    return local_ca.ensure(folder, "amazonaws.com.localhost", ["us-east-2"], datetime.now(UTC))


@pytest.fixture
def manners() -> Manners:
    return Manners()


@pytest.fixture
def server(certificates: TlsFiles, manners: Manners) -> Iterator[Standing]:
    with standing(manners, (certificates.certificate, certificates.key), lambda: NOW) as up:
        yield up


def the_route(server: Standing, certificates: TlsFiles, **changed: object) -> Route:
    base = Route(
        "https",
        HOST,
        server.port,
        "/v1/repos/demo",
        ca_file=str(certificates.ca),
        ca_named_by="http.sslCAInfo",
    )
    return base._replace(**changed)  # type: ignore[arg-type]  # each test names the fields it changes


@pytest.fixture
def walked(server: Standing, certificates: TlsFiles) -> Probe:
    return probe(the_route(server, certificates), lambda: GIVEN, now=lambda: NOW)


def names(walked: Probe) -> list[str]:
    return [each.name for each in walked.steps]


def test_a_good_server_is_walked_to_the_end(walked: Probe, manners: Manners) -> None:
    assert names(walked) == ["dns", "tcp", "tls", "clock", "bare", "empty-password", "helper", "signed"]
    assert walked.failed is None
    assert [path for path, _ in manners.asked] == ["/v1/repos/demo/info/refs?service=git-upload-pack"] * 3
    assert walked.skew == pytest.approx(0, abs=1)
    assert SECRET not in repr(walked)


def test_an_impossible_name_ends_at_dns() -> None:
    walked = probe(Route("https", "git..example", 443, "/"))
    assert names(walked) == ["dns"]
    assert "has no address" in walked.steps[0].found


def test_a_closed_port_ends_at_tcp() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        walked = probe(Route("https", "127.0.0.1", taken.getsockname()[1], "/"))
    assert names(walked) == ["dns", "tcp"]
    assert "refused" in walked.steps[-1].reason


def test_a_strange_ca_ends_at_tls_and_is_named(
    server: Standing, certificates: TlsFiles, tmp_path: Path, manners: Manners
) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    other = local_ca.ensure(tmp_path / "other", "amazonaws.com.localhost", ["us-east-2"], datetime.now(UTC))
    walked = probe(the_route(server, certificates, ca_file=str(other.ca)), lambda: GIVEN, now=lambda: NOW)
    assert names(walked) == ["dns", "tcp", "tls"]
    assert "moorage" in walked.issued_by
    assert walked.issued_by in walked.steps[-1].found
    assert "http.sslCAInfo" in walked.steps[-1].found
    assert manners.asked == []


def test_a_certificate_of_another_host_ends_at_tls(server: Standing, certificates: TlsFiles) -> None:
    walked = probe(the_route(server, certificates, host="other.localhost"), now=lambda: NOW)
    assert walked.failed is not None
    assert walked.failed.name == "tls"
    assert "other.localhost" in walked.failed.reason


def test_a_file_without_certificates_is_named(
    server: Standing, certificates: TlsFiles, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    for file in ("empty.pem", "missing.pem"):
        walked = probe(the_route(server, certificates, ca_file=str(tmp_path / file)))
        assert walked.failed is not None
        assert file in walked.failed.reason


def test_git_that_checks_no_certificate_is_followed_and_told(
    server: Standing, certificates: TlsFiles
) -> None:
    walked = probe(
        the_route(server, certificates, ca_file="", is_checked=False), lambda: GIVEN, now=lambda: NOW
    )
    assert walked.failed is None
    step = walked.step("tls")
    assert step is not None
    assert "not checked" in step.found


def test_what_speaks_no_tls_ends_at_tls(certificates: TlsFiles) -> None:
    with standing(Manners(), None, lambda: NOW) as plain:
        walked = probe(the_route(plain, certificates))
    assert walked.failed is not None
    assert walked.failed.name == "tls"


def test_plain_http_has_no_tls_step() -> None:
    with standing(Manners(), None, lambda: NOW) as plain:
        walked = probe(
            Route("http", "localhost", plain.port, "/v1/repos/demo"), lambda: GIVEN, now=lambda: NOW
        )
    assert names(walked) == ["dns", "tcp", "clock", "bare", "empty-password", "helper", "signed"]


def test_a_wrong_clock_is_told_and_the_way_goes_on(
    server: Standing, certificates: TlsFiles, manners: Manners
) -> None:
    manners.clock_ahead = 3600.0
    walked = probe(the_route(server, certificates), lambda: GIVEN, now=lambda: NOW)
    step = walked.step("clock")
    assert step is not None
    assert (step.ok, "60 min ahead of" in step.found) == (False, True)
    assert walked.skew == pytest.approx(3600, abs=1)
    assert names(walked)[-1] == "signed"


@pytest.mark.parametrize(
    "bare", [(403, {}, "Forbidden"), (200, {}, ""), (401, {"WWW-Authenticate": "Negotiate"}, "")]
)
def test_a_bare_answer_that_asks_for_no_password_ends_the_way(
    server: Standing, certificates: TlsFiles, manners: Manners, bare: tuple[int, dict[str, str], str]
) -> None:
    manners.bare = bare
    walked = probe(the_route(server, certificates), lambda: GIVEN, now=lambda: NOW)
    assert walked.failed is not None
    assert walked.failed.name == "bare"
    assert len(manners.asked) == 1


def test_403_to_an_empty_password_is_told_and_the_way_goes_on(
    server: Standing, certificates: TlsFiles, manners: Manners
) -> None:
    manners.empty = (403, {}, "")
    walked = probe(the_route(server, certificates), lambda: GIVEN, now=lambda: NOW)
    assert [each.name for each in walked.steps if not each.ok] == ["empty-password"]
    assert names(walked)[-1] == "signed"


def test_helpers_that_give_nothing_say_why(server: Standing, certificates: TlsFiles) -> None:
    nothing = Credential("", "", "no such profile: dev\n\x1b[2J")
    walked = probe(the_route(server, certificates), lambda: nothing, now=lambda: NOW)
    assert walked.failed is not None
    assert (walked.failed.name, walked.failed.reason) == ("helper", "no such profile: dev [2J")


def test_the_servers_reason_is_relayed_without_what_a_terminal_obeys(
    server: Standing, certificates: TlsFiles, manners: Manners
) -> None:
    manners.signed = (
        403,
        {},
        "denied by\x1b]0;title\x07 statement \u202eNoPush\r\nin policy P" + "x" * 10_000,
    )
    walked = probe(the_route(server, certificates), lambda: GIVEN, now=lambda: NOW)
    assert walked.failed is not None
    assert walked.failed.reason.startswith("denied by ]0;title statement NoPush in policy P")
    assert walked.failed.reason.isprintable()
    assert len(walked.failed.reason) <= probe_connection.MAX_REASON


def test_a_server_that_drips_does_not_hold_us_up(
    server: Standing, certificates: TlsFiles, manners: Manners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_connection, "STEP_SECONDS", 0.2)
    manners.drips = True
    walked = probe(the_route(server, certificates), now=lambda: NOW)
    assert walked.failed is not None
    assert (walked.failed.name, walked.failed.reason) == ("bare", "no answer within 0.2 s")


def test_a_certificates_issuer_is_read(certificates: TlsFiles) -> None:
    import ssl

    der = ssl.PEM_cert_to_DER_cert(
        certificates.certificate.read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
    assert "moorage" in issuer_names.issuer(der)


@given(st.binary(max_size=300))
def test_what_is_no_certificate_has_no_issuer(content: bytes) -> None:
    assert isinstance(issuer_names.issuer(content), str)


def entry(key: str, value: str, scope: str = "global") -> Entry:
    return Entry(scope, Path("/home/mary/.gitconfig"), 3, key, value)


URL = "https://git-codecommit.us-east-2.amazonaws.com/v1/repos/demo"


def routed(*entries: Entry, url: str = URL, **environment: str) -> Route:
    made = route(url, entries, environment)
    assert made is not None
    return made


def test_a_route_has_the_parts_of_its_url() -> None:
    made = routed(url="https://mary@git.example.org:8443/v1/repos/demo/")
    assert (made.scheme, made.host, made.port, made.path) == (
        "https",
        "git.example.org",
        8443,
        "/v1/repos/demo",
    )
    assert made.netloc == "git.example.org:8443"
    assert routed(url="https://[::1]/v1/repos/x").netloc == "[::1]"
    for other in ("ssh://git.example.org/x", "git@host:x", "https://", "https://host:99999/", "/srv/x"):
        assert route(other) is None


def test_curlopt_resolve_tells_addresses_of_this_host_and_port_alone() -> None:
    key = "http.curloptresolve"
    here = "git-codecommit.us-east-2.amazonaws.com:443"
    assert routed(entry(key, f"{here}:127.0.0.1,[::1]")).addresses == ("127.0.0.1", "::1")
    assert routed(entry(key, f"+{here}:127.0.0.9")).addresses == ("127.0.0.9",)
    assert routed(entry(key, f"{here}:127.0.0.1"), entry(key, f"-{here}")).addresses == ()
    assert routed(entry(key, "other.example:443:127.0.0.1")).addresses == ()
    assert routed(entry(key, here.replace("443", "8443") + ":127.0.0.1")).addresses == ()


def test_proxies_are_those_of_git() -> None:
    assert routed(https_proxy="http://user:pw@proxy.example:3128/").proxy == "proxy.example:3128"
    assert routed(https_proxy="http://p:1", no_proxy="amazonaws.com").proxy == ""
    assert routed(entry("http.proxy", "q:2"), https_proxy="http://p:1").proxy == "q:2"
    assert routed(entry("http.proxy", ""), https_proxy="http://p:1").proxy == ""
    assert routed(HTTP_PROXY="http://p:1", url="http://localhost/v1/repos/x").proxy == ""


def test_certificates_are_those_of_git() -> None:
    config = entry("http.https://git-codecommit.us-east-2.amazonaws.com.sslcainfo", "/ca.pem")
    assert routed(config).ca_file == "/ca.pem"
    assert routed(config, GIT_SSL_CAINFO="/env.pem").ca_named_by == "GIT_SSL_CAINFO"
    assert not routed(entry("http.sslverify", "false")).is_checked
    assert not routed(GIT_SSL_NO_VERIFY="1").is_checked
    assert routed().is_checked


def test_a_proxy_that_is_no_http_proxy_is_not_tried() -> None:
    walked = probe(routed(https_proxy="socks5://127.0.0.1:1080"))
    assert [(each.name, each.ok) for each in walked.steps] == [("proxy", False)]
