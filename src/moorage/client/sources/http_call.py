"""One HTTP request for credentials: bounded in time and size, never redirected.

Whoever answers is asked with secrets and answers with secrets. So a certificate is always checked,
a redirect is an answer like any other (following it would carry the secrets along), and plain http
is for the caller to permit, host by host.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from moorage.client.sources.told import one_line

MAX_ANSWER_BYTES = 256 * 1024
USER_AGENT = "moorage-credential-helper"

_PORTS = {"http": 80, "https": 443}
# OpenSSL's X509_V_ERR_…: what no file of a CA can mend.
_OTHER_NAME = frozenset({62, 64})
_OTHER_TIME = frozenset({9, 10})


class CallFailed(Exception):
    """No answer came. The text is one line: why."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Call(NamedTuple):
    """A request. `timeout_s` bounds the connecting, and then all the rest."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    timeout_s: float = 10
    ca_bundle: str | None = None
    proxy: str | None = None

    def answer(self) -> Answer:
        """Send it once.

        Raises:
            CallFailed: there is no such host, no connection, no answer in time, or one too large.
        """
        parts = parsed(self.url)
        connection = _connection(self, parts)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        watch = _Watch(connection, self.timeout_s)
        try:
            connection.connect()
            watch.start()
            connection.request(self.method, target, self.body, {"User-Agent": USER_AGENT, **self.headers})
            with connection.getresponse() as response:
                body = response.read(MAX_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CallFailed(self._why(parts, error, watch)) from None
        finally:
            watch.stop()
            connection.close()
        if watch.cut:
            raise CallFailed(self._why(parts, TimeoutError(), watch))
        if len(body) > MAX_ANSWER_BYTES:
            raise CallFailed(f"{parts.netloc} answered with more than {MAX_ANSWER_BYTES} bytes")
        return Answer(response.status, body)

    def _why(self, parts: SplitResult, error: Exception, watch: _Watch) -> str:
        if watch.cut or isinstance(error, TimeoutError):
            return f"{parts.netloc} did not answer within {self.timeout_s:g} seconds"
        if isinstance(error, ssl.SSLCertVerificationError):
            return _distrust(parts.netloc, error)
        if isinstance(error, ValueError):  # its text would repeat a header, and so perhaps a token
            return f"{parts.netloc} cannot be asked: a key or token holds what no HTTP header may hold"
        through = f" through the proxy {_shown(self.proxy)}" if self.proxy else ""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"{parts.netloc} cannot be reached{through}: {one_line(reason or type(error).__name__)}"


class _Watch:
    """Cuts a connection whose answer takes too long, however steadily it drips."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: float) -> None:
        self._connection, self.cut = connection, False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()

    def _cut(self) -> None:
        self.cut = True
        with contextlib.suppress(OSError, TypeError):  # closed already
            # Not SSLSocket's own method: that would take the TLS object from the thread that reads.
            socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL that may be asked.

    Raises:
        CallFailed: it is no plain http or https URL with a host.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or "@" in parts.netloc or any(char <= " " or char == "\x7f" for char in url):
        raise CallFailed(f"{_shown(url)!r} is no URL of the form https://HOST[:PORT]/PATH")
    return parts


def is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(environment: Mapping[str, str], url: str) -> str | None:
    """Return the proxy that the environment names for an https URL; None for none."""
    parts = parsed(url)
    host = parts.hostname or ""
    proxy = environment.get("https_proxy") or environment.get("HTTPS_PROXY")
    if parts.scheme != "https" or not proxy or is_loopback(host):
        return None
    exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if _is_exempt(parts.netloc.lower(), host, exempt.lower()):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_exempt(netloc: str, host: str, exempt: str) -> bool:
    """Tell whether NO_PROXY names a host: `*`, a domain with all below it, or HOST:PORT."""
    names = [name.strip().lstrip(".") for name in exempt.split(",")]
    return names == ["*"] or any(
        name and (text == name or text.endswith(f".{name}")) for name in names for text in (netloc, host)
    )


def _connection(call: Call, parts: SplitResult) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=call.timeout_s)
    context = _context(call.ca_bundle)
    if call.proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=call.timeout_s, context=context)
    proxy = urlsplit(call.proxy)
    if proxy.scheme != "http" or not proxy.hostname:
        raise CallFailed(f"the proxy {_shown(call.proxy)} is not of the form http://HOST:PORT")
    connection = http.client.HTTPSConnection(
        proxy.hostname, proxy.port or _PORTS["http"], timeout=call.timeout_s, context=context
    )
    connection.set_tunnel(host, port, _proxy_headers(proxy))
    return connection


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    import base64

    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _distrust(netloc: str, error: ssl.SSLCertVerificationError) -> str:
    said = one_line(str(error.verify_message).rstrip("."))
    if error.verify_code in _OTHER_NAME:
        return f"the certificate of {netloc} is another host's ({said}): ask for it by a name that it has"
    if error.verify_code in _OTHER_TIME:
        return f"the certificate of {netloc} is out of date ({said}): check this machine's clock, or renew it"
    remedy = "set AWS_CA_BUNDLE, or the profile's ca_bundle, to the file of its CA"
    return f"the certificate of {netloc} is not trusted ({said}): {remedy}"


def _shown(url: str | None) -> str:
    """Return a URL without the password that it may hold, and without its scheme."""
    return one_line((url or "").rpartition("@")[2].rpartition("//")[2], 100)


def _context(ca_bundle: str | None) -> ssl.SSLContext:
    try:
        if ca_bundle and os.path.isdir(ca_bundle):  # noqa: PTH112 — pathlib costs more than the question
            return ssl.create_default_context(capath=ca_bundle)
        return ssl.create_default_context(cafile=ca_bundle or None)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "no certificates in it"
        raise CallFailed(f"the CA bundle {one_line(str(ca_bundle))} cannot be read: {reason}") from None
