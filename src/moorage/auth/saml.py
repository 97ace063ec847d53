"""SAML responses: whom an identity provider vouches for, and with which role.

Source: SAML V2.0 Core and Profiles (bearer confirmation, 4.1.4); IAM User Guide, "Configure SAML
assertions for the authentication response" and "Available keys for SAML-based AWS STS federation".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from moorage.auth import saml_signature, saml_xml
from moorage.auth.saml_signature import RESPONSE_TAG, NotSigned
from moorage.auth.saml_xml import NAMES, XmlRefused
from moorage.core.faults import Fault

if TYPE_CHECKING:
    from lxml import etree

    from moorage.auth.saml_metadata import Metadata

log = structlog.get_logger(__name__)

# Where AWS's partitions take assertions; regional ones have the region in front.
_ENDPOINT = re.compile(
    r"https://(?:[a-z0-9-]+\.)?signin\."
    r"(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/saml(?:/acs/[\w-]+)?",
    re.ASCII,
)
_SERVICE = "urn:amazon:webservices"
_ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_FORMAT_PREFIX = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SOURCE_IDENTITY = re.compile(r"(?!aws:)[\w+=,.@-]{2,64}", re.ASCII)

_CONDITIONS = {
    f"{{{saml_xml.ASSERTION}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
}

# Source: AWS's message for older ones. Within it an assertion is good more than once, as at AWS.
LIFETIME = timedelta(minutes=5)
# How far ahead the identity provider's clock may be. Ends are exact.
SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SamlIdentity:
    """What a true assertion says."""

    issuer: str
    subject: str
    subject_type: str  # persistent, transient, or a whole format URI
    recipient: str
    session_name: str
    roles: tuple[frozenset[str], ...]  # pairs of ARNs, of a role and a provider in either order
    tags: Mapping[str, str]
    transitive_keys: tuple[str, ...]
    source_identity: str | None
    ends_at: datetime | None  # when the person's session with the provider ends

    def name_qualifier(self, account_id: str, provider: str) -> str:
        """Return a short name of issuer, account and provider, as AWS makes it."""
        text = f"{self.issuer}{account_id}/{provider}"
        return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()

    def facts(self, account_id: str, provider: str) -> dict[str, tuple[str, ...]]:
        """Return the condition keys of the assertion."""
        return {
            "saml:aud": (self.recipient,),
            "saml:iss": (self.issuer,),
            "saml:sub": (self.subject,),
            "saml:sub_type": (self.subject_type,),
            "saml:namequalifier": (self.name_qualifier(account_id, provider),),
            "saml:doc": (f"{account_id}/{provider}",),
        }


def verify(text: str, metadata: Metadata, now: datetime) -> SamlIdentity:
    """Return what a response in base64 says if the provider signed it, for AWS, and for now.

    Raises:
        Fault: InvalidIdentityToken, ExpiredTokenException, IDPRejectedClaim.
    """
    try:
        response = saml_xml.read(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        if isinstance(error, XmlRefused):
            raise invalid("Invalid SAMLResponse: it is no XML that is allowed.") from error
        raise invalid("Invalid base64 SAMLResponse") from error
    if response.tag != RESPONSE_TAG:
        raise invalid("Invalid SAMLResponse: it is no Response of SAML 2.0.")
    try:
        assertion = saml_signature.signed_assertion(response, metadata.certificates)
    except (NotSigned, XmlRefused) as error:
        log.warning("a SAML response was refused", issuer=metadata.issuer, reason=str(error))
        raise invalid("Response signature invalid") from error
    _require_addressed(response, metadata)
    return _read(assertion, metadata, now)


def invalid(message: str) -> Fault:
    """Return the refusal of an assertion, in STS's name for it."""
    return Fault("InvalidIdentityToken", message)


def _expired(message: str) -> Fault:
    return Fault("ExpiredTokenException", message)


def _require_addressed(response: etree._Element, metadata: Metadata) -> None:
    """Check what stands around the assertion. It may be unsigned: it can only lead to a refusal."""
    status = response.find("samlp:Status/samlp:StatusCode", NAMES)
    if status is None or status.get("Value") != _SUCCESS:
        raise Fault("IDPRejectedClaim", "Response status isn't success", status=403)
    destination = response.get("Destination")
    if destination is not None and _ENDPOINT.fullmatch(destination) is None:
        raise invalid("Response destination isn't AWS's sign-in.")
    issuer = response.find("saml:Issuer", NAMES)
    if issuer is not None and saml_xml.text_of(issuer) != metadata.issuer:
        raise invalid("Issuer not present in specified provider")


