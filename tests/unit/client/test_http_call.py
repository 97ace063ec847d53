"""One request for credentials: certificates, proxies, and answers that never end."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.client.sources.http_call import MAX_ANSWER_BYTES, Call, CallFailed, proxy_for
from moorage.server import local_ca

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Conversation = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(talk: Conversation) -> Iterator[int]:
    """Listen on loopback, and hold one conversation with each who connects; give the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def head(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        part = connection.recv(4096)
        if not part:
            break
        read += part
    return read


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> local_ca.TlsFiles:
    return local_ca.ensure(tmp_path_factory.mktemp("tls"), "example.localhost", [], datetime.now(UTC))


def over_tls(tls: local_ca.TlsFiles, talk: Conversation) -> Conversation:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)

    def talking(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            talk(wrapped)

    return talking


def answering(connection: socket.socket) -> None:
    head(connection)
    connection.sendall(ANSWER)


def test_a_server_is_trusted_by_the_ca_that_is_named(tls: local_ca.TlsFiles) -> None:
    with server(over_tls(tls, answering)) as port:
        call = Call(f"https://localhost:{port}/", ca_bundle=str(tls.ca))
        assert call.answer() == (200, b"ok")
        with pytest.raises(CallFailed, match=r"is not trusted .* set AWS_CA_BUNDLE"):
            call._replace(ca_bundle=None).answer()
        with pytest.raises(CallFailed, match="cannot be read"):
            call._replace(ca_bundle="/no/such/file").answer()


def test_a_certificate_of_another_host_is_nothing_that_a_ca_can_mend(tls: local_ca.TlsFiles) -> None:
    def tunnelling(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        over_tls(tls, answering)(connection)

    with server(tunnelling) as port:
        call = Call("https://other.example/", ca_bundle=str(tls.ca), proxy=f"http://127.0.0.1:{port}")
        with pytest.raises(CallFailed, match=r"is another host's \(.*\): ask for it by a name that it has"):
            call.answer()


def test_a_proxy_is_asked_for_the_host_with_its_password(tls: local_ca.TlsFiles) -> None:
    asked: list[bytes] = []

    def proxying(connection: socket.socket) -> None:
        asked.append(head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        over_tls(tls, answering)(connection)

    with server(proxying) as port:
        proxy = f"http://us%20er:pass%2Fword@127.0.0.1:{port}"
        call = Call("https://localhost:444/x", ca_bundle=str(tls.ca), proxy=proxy)
        assert call.answer() == (200, b"ok")
    assert asked[0].startswith(b"CONNECT localhost:444 HTTP/1.")
    assert base64.b64encode(b"us er:pass/word") in asked[0]


def test_a_proxy_that_refuses_is_told_without_its_password() -> None:
    def refusing(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 407 Who\x1b[31m are you\r\nContent-Length: 0\r\n\r\n")

    with server(refusing) as port, pytest.raises(CallFailed) as failure:
        Call("https://sts.example/", proxy=f"http://user:password@127.0.0.1:{port}").answer()
    told = str(failure.value)
    assert f"through the proxy 127.0.0.1:{port}" in told
    assert "password" not in told
    assert told.isprintable()


@pytest.mark.parametrize("proxy", ["https://proxy:1", "socks5://proxy:1", "http://"])
def test_a_proxy_of_another_kind_is_told(proxy: str) -> None:
    with pytest.raises(CallFailed, match=r"not of the form http://HOST:PORT"):
        Call("https://sts.example/", proxy=proxy).answer()


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://sts.example/", "http://p:1"),
        ({"https_proxy": "p:1", "HTTPS_PROXY": "http://q"}, "https://sts.example/", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://localhost/", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:8443/", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://sts.amazonaws.com.localhost/", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a, .example"}, "https://sts.example/", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "EXAMPLE"}, "https://sts.example:444/", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "sts.example:444"}, "https://sts.example:444/", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "sts.example:1"}, "https://sts.example/", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample"}, "https://sts.example/", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://sts.example/", None),
        ({"HTTP_PROXY": "http://p:1"}, "https://sts.example/", None),
        ({"HTTPS_PROXY": ""}, "https://sts.example/", None),
    ],
)
def test_the_environments_proxy_is_for_https_to_other_machines(
    environment: dict[str, str], url: str, proxy: str | None
) -> None:
    assert proxy_for(environment, url) == proxy


def dripping(start: bytes, drop: bytes) -> Conversation:
    def talk(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(start)
        connection.settimeout(0.02)
        while True:
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return talk


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_that_drips_is_cut(
    tls: local_ca.TlsFiles, start: bytes, drop: bytes, *, secure: bool
) -> None:
    talk = dripping(start, drop)
    with server(over_tls(tls, talk) if secure else talk) as port:
        url = f"{'https' if secure else 'http'}://localhost:{port}/"
        with pytest.raises(CallFailed, match=r"did not answer within 0\.2 seconds|cannot be reached"):
            Call(url, ca_bundle=str(tls.ca), timeout_s=0.2).answer()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be reached"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), "answered with more than"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "cannot be reached"),
    ],
)
def test_a_broken_answer_is_told_in_one_line(content: bytes, told: str | None) -> None:
    def talk(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(content)

    with server(talk) as port:
        call = Call(f"http://127.0.0.1:{port}/")
        if told is None:
            assert call.answer() == (200, b"ab")
        else:
            with pytest.raises(CallFailed, match=told) as failure:
                call.answer()
            assert str(failure.value).isprintable()


def test_a_port_where_nobody_listens_is_told() -> None:
    with pytest.raises(CallFailed, match=r"127\.0\.0\.1:1 cannot be reached: Connection refused"):
        Call("http://127.0.0.1:1/").answer()


@given(st.text(), st.text())
def test_any_environment_leads_to_a_proxy_or_to_none(proxy: str, exempt: str) -> None:
    found = proxy_for({"HTTPS_PROXY": proxy, "NO_PROXY": exempt}, "https://sts.example/")
    assert found is None or proxy in found
