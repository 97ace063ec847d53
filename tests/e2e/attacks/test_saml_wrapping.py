"""Wrapped assertions, and what else anybody may send without a signature, at a live server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

import saml_wrapping
from saml_at_hand import Login, metadata, sent
from service_process import ACCOUNT, Service

ROLE = f"arn:aws:iam::{ACCOUNT}:role/staff"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"


@pytest.fixture(scope="module")
def nobody(service: Service) -> Any:
    """A client without credentials, of a service that trusts an identity provider."""
    iam = service.client("iam")
    iam.create_saml_provider(Name="corp", SAMLMetadataDocument=metadata())
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithSAML",
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    iam.create_role(RoleName="staff", AssumeRolePolicyDocument=json.dumps(trust))
    return boto3.client(
        "sts",
        region_name="us-east-2",
        endpoint_url=service.endpoint,
        verify=str(service.ca),
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, max_pool_connections=32),
    )


def answered(nobody: Any, assertion: str) -> str:
    """Return the error's code; "opened" where there is none."""
    try:
        nobody.assume_role_with_saml(RoleArn=ROLE, PrincipalArn=PROVIDER, SAMLAssertion=assertion)
    except nobody.exceptions.ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return "opened"


def login() -> Login:
    return Login([f"{ROLE},{PROVIDER}"], datetime.now(UTC))


@pytest.mark.parametrize("attack", saml_wrapping.ATTACKS, ids=lambda each: str(each.__name__))
def test_a_wrapped_assertion_opens_nothing(nobody: Any, attack: saml_wrapping.Attack) -> None:
    assert answered(nobody, sent(login().signed())) == "opened"
    assert answered(nobody, sent(attack(login()))) == "InvalidIdentityToken"


def test_many_who_sign_nothing_do_not_keep_out_who_signs(nobody: Any, service: Service) -> None:
    true, junk = sent(login().signed()), "A" * 90_000
    with ThreadPoolExecutor(32) as crowd:
        codes = set(crowd.map(lambda text: answered(nobody, text), [junk, true] * 60))
        assert service.client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert codes <= {"opened", "InvalidIdentityToken", "Throttling", "ServiceUnavailable"}
    assert "opened" in codes


def test_other_operations_still_need_a_signature(nobody: Any) -> None:
    with pytest.raises(nobody.exceptions.ClientError) as refused:
        nobody.get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "MissingAuthenticationToken"
