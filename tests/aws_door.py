"""A door before a served moorage that refuses as AWS does: 403 to a bad or old signature, without a word.

moorage itself answers 401, so that Git drops what it remembers, and sign-in heals by itself. To show what
people meet at AWS, this door changes that one answer and passes on everything else.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import ssl
import threading
from collections.abc import Iterator
from typing import Any

from service_process import Service


def _has_password(authorization: str) -> bool:
    kind, _, encoded = authorization.partition(" ")
    return kind == "Basic" and bool(base64.b64decode(encoded).rpartition(b":")[2])


class _Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_GET(self) -> None:
        self._pass_on(None)

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes | None) -> None:
        context = ssl.create_default_context(cafile=str(self.service.ca))
        server = http.client.HTTPSConnection("localhost", self.service.port, context=context)
        with contextlib.closing(server):
            server.request(self.command, self.path, body, dict(self.headers.items()))
            answer = server.getresponse()
            content = answer.read()
        status = answer.status
        if status == 401 and _has_password(self.headers.get("Authorization", "")):
            status, content = 403, b""
        self.send_response(status)
        for name in ("Content-Type", "WWW-Authenticate"):
            if answer.headers[name] is not None and status != 403:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 -- its name in http.server
        """Say nothing."""


@contextlib.contextmanager
def opened(service: Service) -> Iterator[int]:
    """Open the door until the block ends; its port is on this machine, with the service's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(service.data / "tls/server.pem", service.data / "tls/server-key.pem")
    door = type("Door", (_Door,), {"service": service})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()
