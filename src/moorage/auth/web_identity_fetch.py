"""Asking an OpenID Connect issuer: where the server may connect, whom it believes, how long it waits.

Nobody but who may create providers says where to, yet anybody can make it happen: so addresses that
only this server can reach are closed unless the operator opened them, nothing is followed, and no part
of an answer is repeated to anyone. See docs/adr/0117.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# For one document: connecting, handshake and answer together.
SECONDS = 4.0
MAX_DOCUMENT_BYTES = 256 * 1024
_PIECE_BYTES = 16 * 1024
_ADDRESSES_TRIED = 2

# IPv6 addresses that stand for IPv4 ones: what is behind them could be private.
_TRANSITION = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "2002::/16", "2001::/32"))
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])", re.IGNORECASE)


class FetchFailed(Exception):
    """The issuer did not give the document; the message is for the log."""


class CertificateRefused(FetchFailed):
    """Somebody answered whose certificate neither the system nor a thumbprint vouches for."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document and how long, in seconds, it says that it may be kept; None where it does not say."""

    content: bytes
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches documents over HTTPS. `networks` are reached although they are not public."""

    networks: tuple[Network, ...] = ()
    seconds: float = SECONDS

    def __call__(self, url: str, thumbprints: Sequence[str]) -> Document:
        """Return the document at an https URL.

        The certificate must be good for the host's name, by an authority that the system trusts, or
        else by a certificate of the presented chain that has one of the thumbprints (SHA-1, small hex).

        Raises:
            FetchFailed: there is none, it is too large, took too long, or its place may not be reached.
        """
        parts = urlsplit(url)
        try:
            host, port = parts.hostname or "", parts.port or 443
        except ValueError as error:
            raise FetchFailed("the URL has no port that is one") from error
        if parts.scheme != "https" or not host or parts.username is not None or parts.fragment:
            raise FetchFailed("the URL is not https://HOST/PATH")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        addresses = self._addresses(host, port)
        try:
            return self._get(addresses, host, port, target, ssl.create_default_context())
        except CertificateRefused:
            if not thumbprints:
                raise
        pinned = self._pinned(addresses, host, port, thumbprints)
        return self._get(addresses, host, port, target, _trusting(pinned))

    def _addresses(self, host: str, port: int) -> list[Address]:
        """Resolve a host once, and keep what may be reached: the very addresses are then connected to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"{host} has no address") from error
        addresses = list(dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in found))
        allowed = [address for address in addresses if may_reach(address, self.networks)]
        if not allowed:
            raise FetchFailed(f"{host} is not a public address, nor in --issuer-network")
        return allowed[:_ADDRESSES_TRIED]

    def _get(
        self, addresses: Sequence[Address], host: str, port: int, target: str, context: ssl.SSLContext
    ) -> Document:
        try:
            with self._connected(addresses, port, context, host) as tls:
                return _asked(tls, host, port, target)
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(
                f"the certificate of {host} is refused: {error.verify_message}"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"{host} did not answer: {type(error).__name__}") from error

    def _pinned(
        self, addresses: Sequence[Address], host: str, port: int, thumbprints: Sequence[str]
    ) -> list[bytes]:
        """Return the certificates of the presented chain that a thumbprint names.

        Nothing is believed by this alone: a chain is whatever the peer likes to present.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with self._connected(addresses, port, context, host) as tls:
                chain = _presented(tls)
        except OSError as error:
            raise FetchFailed(f"{host} did not answer: {type(error).__name__}") from error
        pinned = [each for each in chain if _thumbprint(each) in thumbprints]
        if not pinned:
            raise CertificateRefused(f"no certificate that {host} presents has a registered thumbprint")
        return pinned

    @contextmanager
    def _connected(
        self, addresses: Sequence[Address], port: int, context: ssl.SSLContext, host: str
    ) -> Iterator[ssl.SSLSocket]:
        raw = self._socket(addresses, port)
        tls = context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
        # Each receive has a time limit of its own: only this one ends a peer that sends drop by drop.
        end = threading.Timer(self.seconds, socket.socket.shutdown, (tls, socket.SHUT_RDWR))
        end.daemon = True
        end.start()
        try:
            tls.do_handshake()
            yield tls
        finally:
            end.cancel()
            tls.close()
            end.join()

    def _socket(self, addresses: Sequence[Address], port: int) -> socket.socket:
        for address in addresses[:-1]:
            try:
                return socket.create_connection((str(address), port), self.seconds)
            except OSError:
                continue
        return socket.create_connection((str(addresses[-1]), port), self.seconds)


def may_reach(address: Address, networks: Sequence[Network] = ()) -> bool:
    """Tell whether the server may connect there: public addresses, and those of `networks`.

    Link-local ones are never open: clouds keep their instances' credentials at 169.254.169.254.
    """
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    if any(plain in network for network in networks):
        return True
    return plain.is_global and not any(plain in network for network in _TRANSITION)


def _asked(tls: ssl.SSLSocket, host: str, port: int, target: str) -> Document:
    connection = http.client.HTTPConnection(host, port)
    connection.sock = tls
    connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
    response = connection.getresponse()
    # A redirect is an answer like any other that is not the document.
    if response.status != http.HTTPStatus.OK:
        raise FetchFailed(f"{host} answered with status {response.status}")
    content = bytearray()
    while piece := response.read1(_PIECE_BYTES):
        content += piece
        if len(content) > MAX_DOCUMENT_BYTES:
            raise FetchFailed(f"{host} sent more than {MAX_DOCUMENT_BYTES:,} bytes")
    age = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
    return Document(bytes(content), int(age[1]) if age else None)


def _presented(tls: ssl.SSLSocket) -> list[bytes]:
    """Return the chain as the peer sent it, DER, not verified."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:  # Python 3.13
        return list(public())
    # Before, only this private name has it; nothing else in the standard library does.
    chain = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain]


def _trusting(certificates: Sequence[bytes]) -> ssl.SSLContext:
    """Return a context that believes what these certificates vouch for, and nobody else.

    OpenSSL then checks all the rest: signatures down to the leaf, dates, purposes, the host's name.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata="".join(map(ssl.DER_cert_to_PEM_cert, certificates)))
    return context


def _thumbprint(certificate: bytes) -> str:
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()
