from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import saml_at_hand
from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal
from moorage.services.iam import iam
from saml_at_hand import metadata

ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def test_a_provider_is_created_shown_updated_and_deleted(root: Desk) -> None:
    text = metadata(valid_until="2027-01-02T03:04:05Z")
    made = root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=text)
    assert made["SAMLProviderArn"] == ARN
    found = root.ask("GetSAMLProvider", SAMLProviderArn=ARN)
    assert found["SAMLMetadataDocument"] == text
    assert found["ValidUntil"].isoformat() == "2027-01-02T03:04:05+00:00"
    assert len(found["SAMLProviderUUID"]) == 24
    root.ask("UpdateSAMLProvider", SAMLProviderArn=ARN, SAMLMetadataDocument=metadata())
    listed = root.ask("ListSAMLProviders")["SAMLProviderList"]
    assert [(each["Arn"], each["ValidUntil"].year) for each in listed] == [(ARN, NOW.year + 100)]
    fault = root.refusal("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=text)
    assert fault.code == "EntityAlreadyExists"
    root.ask("DeleteSAMLProvider", SAMLProviderArn=ARN)
    assert root.refusal("GetSAMLProvider", SAMLProviderArn=ARN).code == "NoSuchEntity"
    assert root.refusal("DeleteSAMLProvider", SAMLProviderArn=ARN).code == "NoSuchEntity"


def test_tags_are_set_listed_and_taken_away(root: Desk) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=metadata(), Tags=tags[:1])
    root.ask("TagSAMLProvider", SAMLProviderArn=ARN, Tags=tags)
    root.ask("UntagSAMLProvider", SAMLProviderArn=ARN, TagKeys=["A"])
    assert root.ask("ListSAMLProviderTags", SAMLProviderArn=ARN)["Tags"] == tags[1:]


BAD = {
    "no XML": "x" * 1_000,
    "a DTD": metadata().replace("?>", '?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', 1),
    "another root": metadata().replace("EntityDescriptor", "EntitiesDescriptor"),
    "no issuer": metadata(issuer=" "),
    "no key for signing": metadata(use="encryption"),
    "no IDPSSODescriptor": metadata().replace("IDPSSODescriptor", "SPSSODescriptor"),
    "another protocol": metadata().replace(":SAML:2.0:protocol", ":SAML:1.1:protocol"),
    "no certificate": metadata().replace("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
    "a short key": metadata(saml_at_hand.key_pair("short", 1024)[1], valid_until="2030-01-01T00:00:00Z")
    + " " * 300,
    "an end that is over": metadata(valid_until="2026-11-24T11:59:59Z"),
    "an end that is no date": metadata(valid_until="soon"),
}


@pytest.mark.parametrize("name", BAD)
def test_metadata_that_cannot_serve_is_refused(root: Desk, name: str) -> None:
    fault = root.refusal("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=BAD[name])
    assert (fault.code, fault.message[:25]) == ("InvalidInput", "Could not parse metadata:")
    root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=metadata())
    fault = root.refusal("UpdateSAMLProvider", SAMLProviderArn=ARN, SAMLMetadataDocument=BAD[name])
    assert fault.code == "InvalidInput"
    assert root.ask("GetSAMLProvider", SAMLProviderArn=ARN)["SAMLMetadataDocument"] == metadata()


def test_an_elliptic_key_serves(root: Desk) -> None:
    certificate = saml_at_hand.certify(ec.generate_private_key(ec.SECP256R1()), begins=NOW, days=10)
    text = metadata(certificate) + " " * 1_000
    assert root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=text)["SAMLProviderArn"] == ARN


def test_what_this_server_does_not_do_is_refused(root: Desk) -> None:
    text = metadata()
    fault = root.refusal(
        "CreateSAMLProvider", Name="corp", SAMLMetadataDocument=text, AssertionEncryptionMode="Required"
    )
    assert fault.code == "InvalidInput"
    root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=text)
    assert root.refusal("UpdateSAMLProvider", SAMLProviderArn=ARN).code == "InvalidInput"
