"""Which part of a SAML response its identity provider signed: that element, and no other, is read.

Every known wrapping attack keeps a true signature over one element and has another one read. Here the
shape of the response is fixed first (one assertion, in its one place; signatures only where they belong,
each over the very element that holds it), and then the answer is the element that the verifier returns.
See docs/adr/0118. Source: SAML V2.0 Core, section 5; Somorovsky et al., "On Breaking SAML", 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from moorage.auth import saml_xml
from moorage.auth.saml_xml import ASSERTION, NAMES, PROTOCOL, SIGNATURE

RESPONSE_TAG = f"{{{PROTOCOL}}}Response"
ASSERTION_TAG = f"{{{ASSERTION}}}Assertion"
_SIGNATURE_TAG = f"{{{SIGNATURE}}}Signature"
_PARTS = [f"{{{SIGNATURE}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]

# SHA-1 and MD5 are broken, HMAC has no secret here, DSA nobody uses.
_METHODS = frozenset(
    {
        *(SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512),
        *(SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512),
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_TRANSFORMS = frozenset(
    {
        f"{SIGNATURE}enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    }
)


class NotSigned(ValueError):
    """The response has no assertion that can be believed; the message says why, for the log."""


def signed_assertion(response: etree._Element, certificates: Sequence[x509.Certificate]) -> etree._Element:
    """Return the assertion of a response as it was signed by the key of one of the certificates.

    Certificates that the response brings along count for nothing. Neither do the dates of those given:
    as at AWS, who wants a key to end takes it out of the metadata.

    Raises:
        NotSigned: the shape is not the one allowed, or no signature is true.
    """
    assertion = _only_assertion(response)
    signatures = list(response.iter(_SIGNATURE_TAG))
    for signature in signatures:
        _require_own(signature, (response, assertion))
    holders = [each.getparent() for each in signatures]
    if len(set(map(id, holders))) != len(holders) or not holders:
        raise NotSigned("there is no signature, or two in one place")
    if any(holder is assertion for holder in holders):
        return _verified(assertion, certificates)
    whole = _verified(response, certificates)
    return _only_assertion(whole)


def _only_assertion(response: etree._Element) -> etree._Element:
    found = [each for each in response.iter() if etree.QName(each).localname == "Assertion"]
    if len(found) != 1 or found[0].tag != ASSERTION_TAG or found[0].getparent() is not response:
        raise NotSigned("there must be one assertion, directly in the response")
    names = [
        value
        for element in response.iter()
        for name, value in element.attrib.items()
        if etree.QName(name).localname.lower() == "id"
    ]
    if len(set(names)) != len(names):
        raise NotSigned("an id occurs twice")
    return found[0]


def _require_own(signature: etree._Element, holders: Sequence[etree._Element]) -> None:
    """Refuse a signature that is elsewhere, or of anything but the whole element that it is in."""
    holder = signature.getparent()
    if holder is None or not any(holder is each for each in holders):
        raise NotSigned("a signature is neither of the response nor of the assertion")
    if [each.tag for each in signature] not in (_PARTS, _PARTS[:2]):
        raise NotSigned("a signature holds more than it should")
    references = signature.findall("ds:SignedInfo/ds:Reference", NAMES)
    own_id = holder.get("ID")
    if len(references) != 1 or not own_id or references[0].get("URI") != f"#{own_id}":
        raise NotSigned("a signature is not of the element that it is in")
    used = [each.get("Algorithm") for each in references[0].findall("ds:Transforms/ds:Transform", NAMES)]
    if not used or not _TRANSFORMS.issuperset(used) or len(used) > len({*used}):
        raise NotSigned("a signature has transforms that are not allowed")


def _verified(element: etree._Element, certificates: Sequence[x509.Certificate]) -> etree._Element:
    """Return an element as the signature in it covers it."""
    # Cut out first: nothing around it can take part in what follows.
    text = etree.tostring(element, with_tail=False)
    for certificate in certificates:
        try:
            signed = _by(certificate, text)
        except (SignXMLException, etree.LxmlError, ValueError, TypeError):
            continue
        if signed is None or signed.tag != element.tag or signed.get("ID") != element.get("ID"):
            raise NotSigned("what was signed is another element")
        # Read anew, so that what is believed went through the same door as everything else.
        return saml_xml.read(etree.tostring(signed))
    raise NotSigned("the signature is not true by any certificate of the provider")


def _by(certificate: x509.Certificate, text: bytes) -> etree._Element | None:
    configuration = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=certificate.not_valid_before_utc + timedelta(seconds=1),
    )
    found = XMLVerifier().verify(text, x509_cert=certificate, expect_config=configuration, id_attribute="ID")
    if isinstance(found, list):
        return None
    element: etree._Element | None = found.signed_xml
    return element
