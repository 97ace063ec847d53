"""A real OpenID Connect issuer on loopback: HTTPS with a certificate authority of its own."""

from __future__ import annotations

import hashlib
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oidc_at_hand import Issuer

PEM = serialization.Encoding.PEM


@dataclass
class Certified:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)


def certify(
    name: str, issuer: Certified | None = None, *, host: str | None = None, days: int = 2
) -> Certified:
    """Make a certificate: of an authority, or with `host` of a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        names += [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if host == "localhost" else []
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certified(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


@dataclass
class RunningIssuer:
    """An issuer that is up; `authority` signed its certificate, and it presents both."""

    issuer: Issuer
    authority: Certified
    port: int


class _Documents(http.server.BaseHTTPRequestHandler):
    issuer: Issuer
    answers: dict[str, tuple[int, bytes, str]]

    def do_GET(self) -> None:
        status, body, location = self.answers.get(self.path, (404, b"", ""))
        if self.path not in self.answers:
            found = self.issuer.documents().get(f"{self.issuer.url.rpartition('/main')[0]}{self.path}")
            status, body = (200, json.dumps(found).encode()) if found is not None else (404, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """A client that refuses our certificate is what some tests are about."""


@contextmanager
def running(
    folder: Path,
    *,
    chain: tuple[Certified, ...] = (),
    answers: dict[str, tuple[int, bytes, str]] | None = None,
) -> Iterator[RunningIssuer]:
    """Serve an issuer until the block ends.

    `chain` is what it presents, leaf first; by default a leaf for localhost and its authority. `answers`
    are given instead of its documents, by path: status, body, Location.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority = certify("test authority")
    chain = chain or (certify("localhost", authority, host="localhost"), authority)
    key = chain[0].key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(key + b"".join(each.pem for each in chain))
    issuer = Issuer()
    handler = type("Handler", (_Documents,), {"issuer": issuer, "answers": answers or {}})
    server = _Server(("127.0.0.1", 0), handler)
    port = int(server.server_address[1])
    issuer.url = f"https://localhost:{port}/main"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield RunningIssuer(issuer, chain[-1] if len(chain) > 1 else chain[0], port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