def _read(assertion: etree._Element, metadata: Metadata, now: datetime) -> SamlIdentity:
    if assertion.get("Version") != "2.0":
        raise invalid("The assertion is not of SAML 2.0.")
    issuer = _one_text(assertion, "saml:Issuer")
    if issuer != metadata.issuer:
        raise invalid("Issuer not present in specified provider")
    issued_at = _moment(assertion, "IssueInstant")
    if now >= issued_at + LIFETIME:
        raise _expired("Token must be redeemed within 5 minutes of issuance")
    if issued_at > now + SKEW:
        raise invalid("The assertion is not valid yet.")
    _require_conditions(assertion, now)
    said = _attributes(assertion)
    name_id = assertion.find("saml:Subject/saml:NameID", NAMES)
    subject = _one_text(assertion, "saml:Subject/saml:NameID")
    name_format = "" if name_id is None else name_id.get("Format", "")
    return SamlIdentity(
        issuer,
        subject,
        name_format.removeprefix(_FORMAT_PREFIX) or "unspecified",
        _recipient(assertion, now),
        _session_name(said),
        tuple(frozenset(part.strip() for part in role.split(",")) for role in said.get("Role", ())),
        _tags(said),
        tuple(said.get("TransitiveTagKeys", ())),
        _source_identity(said),
        _session_end(assertion, now),
    )


def _require_conditions(assertion: etree._Element, now: datetime) -> None:
    found = assertion.findall("saml:Conditions", NAMES)
    if len(found) != 1:
        raise invalid("The assertion must have Conditions, once.")
    _require_within(found[0], now)
    if any(each.tag not in _CONDITIONS for each in found[0]):
        raise invalid("The assertion has a condition that this server does not know.")
    restrictions = found[0].findall("saml:AudienceRestriction", NAMES)
    meant = [[saml_xml.text_of(each) for each in one.findall("saml:Audience", NAMES)] for one in restrictions]
    # Each restriction must be met by one of its audiences.
    if not meant or not all(any(_is_aws(name) for name in names) for names in meant):
        raise invalid("The assertion's audience isn't AWS.")


def _is_aws(name: str) -> bool:
    return name == _SERVICE or _ENDPOINT.fullmatch(name) is not None


def _recipient(assertion: etree._Element, now: datetime) -> str:
    """Return where the assertion was to be brought to, by whoever bears it."""
    for confirmation in assertion.findall("saml:Subject/saml:SubjectConfirmation", NAMES):
        data = confirmation.find("saml:SubjectConfirmationData", NAMES)
        if confirmation.get("Method") != _BEARER or data is None:
            continue
        recipient = data.get("Recipient", "")
        if _ENDPOINT.fullmatch(recipient) is None or data.get("NotOnOrAfter") is None:
            continue
        _require_within(data, now)
        return recipient
    raise invalid("The assertion has no bearer confirmation for AWS's sign-in.")


def _require_within(element: etree._Element, now: datetime) -> None:
    if element.get("NotOnOrAfter") is not None and now >= _moment(element, "NotOnOrAfter"):
        raise _expired("The assertion's time is over.")
    if element.get("NotBefore") is not None and now + SKEW < _moment(element, "NotBefore"):
        raise invalid("The assertion is not valid yet.")


def _session_end(assertion: etree._Element, now: datetime) -> datetime | None:
    statements = assertion.findall("saml:AuthnStatement", NAMES)
    name = "SessionNotOnOrAfter"
    ends = [_moment(each, name) for each in statements if each.get(name) is not None]
    end = min(ends, default=None)
    if end is not None and end <= now:
        raise _expired("The person's session with the identity provider is over.")
    return end


def _attributes(assertion: etree._Element) -> dict[str, list[str]]:
    """Return AWS's attributes by their short names. One that comes twice is a mistake, or a trick."""
    found: dict[str, list[str]] = {}
    for attribute in assertion.findall("saml:AttributeStatement/saml:Attribute", NAMES):
        name = attribute.get("Name", "")
        if not name.startswith(_ATTRIBUTES):
            continue
        short = name.removeprefix(_ATTRIBUTES)
        if short in found:
            raise invalid(f"The attribute {short[:64]} occurs twice.")
        found[short] = [saml_xml.text_of(each) for each in attribute.findall("saml:AttributeValue", NAMES)]
    return found


def _session_name(said: Mapping[str, list[str]]) -> str:
    names = said.get("RoleSessionName", [])
    if len(names) != 1 or not names[0]:
        raise invalid("RoleSessionName is required in AuthnResponse")
    if _SESSION_NAME.fullmatch(names[0]) is None:
        raise invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    return names[0]


def _tags(said: Mapping[str, list[str]]) -> dict[str, str]:
    prefix = "PrincipalTag:"
    tags = {name.removeprefix(prefix): values for name, values in said.items() if name.startswith(prefix)}
    if any(len(values) != 1 for values in tags.values()):
        raise invalid("Each PrincipalTag must have one value.")
    return {key: values[0] for key, values in tags.items()}


def _source_identity(said: Mapping[str, list[str]]) -> str | None:
    values = said.get("SourceIdentity")
    if values is None:
        return None
    if len(values) != 1 or _SOURCE_IDENTITY.fullmatch(values[0]) is None:
        raise invalid('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"')
    return values[0]


def _one_text(assertion: etree._Element, path: str) -> str:
    found = assertion.findall(path, NAMES)
    text = saml_xml.text_of(found[0]) if len(found) == 1 else ""
    if not text:
        raise invalid(f"The assertion must have one {path.rpartition(':')[2]}.")
    return text


def _moment(element: etree._Element, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(element.get(name, "").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(f"The assertion's {name} is no date.") from error
