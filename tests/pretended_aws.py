"""A pretended AWS on loopback: STS, IAM Identity Center, and the metadata of a container and an instance.

What it gives tells how it was asked: a role's key is a digest of who asked for it and with which
arguments. So two clients that come to the same key have asked in the same way.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

FAR = "2099-01-01T00:00:00Z"
FAR_MS = 4_070_908_800_000
ROLE = "Web"
METADATA_TOKEN = "metadata-token"
CONTAINER_PATH = "/container"
MADE_UP = ("botocore-session-", "moorage-")  # session names that no profile asks for


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class PretendedAws:
    """What came in, and answers by path that replace the usual ones."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    instead: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    expires: str = FAR

    def forget(self) -> None:
        self.requests.clear()
        self.instead.clear()
        self.expires = FAR

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    def answer(self, request: Request) -> tuple[int, str]:
        self.requests.append(request)
        path = urlsplit(request.path).path
        if self.instead.get(path):
            answers = self.instead[path]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if path == "/":
            return 200, assumed(request, self.expires)
        known = {
            "/latest/api/token": METADATA_TOKEN,
            "/latest/meta-data/iam/security-credentials/": ROLE,
            f"/latest/meta-data/iam/security-credentials/{ROLE}": metadata("instance", self.expires),
            CONTAINER_PATH: metadata("container", self.expires),
            "/federation/credentials": role_credentials(request),
            "/token": json.dumps({"accessToken": "renewed", "expiresIn": 3600, "refreshToken": "next"}),
        }
        return (200, known[path]) if path in known else (404, "")


def metadata(name: str, expires: str) -> str:
    return json.dumps(
        {
            "Code": "Success",
            "AccessKeyId": f"ASIA{name.upper()}",
            "SecretAccessKey": f"secret of the {name}",
            "Token": f"token of the {name}",
            "Expiration": expires,
        }
    )


def role_credentials(request: Request) -> str:
    query = sorted(parse_qsl(urlsplit(request.path).query))
    told = f"{query} {request.headers.get('x-amz-sso_bearer_token')}"
    held = {"accessKeyId": key_of(told), "secretAccessKey": told, "sessionToken": "sso", "expiration": FAR_MS}
    return json.dumps({"roleCredentials": held})


def key_of(told: str) -> str:
    return "ASIA" + hashlib.sha256(told.encode()).hexdigest()[:16].upper()


def assumed(request: Request, expires: str) -> str:
    """Return STS's answer to AssumeRole or AssumeRoleWithWebIdentity."""
    form = request.form
    if form.get("RoleSessionName", "").startswith(MADE_UP):
        del form["RoleSessionName"]
    signer = request.headers.get("authorization", "nobody").partition("Credential=")[2].partition("/")[0]
    told = f"{sorted(form.items())} {signer} {request.headers.get('x-amz-security-token')}"
    action = form["Action"]
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
        f"<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId>"
        f"<Arn>arn:aws:sts::123456789012:assumed-role/r/x</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{key_of(told)}</AccessKeyId><SecretAccessKey>s&amp;{key_of(told)}"
        f"</SecretAccessKey><SessionToken>t/{key_of(told)}</SessionToken><Expiration>{expires}</Expiration>"
        f"</Credentials></{action}Result></{action}Response>"
    )


def refusal(code: str, message: str) -> str:
    told = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{told}</Error></ErrorResponse>"


@contextmanager
def pretending() -> Iterator[PretendedAws]:
    """Answer until the block ends."""
    aws = PretendedAws()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = aws.answer(Request(self.command, self.path, headers, self.rfile.read(size)))
            body = text.encode()
            self.send_response(status)
            if status in {301, 302, 307}:
                self.send_header("Location", f"{aws.url}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
