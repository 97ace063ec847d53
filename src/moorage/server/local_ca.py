"""The local CA: HTTPS out of the box on one machine, without trusting anyone for more.

The CA may only vouch for `localhost`, names below it and loopback addresses (RFC 5280 name
constraints, critical), so that trusting it opens nothing else. It is made once and kept; the
server's certificate is made anew when it nears its end or the names change.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
CERTIFICATE_LIFETIME = timedelta(days=397)  # some clients refuse longer ones
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)  # certificates are dated back, for machines whose clock is late

LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a listener and its clients need."""

    ca: Path | None  # None where the operator brought a certificate
    certificate: Path
    key: Path


class LocalCaError(Exception):
    """The CA's files in the data folder do not fit together; the text says what to do."""


def certificate_names(domain: str, regions: Iterable[str]) -> list[str]:
    """Return the DNS names of the server's certificate.

    A domain that is not below `localhost` is left out: the CA may not vouch for it, and whoever
    serves it brings a certificate or a proxy that has one.
    """
    if domain != "localhost" and not domain.endswith(".localhost"):
        return ["localhost"]
    wildcards = [f"*.{region}.{domain}" for region in sorted(regions)]
    names = [*wildcards, f"*.{domain}", domain, "localhost"]
    return list(dict.fromkeys(names))


def ensure(data: Path, domain: str, regions: Iterable[str], now: datetime) -> TlsFiles:
    """Return the TLS files in `data`, making or renewing what is missing, near its end or outdated.

    Raises:
        LocalCaError: the CA's certificate and key are not a pair.
    """
    folder = data / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    ca_file = data / "ca.pem"
    permitted: list[x509.GeneralName] = [x509.DNSName("localhost")]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in LOOPBACK_NETWORKS]
    ca = ensure_ca(ca_file, folder / "ca-key.pem", "moorage local CA", permitted, now)
    names = certificate_names(domain, regions)
    certificate, key = folder / "server.pem", folder / "server-key.pem"
    ensure_certificate(certificate, key, ca, Vouched("localhost", names, LOOPBACK_ADDRESSES), now)
    return TlsFiles(ca=ca_file, certificate=certificate, key=key)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA's certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a server's certificate is for. `common_name` is what it is called by people."""

    common_name: str
    names: Sequence[str]
    addresses: Sequence[str] = ()


def ensure_certificate(path: Path, key_path: Path, ca: Authority, vouched: Vouched, now: datetime) -> None:
    """Make a server's certificate and its key, unless those that are there will do."""
    if _still_good(path, key_path, ca.certificate, vouched.names, now):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(key, ca, vouched, now)
    # The key first: a crash between the two leaves a pair that does not fit, made anew next time.
    write_private(key_path, _key_bytes(key))
    write_private(path, _pem(certificate), mode=0o644)


def write_private(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all, never readable by others while it is made."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def ensure_ca(
    path: Path, key_path: Path, title: str, permitted: Sequence[x509.GeneralName], now: datetime
) -> Authority:
    """Return the CA in two files, making it where there is none or its end is near.

    A new one may vouch for what is `permitted` and for nothing else; one that is there stays as it is.

    Raises:
        LocalCaError: certificate and key are not a pair, or the key is gone.
    """
    if path.exists() and key_path.exists():
        ca = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or ca.public_key() != key.public_key():
            raise LocalCaError(
                f"{path} and {key_path} are not a pair. Restore them from a backup, or remove both to have a "
                "new CA made (clients must then trust the new one)."
            )
        if now < ca.not_valid_after_utc - RENEW_BEFORE:
            return Authority(ca, key)
    elif path.exists():
        raise LocalCaError(
            f"{key_path} is missing. Restore it from a backup, or remove {path} to have a new CA made "
            "(clients must then trust it)."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    ca = _ca_certificate(key, title, permitted, now)
    write_private(key_path, _key_bytes(key))
    write_private(path, _pem(ca), mode=0o644)
    return Authority(ca, key)


def _still_good(
    path: Path, key_path: Path, ca: x509.Certificate, names: Sequence[str], now: datetime
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        certificate.verify_directly_issued_by(ca)
    except (OSError, ValueError, InvalidSignature):
        return False
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        certificate.public_key() == key.public_key()
        and alternatives.get_values_for_type(x509.DNSName) == list(names)
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "moorage"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _ca_certificate(
    key: ec.EllipticCurvePrivateKey, title: str, permitted: Sequence[x509.GeneralName], now: datetime
) -> x509.Certificate:
    # The year and a few digits tell two CAs apart in a trust store.
    name = _name(f"{title} {now:%Y} {secrets.token_hex(3)}")
    return (
        _builder(name, name, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(list(permitted), None), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server_certificate(
    key: ec.EllipticCurvePrivateKey, ca: Authority, vouched: Vouched, now: datetime
) -> x509.Certificate:
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in vouched.names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in vouched.addresses]
    return (
        _builder(_name(vouched.common_name), ca.certificate.subject, key, now, CERTIFICATE_LIFETIME)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
        .sign(ca.key, hashes.SHA256())
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
