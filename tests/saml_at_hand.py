"""A SAML identity provider of a test's own: metadata, and assertions signed with its key."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

ISSUER = "https://idp.example.org/saml"
AUDIENCE = "https://signin.aws.amazon.com/saml"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"


def certify(key: Any, *, begins: datetime, days: int) -> x509.Certificate:
    """Return a self-signed certificate of a key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example.org")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


def key_pair(name: str = "first", bits: int = 2048) -> tuple[Any, x509.Certificate]:
    """Return the key of that name and its certificate, always the same."""
    return _made_key_pair(name, bits)


@cache
def _made_key_pair(name: str, bits: int) -> tuple[Any, x509.Certificate]:
    del name
    key = rsa.generate_private_key(65537, bits)
    return key, certify(key, begins=datetime(2020, 1, 1, tzinfo=UTC), days=36_500)


def certificate_text(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def metadata(
    *certificates: x509.Certificate,
    issuer: str = ISSUER,
    valid_until: str | None = None,
    use: str = "signing",
) -> str:
    """Return the metadata of a provider that signs with these keys; by default with the first."""
    keys = "".join(
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>'
        f"{certificate_text(each)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for each in certificates or (key_pair()[1],)
    )
    end = f' validUntil="{valid_until}"' if valid_until else ""
    return (
        f'<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'entityID="{issuer}"{end}><md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}'
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
        'Location="https://idp.example.org/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    )


@dataclass
class Login:
    """What an identity provider says of somebody. Change a field to say something else."""

    roles: list[str]
    now: datetime
    session_name: str = "mary@example.org"
    issuer: str = ISSUER
    audience: str = AUDIENCE
    recipient: str = AUDIENCE
    destination: str = AUDIENCE
    subject: str = "mary-4711"
    name_format: str = PERSISTENT
    method: str = BEARER
    status: str = SUCCESS
    lasts: timedelta = timedelta(minutes=5)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    session_ends: datetime | None = None
    assertion_id: str = "_a1"
    response_id: str = "_r1"

    def assertion(self) -> etree._Element:
        """Return the assertion, not signed yet."""
        start, end = _stamp(self.now), _stamp(self.now + self.lasts)
        said = {"Role": self.roles, "RoleSessionName": [self.session_name], **self.attributes}
        statements = "".join(
            f'<saml:Attribute Name="{name if ":" in name and "/" in name else ATTRIBUTES + name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, values in said.items()
            if values != [""]
        )
        session = f' SessionNotOnOrAfter="{_stamp(self.session_ends)}"' if self.session_ends else ""
        return etree.fromstring(
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{self.assertion_id}" '
            f'Version="2.0" IssueInstant="{start}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject><saml:NameID Format="{self.name_format}">{self.subject}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{self.method}"><saml:SubjectConfirmationData '
            f'NotOnOrAfter="{end}" Recipient="{self.recipient}"/></saml:SubjectConfirmation></saml:Subject>'
            f'<saml:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml:AudienceRestriction>'
            f"<saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{start}"{session}/>'
            f"<saml:AttributeStatement>{statements}</saml:AttributeStatement></saml:Assertion>"
        )

    def response(self, *assertions: etree._Element) -> etree._Element:
        """Return the response around assertions."""
        root = etree.fromstring(
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{self.response_id}" '
            f'Version="2.0" IssueInstant="{_stamp(self.now)}" Destination="{self.destination}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status></samlp:Response>'
        )
        root.extend(assertions)
        return root

    def signed(self, key_name: str = "first") -> etree._Element:
        """Return a response whose assertion is signed."""
        return self.response(sign(self.assertion(), key_name))


def sign(element: etree._Element, key_name: str = "first", *, sha1: bool = False) -> etree._Element:
    """Return the element with an enveloped signature after its Issuer, as SAML's schema wants it."""
    key, certificate = key_pair(key_name)
    place = etree.SubElement(element, f"{{{DS}}}Signature", {"Id": "placeholder"}, {"ds": DS})
    element.insert(1, place)
    signer = (_WeakSigner if sha1 else XMLSigner)(
        signature_algorithm=SignatureMethod.RSA_SHA1 if sha1 else SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA1 if sha1 else DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    made: etree._Element = signer.sign(
        element, key=key, cert=[certificate], reference_uri=f"#{element.get('ID')}", id_attribute="ID"
    )
    return made


class _WeakSigner(XMLSigner):
    """Signs with SHA-1, which signxml itself refuses to do."""

    def check_deprecated_methods(self) -> None:
        pass


def sent(response: etree._Element) -> str:
    """Return a response as a browser posts it."""
    return base64.b64encode(etree.tostring(response)).decode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
