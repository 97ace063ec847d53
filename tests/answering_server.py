"""A server of Git's first requests that answers as it is told, over TLS with a CA of its own."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Told = tuple[int, dict[str, str], str]  # status, headers, text

CHALLENGE = {"WWW-Authenticate": 'Basic realm="codecommit"'}


@dataclass
class Manners:
    """How the server answers to no credentials, an empty password, and a full pair."""

    bare: Told = (401, CHALLENGE, "Authentication is required.")
    empty: Told = (401, CHALLENGE, "A password is required.")
    signed: Told = (200, {}, "")
    clock_ahead: float = 0.0
    drips: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, authorization)

    def answer(self, authorization: str) -> Told:
        if not authorization:
            return self.bare
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        return self.empty if pair.endswith(":") else self.signed


@dataclass(frozen=True)
class Standing:
    port: int
    manners: Manners


@contextmanager
def standing(
    manners: Manners, certificate: tuple[Path, Path] | None, now: Callable[[], float]
) -> Iterator[Standing]:
    """Serve on loopback until the block ends; without a certificate (and its key) over plain HTTP."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            manners.asked.append((self.path, authorization))
            if manners.drips:
                self.wfile.write(b"HTTP/1.1 200")
                ended.wait(20)
                return
            status, headers, text = manners.answer(authorization)
            self.send_response_only(status)
            self.send_header("Date", formatdate(now() + manners.clock_ahead, usegmt=True))
            for name, value in {"Content-Type": "text/plain", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A handshake that the other side broke off is what is tested here."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Standing(server.server_address[1], manners)
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
