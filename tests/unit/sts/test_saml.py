from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

import saml_wrapping
from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal
from moorage.core.principal import anonymous
from moorage.services.iam import iam
from moorage.services.sts import sts
from saml_at_hand import AUDIENCE, ISSUER, Login, key_pair, metadata, sent, sign

PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/web"
FIVE = timedelta(minutes=5)
DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")


def trust(*actions: str, **condition: object) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": list(actions or ("sts:AssumeRoleWithSAML",)),
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def root(installation: Installation) -> Desk:
    root = Desk(installation, iam, root_principal())
    root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=metadata())
    root.ask("CreateRole", RoleName="web", AssumeRolePolicyDocument=trust())
    return root


@pytest.fixture
def nobody(installation: Installation, root: Desk) -> Desk:
    del root
    return Desk(installation, sts, anonymous("aws"))


@pytest.fixture
def login() -> Login:
    return Login([f"{ROLE},{PROVIDER}"], NOW)


def asked(response: etree._Element | str, **more: object) -> dict[str, object]:
    text = response if isinstance(response, str) else sent(response)
    return {"RoleArn": ROLE, "PrincipalArn": PROVIDER, "SAMLAssertion": text, **more}


def assume(nobody: Desk, response: etree._Element, **more: object) -> dict[str, Any]:
    return nobody.ask("AssumeRoleWithSAML", **asked(response, **more))


def refused(nobody: Desk, response: etree._Element | str, **more: object) -> tuple[str, str]:
    fault = nobody.refusal("AssumeRoleWithSAML", **asked(response, **more))
    return fault.code, fault.message


def test_a_signed_assertion_opens_the_role(nobody: Desk, login: Login) -> None:
    answer = assume(nobody, login.signed())
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/mary@example.org"
    assert answer["Credentials"]["Expiration"] == NOW + timedelta(hours=1)
    qualifier = hashlib.sha1(f"{ISSUER}{ACCOUNT}/corp".encode()).digest()
    assert (answer["Subject"], answer["SubjectType"]) == ("mary-4711", "persistent")
    assert (answer["Issuer"], answer["Audience"]) == (ISSUER, AUDIENCE)
    assert answer["NameQualifier"] == base64.b64encode(qualifier).decode()


def test_a_signed_response_opens_the_role_and_so_does_one_signed_twice(nobody: Desk, login: Login) -> None:
    assert assume(nobody, sign(login.response(login.assertion())))
    assert assume(nobody, sign(login.response(sign(login.assertion()))))


def test_role_and_provider_may_stand_in_either_order(nobody: Desk, login: Login) -> None:
    login.roles = ["arn:aws:iam::1:role/x,arn:aws:iam::1:saml-provider/y", f" {PROVIDER} , {ROLE} "]
    assert assume(nobody, login.signed())


@pytest.mark.parametrize("attack", saml_wrapping.ATTACKS, ids=lambda each: str(each.__name__))
def test_what_was_not_signed_is_not_read(nobody: Desk, login: Login, attack: saml_wrapping.Attack) -> None:
    code, message = refused(nobody, attack(login))
    assert (code, message) == ("InvalidIdentityToken", "Response signature invalid")


def test_a_comment_cannot_cut_a_name_short(nobody: Desk, login: Login) -> None:
    text = etree.tostring(login.signed()).replace(b"mary-4711", b"mary<!-- -->-4711")
    response = base64.b64encode(text).decode()
    assert nobody.ask("AssumeRoleWithSAML", **asked(response))["Subject"] == "mary-4711"


@pytest.mark.parametrize(
    "text",
    [
        "!!!!",
        base64.b64encode(b"no xml").decode(),
        base64.b64encode(b"<a/>").decode(),
        base64.b64encode(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>').decode(),
        base64.b64encode(b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>').decode(),
        base64.b64encode(b"<a>" * 1_000).decode(),
        base64.b64encode(b"\xff\xfe\x00").decode(),
    ],
)
def test_what_is_no_response_is_refused(nobody: Desk, text: str) -> None:
    assert refused(nobody, text)[0] == "InvalidIdentityToken"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"status": "urn:oasis:names:tc:SAML:2.0:status:Requester"}, "IDPRejectedClaim", "isn't success"),
        ({"issuer": "https://other.example"}, "InvalidIdentityToken", "Issuer not present"),
        ({"audience": "https://other.example"}, "InvalidIdentityToken", "audience"),
        ({"recipient": "https://signin.aws.amazon.com.evil.example/saml"}, "InvalidIdentityToken", "bearer"),
        ({"destination": "https://other.example"}, "InvalidIdentityToken", "destination"),
        (
            {"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"},
            "InvalidIdentityToken",
            "bearer",
        ),
        ({"lasts": timedelta(0)}, "ExpiredTokenException", "over"),
        (
            {"now": NOW - FIVE, "lasts": 2 * FIVE},
            "ExpiredTokenException",
            "5 minutes",
        ),
        ({"now": NOW + timedelta(seconds=61)}, "InvalidIdentityToken", "not valid yet"),
        ({"session_name": ""}, "InvalidIdentityToken", "RoleSessionName is required"),
        ({"session_name": "a b"}, "InvalidIdentityToken", "must match"),
        ({"subject": ""}, "InvalidIdentityToken", "NameID"),
        ({"session_ends": NOW}, "ExpiredTokenException", "session"),
        ({"attributes": {"SourceIdentity": ["aws:x"]}}, "InvalidIdentityToken", "Source Identity"),
        ({"attributes": {"PrincipalTag:a": ["1", "2"]}}, "InvalidIdentityToken", "one value"),
        ({"roles": [f"{ROLE}2,{PROVIDER}"]}, *DENIED),
        ({"roles": [ROLE]}, *DENIED),
        ({"roles": []}, *DENIED),
    ],
)
def test_an_assertion_that_is_not_right_is_refused(
    nobody: Desk, login: Login, change: dict[str, Any], code: str, words: str
) -> None:
    found, message = refused(nobody, replace(login, **change).signed())
    assert found == code
    assert words in message


