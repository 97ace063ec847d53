"""Ways to a server that are not its own address: a port elsewhere, and a proxy that knows better than DNS."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

PIECE_BYTES = 65536
HEAD_BYTES = 8192


@dataclass
class Relay:
    """Passes connections on to a port of this machine. `asked` has what a proxy was told to connect to."""

    target: int
    is_proxy: bool = False
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed: the end
                return
            threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def _serve_one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.is_proxy:
                head = b""
                while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
                    head += client.recv(PIECE_BYTES)
                self.asked.append(head.split(b"\r\n", 1)[0].decode())
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                back = threading.Thread(target=_pass, args=(server, client), daemon=True)
                back.start()
                _pass(client, server)
                back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relaying(
    target: int, host: str = "127.0.0.1", port: int = 0, *, is_proxy: bool = False
) -> Iterator[Relay]:
    """Relay from a host and port to `target` until the block ends."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        relay = Relay(target, is_proxy, port=listener.getsockname()[1])
        accepting = threading.Thread(target=relay.serve, args=(listener,), daemon=True)
        accepting.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # what wakes `accept`
            accepting.join()
