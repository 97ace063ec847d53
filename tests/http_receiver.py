"""A receiver of other people's HTTP requests, on loopback: it notes each, and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Receiver:
    """Where requests come in. `statuses` are taken from the front, one a request; then it is `usual`."""

    url: str = ""
    usual: int = 200
    answer: bytes = b"{}"
    content_type: str = "application/json"
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        """Return what came once so many requests have come."""
        with self.came:
            enough = self.came.wait_for(lambda: len(self.received) >= count, seconds)
        assert enough, f"{len(self.received)} of {count} requests came"
        return self.received

    def take(self, received: Received) -> int:
        with self.came:
            self.received.append(received)
            self.came.notify_all()
            return self.statuses.pop(0) if self.statuses else self.usual


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Received(self.command, self.path, headers, self.rfile.read(size)))
            self.send_response(status)
            self.send_header("Content-Type", receiver.content_type)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
