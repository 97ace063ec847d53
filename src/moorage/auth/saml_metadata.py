"""A SAML identity provider's metadata: its name, and the certificates its signatures are checked by.

Source: SAML V2.0 Metadata (OASIS); IAM User Guide, "Create a SAML identity provider in IAM".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from moorage.auth import saml_xml
from moorage.auth.saml_xml import NAMES, XmlRefused

# A shorter RSA key can be broken by who is willing to pay for it. AWS still takes 1,024.
MIN_RSA_BITS = 2_048
MIN_CURVE_BITS = 256
MAX_CERTIFICATES = 10

_IDP = "md:IDPSSODescriptor"
_PROTOCOL_ATTRIBUTE = "protocolSupportEnumeration"


class MetadataRefused(ValueError):
    """Metadata that cannot serve; the message says why."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of a provider's metadata counts here. `valid_until` is None where it does not say."""

    issuer: str
    certificates: tuple[x509.Certificate, ...]
    valid_until: datetime | None


@lru_cache(maxsize=64)
def read(text: str) -> Metadata:
    """Return what a metadata document says.

    Its own signature, if any, is not looked at: who uploads it vouches for it.

    Raises:
        MetadataRefused: it is no document of one identity provider with a certificate for signing.
    """
    try:
        root = saml_xml.read(text.encode())
    except XmlRefused as error:
        raise MetadataRefused(str(error)) from error
    if root.tag != f"{{{saml_xml.METADATA}}}EntityDescriptor":
        raise MetadataRefused("its root is no EntityDescriptor")
    issuer = root.get("entityID", "").strip()
    descriptors = root.findall(_IDP, NAMES)
    if not issuer or len(descriptors) != 1:
        raise MetadataRefused("it must have an entityID and one IDPSSODescriptor")
    if saml_xml.PROTOCOL not in descriptors[0].get(_PROTOCOL_ATTRIBUTE, "").split():
        raise MetadataRefused("its IDPSSODescriptor does not support SAML 2.0")
    found = [
        _certificate(saml_xml.text_of(element))
        for key in descriptors[0].findall("md:KeyDescriptor", NAMES)
        if key.get("use", "signing") == "signing"
        for element in key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", NAMES)
    ]
    if not 1 <= len(found) <= MAX_CERTIFICATES:
        raise MetadataRefused(f"it must have 1 to {MAX_CERTIFICATES} certificates for signing")
    ends = [_moment(each.get("validUntil")) for each in (root, descriptors[0])]
    return Metadata(issuer, tuple(found), min((end for end in ends if end is not None), default=None))


def _certificate(text: str) -> x509.Certificate:
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except (binascii.Error, ValueError, TypeError) as error:
        raise MetadataRefused("one of its certificates cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= MIN_RSA_BITS
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= MIN_CURVE_BITS
    if not strong:
        raise MetadataRefused(
            f"its certificates must have RSA keys of {MIN_RSA_BITS:,} bits or more, or elliptic ones"
        )
    return certificate


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MetadataRefused("its validUntil is no date") from error