def test_a_partitions_or_regions_own_endpoint_will_do(nobody: Desk, login: Login) -> None:
    login.audience = "urn:amazon:webservices"
    login.recipient = login.destination = "https://eu-west-1.signin.aws.amazon.com/saml"
    assert assume(nobody, login.signed())["Audience"] == login.recipient


def test_a_session_ends_with_the_providers(nobody: Desk, login: Login) -> None:
    login.session_ends = NOW + timedelta(minutes=20)
    assert assume(nobody, login.signed())["Credentials"]["Expiration"] == login.session_ends
    short = assume(nobody, login.signed(), DurationSeconds=900)
    assert short["Credentials"]["Expiration"] == NOW + timedelta(minutes=15)
    assert refused(nobody, login.signed(), DurationSeconds=3601)[0] == "ValidationError"


def test_the_trust_policy_sees_what_was_said(root: Desk, nobody: Desk, login: Login) -> None:
    said = {"saml:sub": "mary-4711", "saml:aud": AUDIENCE, "saml:iss": ISSUER, "saml:doc": f"{ACCOUNT}/corp"}
    policy = trust(StringEquals={**said, "saml:sub_type": "persistent"})
    root.ask("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=policy)
    assert assume(nobody, login.signed())
    assert refused(nobody, replace(login, subject="eve").signed()) == DENIED


def test_tags_and_source_identity_need_permissions_of_their_own(
    root: Desk, nobody: Desk, login: Login
) -> None:
    login.attributes = {
        "PrincipalTag:team": ["red"],
        "TransitiveTagKeys": ["team"],
    }
    login.attributes["SourceIdentity"] = ["mary"]
    assert refused(nobody, login.signed())[1].endswith("sts:TagSession")
    every = trust("sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity")
    root.ask("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=every)
    answer = assume(nobody, login.signed())
    assert answer["SourceIdentity"] == "mary"
    assert answer["PackedPolicySize"] >= 1


def test_new_metadata_ends_the_old_key_and_may_hold_two(root: Desk, nobody: Desk, login: Login) -> None:
    both = metadata(key_pair("second")[1], key_pair()[1])
    root.ask("UpdateSAMLProvider", SAMLProviderArn=PROVIDER, SAMLMetadataDocument=both)
    assert assume(nobody, login.signed())
    assert assume(nobody, login.signed("second"))
    root.ask(
        "UpdateSAMLProvider", SAMLProviderArn=PROVIDER, SAMLMetadataDocument=metadata(key_pair("second")[1])
    )
    assert refused(nobody, login.signed())[1] == "Response signature invalid"
    assert assume(nobody, login.signed("second"))


def test_a_provider_that_is_not_there_or_whose_time_is_over_vouches_for_nobody(
    root: Desk, nobody: Desk, login: Login
) -> None:
    gone = PROVIDER.replace("corp", "gone")
    assert refused(nobody, login.signed(), PrincipalArn=gone)[1] == "Specified provider doesn't exist"
    elsewhere = PROVIDER.replace(ACCOUNT, "999988887777")
    assert refused(nobody, login.signed(), PrincipalArn=elsewhere)[1] == "Specified provider doesn't exist"
    ending = metadata(valid_until="2026-11-24T12:00:01Z")
    root.ask("UpdateSAMLProvider", SAMLProviderArn=PROVIDER, SAMLMetadataDocument=ending)
    assert assume(nobody, login.signed())
    nobody.call = replace(nobody.call, caller=replace(nobody.call.caller, now=NOW + timedelta(seconds=1)))
    assert refused(nobody, login.signed())[0] == "InvalidIdentityToken"


def test_what_a_provider_says_must_fit_into_a_session(nobody: Desk, login: Login) -> None:
    # Every node keeps what the sessions in use say: an account must not fill its memory.
    login.subject = "s" * 7_000
    assert assume(nobody, login.signed())["Subject"] == login.subject
    login.subject = "s" * 9_000
    code, message = refused(nobody, login.signed())
    assert (code, "8,192 characters" in message) == ("InvalidIdentityToken", True)
