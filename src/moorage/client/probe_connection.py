"""A connection to a server that is looked at: each step by itself, bounded in time and size.

The server may be anybody's: what it says is cleaned before it is kept, redirects are not followed, and
nothing that it sends slowly holds us up.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

from moorage.client.issuer_names import issuer
from moorage.client.probe_route import Route

STEP_SECONDS = 8.0
MAX_BODY_BYTES = 16 * 1024
MAX_REASON = 1_500  # characters: a refusal names two ARNs and a statement


class Failed(Exception):
    """A step failed; the text says why, in one line."""


class Answer(NamedTuple):
    """What a server answered; `reason` is its text, cleaned."""

    status: int
    headers: Mapping[str, str]  # by names in small letters
    reason: str


def clean(text: str, limit: int = MAX_REASON) -> str:
    """Return a stranger's text as one line that moves no cursor."""
    words = "".join(each if each.isprintable() else " " for each in text[: 4 * limit]).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def resolved(host: str, port: int, seconds: float = STEP_SECONDS) -> list[str]:
    """Return a host's addresses. Names under `localhost` are this machine's, as for libcurl.

    Raises:
        Failed: there is no such host, or nobody says so in time.
    """
    if _is_address(host):
        return [host]
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1", "::1"]
    found: list[str] = []
    errors: list[str] = []

    def ask() -> None:
        try:
            found.extend(
                dict.fromkeys(
                    str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                )
            )
        except (OSError, UnicodeError) as error:
            errors.append(_why(error))

    # The resolver takes no time limit: it is left behind.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not found:
        raise Failed(errors[0] if errors else f"no answer from the name servers within {seconds:g} s")
    return found


def connected(addresses: list[str], port: int, seconds: float = STEP_SECONDS) -> tuple[socket.socket, str]:
    """Return a connection to the first address that takes one, and that address.

    Raises:
        Failed: none does; the text has every address with its reason.
    """
    errors = []
    for address in addresses[:4]:
        try:
            return socket.create_connection((address, port), timeout=seconds), address
        except OSError as error:
            errors.append(f"{address}: {_why(error)}")
    raise Failed("; ".join(errors))


def through_proxy(proxy: socket.socket, route: Route) -> None:
    """Ask a proxy to connect to the server.

    Raises:
        Failed: it refuses, with its status.
    """
    with _cut_after(proxy, STEP_SECONDS) as watch:
        try:
            target = f"{route.host}:{route.port}"
            proxy.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii", "replace"))
            head = b""
            # Byte by byte: what follows the head belongs to the connection to the server.
            while not head.endswith(b"\r\n\r\n") and len(head) < MAX_BODY_BYTES:
                head += proxy.recv(1) or _closed()
        except (OSError, EOFError) as error:
            raise Failed(watch.why(error)) from None
    line = head.split(b"\r\n", 1)[0].decode("latin-1")
    if line.split(" ")[1:2] != ["200"]:
        raise Failed(f"the proxy {route.proxy} answers: {clean(line, 200)}")


class Refused(Failed):
    """The server's certificate is not good; the text says why."""


def secured(plain: socket.socket, route: Route) -> ssl.SSLSocket:
    """Speak TLS as git would.

    Raises:
        Refused: the certificate is not good.
        Failed: there is no TLS, or the file of certificates cannot be read.
    """
    made = context(route)
    try:
        return made.wrap_socket(plain, server_hostname=route.host)
    except ssl.SSLCertVerificationError as error:
        raise Refused(clean(error.verify_message or str(error), 200)) from None
    except (OSError, ValueError) as error:
        raise Failed(_why(error)) from None


def refused_issuer(addresses: list[str], route: Route) -> str:
    """Return who issued the certificate that a server shows, whoever that is; "" if it cannot be told.

    Nothing is sent on this connection.
    """
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE  # only the certificate is wanted, of a server that may be false
    try:
        plain, _ = connected(addresses, route.port)
        with plain, anything.wrap_socket(plain, server_hostname=route.host) as seen:
            return clean(issuer(seen.getpeercert(binary_form=True) or b""), 200)
    except (OSError, ValueError, Failed):
        return ""


def context(route: Route) -> ssl.SSLContext:
    """Return what git checks certificates by.

    Raises:
        Failed: the file of certificates cannot be read.
    """
    made = ssl.create_default_context()
    if route.ca_file:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            made.load_verify_locations(cafile=route.ca_file, capath=route.also_trusts or None)
        except (OSError, ssl.SSLError) as error:
            reason = "no certificate in it" if isinstance(error, ssl.SSLError) else _why(error)
            raise Failed(f"{clean(route.ca_file, 300)} ({route.ca_named_by}): {reason}") from None
    if not route.is_checked:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE  # as git was told; the caller says so
    return made


def asked(connection: socket.socket, route: Route, headers: Mapping[str, str], query: str) -> Answer:
    """Ask for what a fetch or push asks for first.

    Raises:
        Failed: no answer in time, or none of HTTP.
    """
    speaking = http.client.HTTPConnection(route.host, route.port, timeout=STEP_SECONDS)
    speaking.sock = connection
    speaking.auto_open = 0
    told = {"Host": route.netloc, "User-Agent": "git/moorage-doctor", "Accept": "*/*", **headers}
    with _cut_after(connection, STEP_SECONDS) as watch:
        try:
            speaking.putrequest(
                "GET",
                f"{_encoded(route.path)}/info/refs?service={query}",
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in told.items():
                speaking.putheader(name, value)
            speaking.endheaders()
            response = speaking.getresponse()
            # The rest, if any, is not wanted: a fetch's answer may be long.
            is_text = response.headers.get_content_type().startswith("text/") or response.status >= 400
            body = response.read(MAX_BODY_BYTES) if is_text else b""
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Failed(watch.why(error)) from None
        if watch.cut:  # what came before may look like an answer
            raise Failed(watch.why(TimeoutError()))
    named = {name.lower(): clean(value, 300) for name, value in response.headers.items()}
    return Answer(response.status, named, clean(body.decode("utf-8", "replace")))


class _Watch:
    def __init__(self, seconds: float) -> None:
        self.seconds, self.cut = seconds, False

    def why(self, error: Exception) -> str:
        if self.cut or isinstance(error, TimeoutError):
            return f"no answer within {self.seconds:g} s"
        return _why(error)


@contextlib.contextmanager
def _cut_after(connection: socket.socket, seconds: float) -> Iterator[_Watch]:
    """Cut a connection that takes too long, however steadily it drips."""
    watch = _Watch(seconds)

    def cut() -> None:
        watch.cut = True
        with contextlib.suppress(OSError):
            # Not SSLSocket's own method: that would take the TLS object from the thread that reads.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        timer.join()


def _encoded(path: str) -> str:
    return quote(path, safe="/%:@!$&'()*+,;=-._~")


def _closed() -> bytes:
    raise EOFError("the connection was closed")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return clean(error.reason or str(error), 200)
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror, 200)
    return clean(str(error) or type(error).__name__, 200)
