"""Git's HTTP requests byte by byte: for what no installed client sends."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from moorage.core import sigv4
from service_process import Service

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Connection:
    """One TLS connection that lives through several requests, as Git's do."""

    def __init__(self, service: Service, region: str = "us-east-2") -> None:
        self.host = f"{service.host(region)}:{service.port}"
        self.region = region
        context = ssl.create_default_context(cafile=str(service.ca))
        plain = socket.create_connection(("127.0.0.1", service.port), ANSWER_SECONDS)
        self.socket = context.wrap_socket(plain, server_hostname=service.host(region))
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Send a request whose body is known."""
        length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        self.send_head(method, target, {**(headers or {}), **length})
        self.socket.sendall(body)

    def send_chunked(
        self, target: str, pieces: Iterable[bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_head("POST", target, {**(headers or {}), "Transfer-Encoding": "chunked"})
        for piece in pieces:
            self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.socket.sendall(b"0\r\n\r\n")

    def send_head(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def receive(self) -> Answer:
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        elif status == 100:  # "Continue": the real answer follows
            body = b""
        else:
            body = self.file.read(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        self.send(method, target, headers, body)
        return self.receive()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.file.readline().split(b";")[0], 16):
            yield self.file.read(size)
            self.file.readline()
        self.file.readline()


def credential(
    service: Service, path: str, region: str = "us-east-2", *, at: datetime | None = None, token: str = ""
) -> dict[str, str]:
    """The Authorization header that the stock helper's answer leads to, as root."""
    now = at or datetime.now(UTC)
    password = sigv4.git_password(service.host(region), path, secret=service.secret, region=region, now=now)
    user = f"{service.key_id}%{token}" if token else service.key_id
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def pkt(payload: bytes) -> bytes:
    return b"%04x%s" % (len(payload) + 4, payload)


def unpkt(stream: bytes) -> list[bytes]:
    """Split into pkt-lines; a flush is an empty one."""
    lines = []
    while stream:
        length = int(stream[:4], 16)
        lines.append(stream[4:length] if length else b"")
        stream = stream[length or 4 :]
    return lines
