"""Who issued a certificate: read from its bytes, since `ssl` tells it only of certificates that it trusts.

Source: RFC 5280, section 4.1 (the fields), and X.690 (their encoding, DER).
"""

from __future__ import annotations

_SEQUENCE, _SET, _OBJECT_ID, _EXPLICIT_0 = 0x30, 0x31, 0x06, 0xA0
# Names that people know a CA by, in the order in which they are shown.
_COMMON_NAME, _ORGANIZATION = bytes((0x55, 4, 3)), bytes((0x55, 4, 10))
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}


def issuer(certificate: bytes) -> str:
    """Return the issuer's common name and organization; "" for what is no certificate.

    `certificate` is DER, of anybody's making: the names are to be cleaned before they are shown.
    """
    try:
        whole = _within(certificate)[0][1]
        fields = _within(_within(whole)[0][1])
        if fields[0][0] == _EXPLICIT_0:  # the version, which old certificates lack
            del fields[0]
        name = fields[2]
        names = dict(_attributes(name[1]))
    except (IndexError, ValueError):
        return ""
    return ", ".join(text for kind in (_COMMON_NAME, _ORGANIZATION) if (text := names.get(kind, "")))


def _attributes(name: bytes) -> list[tuple[bytes, str]]:
    found: list[tuple[bytes, str]] = []
    for tag, relative in _within(name):
        if tag != _SET:
            raise ValueError("no name")
        for _, attribute in _within(relative):
            (_, kind), (encoding, value) = _within(attribute)[:2]
            found.append((kind, value.decode(_ENCODINGS.get(encoding, "latin-1"), "replace")))
    return found


def _within(content: bytes) -> list[tuple[int, bytes]]:
    """Return the values that stand in a row, each with its tag."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 0 < size <= 3:
                raise ValueError("no length of a certificate")
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        if at + length > len(content):
            raise ValueError("cut off")
        found.append((tag, content[at : at + length]))
        at += length
    return found
