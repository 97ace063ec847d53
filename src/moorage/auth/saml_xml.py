"""XML from outside, read so that it can do nothing: no DTD, no entities, no network, bounded depth."""

from __future__ import annotations

from lxml import etree

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
NAMES = {"saml": ASSERTION, "samlp": PROTOCOL, "md": METADATA, "ds": SIGNATURE}

# Elements within elements; SAML's own need about ten.
MAX_DEPTH = 64


class XmlRefused(ValueError):
    """A text that is no XML document, or one with what no document from outside may have."""


def read(text: bytes) -> etree._Element:
    """Return the root element of a document, without comments and processing instructions.

    A comment inside a name splits its text in two, and readers that take the first half only have let
    people in under other names: here there are none left.

    Raises:
        XmlRefused: it is not well-formed, has a DTD, or is nested too deeply.
    """
    # No huge_tree: libxml2's own limits on depth, entities and the length of texts stay in force.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        remove_comments=True, remove_pis=True, huge_tree=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefused("it is not well-formed XML") from error
    document = root.getroottree().docinfo
    if document.internalDTD is not None or document.externalDTD is not None:
        raise XmlRefused("it has a DTD")
    _require_shallow(root)
    return root


def _require_shallow(root: etree._Element) -> None:
    deep, level = 0, [root]
    while level:
        deep += 1
        if deep > MAX_DEPTH:
            raise XmlRefused(f"it is nested more than {MAX_DEPTH} deep")
        level = [child for element in level for child in element]


def text_of(element: etree._Element) -> str:
    """Return an element's whole text, without white space around it."""
    return "".join(str(part) for part in element.itertext()).strip()
