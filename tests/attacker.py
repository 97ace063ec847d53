"""Hostile requests over real sockets: signed as they should be, or a little beside it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from moorage.core import sigv4
from moorage.wire import models
from service_process import Service

ANSWER_SECONDS = 30.0
REGION = "us-east-2"
GLOBAL_SERVICES = {"iam": "us-east-1"}
LATIN = "latin-1"

Key = tuple[str, str]  # access key id and secret
Header = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def error(self) -> str:
        """The name of the error of a JSON answer."""
        return str(json.loads(self.body)["__type"])


HUNG_UP = Answer(0, {}, b"")


@dataclass(frozen=True)
class Signing:
    """How an API request is signed; every part may be wrong. `extra` headers are signed, `loose` are not."""

    key: Key
    service: str
    region: str = REGION
    scope_service: str | None = None
    scope_date: str | None = None
    shift: timedelta = timedelta()
    signed_body: bytes | None = None
    extra: Sequence[Header] = ()
    loose: Sequence[Header] = ()


@dataclass
class Attacker:
    """Sends requests to one service and remembers every answer until it is asked for them."""

    service: Service
    answers: list[Answer] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    @property
    def root(self) -> Key:
        return self.service.key_id, self.service.secret

    @property
    def api_host(self) -> str:
        return f"localhost:{self.service.port}"

    def git_host(self, region: str = REGION) -> str:
        return f"{self.service.host(region)}:{self.service.port}"

    # --- bytes ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def connection(self) -> Iterator[ssl.SSLSocket]:
        if self.tls is None:
            self.tls = ssl.create_default_context(cafile=str(self.service.ca))
        plain = socket.create_connection(("127.0.0.1", self.service.port), ANSWER_SECONDS)
        with plain, self.tls.wrap_socket(plain, server_hostname="localhost") as secured:
            yield secured

    def raw(self, *pieces: bytes, head_only: bool = False) -> Answer:
        """Send bytes on a connection of their own; return the first answer, HUNG_UP where there is none."""
        with self.connection() as opened:
            with contextlib.suppress(OSError):  # it may be refused while we are still sending
                for piece in pieces:
                    opened.sendall(piece)
            answer = read_answer(opened, head_only=head_only)
        self.answers.append(answer)
        return answer

    def ask(
        self,
        method: str,
        target: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        *,
        host: str | None = None,
    ) -> Answer:
        """Send one request, as well-formed as its parts are."""
        return self.raw(request_head(method, target, host or self.api_host, headers, len(body)), body)

    def ask_each(self, requests: Iterable[tuple[Sequence[Header], bytes]]) -> Iterator[Answer]:
        """Post to `/` again and again, on one connection for as long as it lives."""
        with contextlib.ExitStack() as stack:
            opened: ssl.SSLSocket | None = None
            for headers, body in requests:
                opened = opened or stack.enter_context(self.connection())
                with contextlib.suppress(OSError):
                    opened.sendall(request_head("POST", "/", self.api_host, headers, len(body)) + body)
                answer = read_answer(opened)
                if answer.headers.get("connection") == "close" or answer == HUNG_UP:
                    opened = None
                self.answers.append(answer)
                yield answer

    # --- Git -----------------------------------------------------------------------------------

    def password(
        self, path: str, key: Key | None = None, *, region: str = REGION, at: datetime | None = None
    ) -> Header:
        """Return the Authorization header that the stock helper's answer leads to."""
        key_id, secret = key or self.root
        password = sigv4.git_password(
            self.service.host(region), path, secret=secret, region=region, now=at or datetime.now(UTC)
        )
        return basic(key_id, password)

    def git(
        self,
        repository: str,
        phase: str,
        body: bytes,
        headers: Iterable[Header] = (),
        *,
        key: Key | None = None,
        protocol: str = "",
    ) -> Answer:
        """Post `body` to `git-upload-pack` or `git-receive-pack` with a good credential."""
        path = f"/v1/repos/{repository}"
        sent = [self.password(path, key), ("Content-Type", f"application/x-{phase}-request"), *headers]
        if protocol:
            sent.append(("Git-Protocol", protocol))
        return self.ask("POST", f"{path}/{phase}", sent, body, host=self.git_host())

    def push(self, repository: str, *parts: bytes, headers: Iterable[Header] = ()) -> Answer:
        return self.git(repository, "git-receive-pack", b"".join(parts), headers)

    # --- APIs ----------------------------------------------------------------------------------

    def json(self, operation: str, body: bytes | Mapping[str, Any], *, key: Key | None = None) -> Answer:
        """Call a CodeCommit operation with a good signature over whatever body."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.signed(Signing(key or self.root, "codecommit"), json_headers(operation), content)

    def form(
        self,
        service: str,
        fields: bytes | Mapping[str, str] | Sequence[tuple[str, str]],
        *,
        key: Key | None = None,
        content_type: str = "application/x-www-form-urlencoded",
    ) -> Answer:
        """Call IAM or STS with a good signature over whatever form."""
        content = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        region = GLOBAL_SERVICES.get(service, REGION)
        signing = Signing(key or self.root, service, region)
        return self.signed(signing, [("Content-Type", content_type)], content)

    def query(
        self,
        operation: str,
        fields: Mapping[str, str] | None = None,
        *,
        key: Key | None = None,
        **members: str,
    ) -> Answer:
        """Call an IAM operation."""
        return self.form("iam", query_fields("iam", operation, {**(fields or {}), **members}), key=key)

    def signed(
        self, signing: Signing, headers: Iterable[Header] = (), body: bytes = b"", *, query: str = ""
    ) -> Answer:
        head = signed_headers(signing, self.api_host, headers, body, query=query)
        return self.ask("POST", f"/?{query}" if query else "/", head, body)

    def taken_answers(self) -> list[Answer]:
        taken, self.answers = self.answers, []
        return taken


def query_fields(service: str, operation: str, members: Mapping[str, str]) -> dict[str, str]:
    version = models.service_model(service).metadata["apiVersion"]
    return {"Action": operation, "Version": version, **members}


def json_headers(operation: str, service: str = "codecommit") -> list[Header]:
    target = models.service_model(service).metadata["targetPrefix"]
    return [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", f"{target}.{operation}")]


def basic(user: str, password: str) -> Header:
    text = f"{user}:{password}".encode("utf-8", "surrogateescape")
    return "Authorization", "Basic " + base64.b64encode(text).decode()


def request_head(
    method: str, target: str, host: str, headers: Iterable[Header], length: int | None = None
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None and (length or method == "POST"):
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode(LATIN)


def signed_headers(
    signing: Signing, host: str, headers: Iterable[Header], body: bytes, *, query: str = ""
) -> list[Header]:
    """Return the headers of a POST to `/`, Authorization among them, Host not."""
    stamp = (datetime.now(UTC) + signing.shift).strftime("%Y%m%dT%H%M%SZ")
    sent = [*headers, ("X-Amz-Date", stamp), *signing.extra]
    names = sorted({"host", *(name.lower() for name, _ in sent)})
    content = body if signing.signed_body is None else signing.signed_body
    canonical = sigv4.canonical_request(
        method="POST",
        raw_path="/",
        raw_query=query,
        headers=[("host", host), *sent],
        signed_headers=names,
        payload_sha256=hashlib.sha256(content).hexdigest(),
    )
    date = signing.scope_date or stamp[:8]
    service = signing.scope_service or signing.service
    scope = sigv4.credential_scope(date, signing.region, service)
    key = sigv4.signing_key(signing.key[1], date, signing.region, service)
    signature = sigv4.sign(key, sigv4.string_to_sign(stamp, scope, canonical))
    authorization = (
        f"{sigv4.ALGORITHM} Credential={signing.key[0]}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return [*sent, *signing.loose, ("Authorization", authorization)]


def read_answer(opened: socket.socket, *, head_only: bool = False) -> Answer:
    """Read one answer; HUNG_UP where the connection ends before one."""
    with opened.makefile("rb") as file:
        try:
            line = file.readline().split()
            if len(line) < 2:
                return HUNG_UP
            headers: dict[str, str] = {}
            while text := file.readline().strip():
                name, _, value = text.decode(LATIN).partition(":")
                headers[name.lower()] = value.strip()
            body = b"" if head_only else b"".join(_body(file, headers))
        except ConnectionError:
            return HUNG_UP
    return Answer(int(line[1]), headers, body)


def _body(file: Any, headers: Mapping[str, str]) -> Iterator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while size := int(file.readline().split(b";")[0] or b"0", 16):
            yield file.read(size)
            file.readline()
    else:
        yield file.read(int(headers.get("content-length", "0")))
