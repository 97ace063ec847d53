from __future__ import annotations

import base64
import re
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from identities_at_hand import Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam

OWN = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*SSHPublicKey*",'
    ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(root: Desk, installation: Installation) -> Desk:
    user = installation.add_user("mary")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=OWN)
    return Desk(installation, iam, user_principal(user))


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key of the tests; the same for the same number."""
    del number
    return rsa.generate_private_key(65537, bits)


def line(private: rsa.RSAPrivateKey, comment: str = "mary@laptop") -> str:
    return f"{private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {comment}"


def pem(private: rsa.RSAPrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def uploaded(desk: Desk, body: str) -> dict[str, str]:
    answer: dict[str, str] = desk.ask("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=body)[
        "SSHPublicKey"
    ]
    return answer


def test_a_line_is_taken_and_given_back_as_it_was(mary: Desk) -> None:
    body = line(key())
    shown = uploaded(mary, body)
    assert re.fullmatch(r"APKA[A-Z2-7]{16}", shown["SSHPublicKeyId"])
    assert re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){15}", shown["Fingerprint"])
    assert (shown["SSHPublicKeyBody"], shown["Status"], shown["UserName"]) == (body, "Active", "mary")
    got = mary.ask("GetSSHPublicKey", UserName="mary", SSHPublicKeyId=shown["SSHPublicKeyId"], Encoding="SSH")
    assert got["SSHPublicKey"] == shown


def test_either_form_is_shown_in_the_other(mary: Desk) -> None:
    key_id = uploaded(mary, line(key()))["SSHPublicKeyId"]
    as_pem = mary.ask("GetSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id, Encoding="PEM")
    assert load_pem_public_key(as_pem["SSHPublicKey"]["SSHPublicKeyBody"].encode()) == key().public_key()
    mary.ask("DeleteSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id)
    key_id = uploaded(mary, pem(key()))["SSHPublicKeyId"]
    as_line = mary.ask("GetSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id, Encoding="SSH")
    assert as_line["SSHPublicKey"]["SSHPublicKeyBody"] == line(key(), "").strip()


def test_the_same_key_twice_is_refused_whatever_its_form(mary: Desk) -> None:
    uploaded(mary, line(key()))
    for body in (line(key(), "other comment"), pem(key())):
        fault = mary.refusal("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=body)
        assert (fault.code, fault.status) == ("DuplicateSSHPublicKey", 400)


def test_a_sixth_key_is_refused(mary: Desk) -> None:
    for number in range(5):
        uploaded(mary, line(key(number)))
    fault = mary.refusal("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=line(key(6)))
    assert (fault.code, fault.status) == ("LimitExceeded", 409)


def _ed25519_line() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _ed25519_pem() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _private_pem() -> str:
    return key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_ed25519_line(), "UnrecognizedPublicKeyEncoding"),
        ("hello", "UnrecognizedPublicKeyEncoding"),
        (_ed25519_pem(), "InvalidPublicKey"),
        (_private_pem(), "InvalidPublicKey"),
        ("ssh-rsa", "InvalidPublicKey"),
        ("ssh-rsa AAAA", "InvalidPublicKey"),
        ("ssh-rsa !!!!", "InvalidPublicKey"),
        (f"ssh-rsa {_ed25519_line().split()[1]}", "InvalidPublicKey"),
        (f"{line(key())}\nssh-rsa AAAA", "InvalidPublicKey"),
        (line(key(1, 1024)), "InvalidPublicKey"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "InvalidPublicKey"),
        (f"ssh-rsa {base64.b64encode(b'0' * 9000).decode()}", "InvalidPublicKey"),
    ],
    # By number: the keys differ from process to process, and no two may collect other tests.
    ids=range(12),
)
def test_what_is_no_good_rsa_key_is_refused_and_not_repeated(mary: Desk, body: str, code: str) -> None:
    fault = mary.refusal("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=body)
    assert (fault.code, fault.status) == (code, 400)
    for word in body.split():
        assert len(word) < 10 or word not in fault.message


def test_a_key_is_switched_listed_and_deleted(mary: Desk) -> None:
    key_id = uploaded(mary, line(key()))["SSHPublicKeyId"]
    mary.ask("UpdateSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id, Status="Inactive")
    listed = mary.ask("ListSSHPublicKeys")["SSHPublicKeys"]
    assert [(row["SSHPublicKeyId"], row["Status"]) for row in listed] == [(key_id, "Inactive")]
    mary.ask("DeleteSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id)
    assert mary.ask("ListSSHPublicKeys", UserName="mary")["SSHPublicKeys"] == []
    for operation, more in (
        ("DeleteSSHPublicKey", {}),
        ("UpdateSSHPublicKey", {"Status": "Active"}),
        ("GetSSHPublicKey", {"Encoding": "SSH"}),
    ):
        fault = mary.refusal(operation, UserName="mary", SSHPublicKeyId=key_id, **more)
        assert (fault.code, fault.status) == ("NoSuchEntity", 404)


def test_a_user_touches_only_its_own_and_is_deleted_only_without(
    root: Desk, mary: Desk, installation: Installation
) -> None:
    bob = Desk(installation, iam, user_principal(installation.add_user("bob")))
    key_id = uploaded(mary, line(key()))["SSHPublicKeyId"]
    root.ask("PutUserPolicy", UserName="bob", PolicyName="own", PolicyDocument=OWN)
    assert bob.refusal("ListSSHPublicKeys", UserName="mary").code == "AccessDenied"
    fault = bob.refusal("DeleteSSHPublicKey", UserName="bob", SSHPublicKeyId=key_id)
    assert fault.code == "NoSuchEntity"
    root.ask("DeleteUserPolicy", UserName="mary", PolicyName="own")
    assert root.refusal("DeleteUser", UserName="mary").code == "DeleteConflict"


def test_a_root_user_has_none(root: Desk) -> None:
    assert root.ask("ListSSHPublicKeys")["SSHPublicKeys"] == []
