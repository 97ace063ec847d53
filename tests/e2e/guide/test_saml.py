"""Sign in with an assertion of a SAML identity provider: `aws sts assume-role-with-saml`, then git."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

import saml_wrapping
from e2e_names import POWER_USER, NewPerson
from federated_jobs import credentials_in
from person import AwsCli, Person
from saml_at_hand import Login, metadata, sent
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/staff"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"


@pytest.fixture(scope="module")
def provider(service: Service) -> str:
    """The account trusts the company's identity provider."""
    iam = service.client("iam")
    made = iam.create_saml_provider(Name="corp", SAMLMetadataDocument=metadata())["SAMLProviderArn"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": made},
                "Action": "sts:AssumeRoleWithSAML",
                "Condition": {"StringEquals": {"saml:aud": "https://signin.aws.amazon.com/saml"}},
            }
        ],
    }
    iam.create_role(RoleName="staff", AssumeRolePolicyDocument=json.dumps(trust))
    iam.attach_role_policy(RoleName="staff", PolicyArn=POWER_USER)
    return str(made)


def login() -> Login:
    return Login([f"{ROLE},{PROVIDER}"], datetime.now(UTC))


def assume(person: Person, assertion: str) -> tuple[str, ...]:
    (person.home / "assertion").write_text(assertion)
    return (
        *("sts", "assume-role-with-saml", "--role-arn", ROLE, "--principal-arn", PROVIDER),
        *("--saml-assertion", f"file://{person.home / 'assertion'}"),
    )


def test_an_assertion_is_exchanged_and_git_works(
    new_person: NewPerson, service: Service, provider: str, aws_cli: AwsCli
) -> None:
    assert provider == PROVIDER
    person = new_person(aws_cli)
    person.env["AWS_DEFAULT_REGION"] = "us-east-2"
    person.env |= credentials_in(person.aws(*assume(person, sent(login().signed()))))
    said = json.loads(person.aws("sts", "get-caller-identity"))
    assert said["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/staff/mary@example.org"
    name = f"of-staff-{aws_cli.name}"
    person.aws("codecommit", "create-repository", "--repository-name", name)
    person.use_the_aws_helper()
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", service.url(name), "work")
    clone = person.home / "work"
    person.ok("git", "checkout", "--quiet", "-b", "main", cwd=clone)
    person.commit(clone)
    person.ok("git", "push", "--quiet", "origin", "main", cwd=clone)
    person.ok("git", "clone", "--quiet", service.url(name), "again")


def test_staff_work_with_a_session_token_of_2000_characters(
    new_person: NewPerson, service: Service, provider: str
) -> None:
    answer = service.client("sts").assume_role_with_saml(
        RoleArn=ROLE,
        PrincipalArn=provider,
        SAMLAssertion=sent(login().signed()),
        MinimumSessionTokenSize=2_000,
    )
    assert len(answer["Credentials"]["SessionToken"]) >= 2_000
    person = new_person()
    person.env |= {"AWS_DEFAULT_REGION": "us-east-2", **credentials_in(json.dumps(answer, default=str))}
    person.use_the_aws_helper()
    person.name_in_commits()
    service.create_repository("of-large-staff")
    person.ok("git", "clone", "--quiet", service.url("of-large-staff"), "work")
    person.commit(person.home / "work")
    person.ok("git", "push", "--quiet", "origin", "HEAD:main", cwd=person.home / "work")


def test_refusals_are_told_as_aws_tells_them(new_person: NewPerson, provider: str) -> None:
    assert provider == PROVIDER
    person = new_person()
    person.env["AWS_DEFAULT_REGION"] = "us-east-2"

    def refused(response: etree._Element) -> str:
        return person.aws_refused(*assume(person, sent(response)))

    for attack in (saml_wrapping.xsw3, saml_wrapping.stranger):
        assert "(InvalidIdentityToken)" in refused(attack(login()))
    late = login()
    late.now -= timedelta(minutes=6)
    assert "(ExpiredTokenException)" in refused(late.signed())
    stranger = login()
    stranger.roles = []
    assert "Not authorized to perform sts:AssumeRoleWithSAML" in refused(stranger.signed())
    assert "(InvalidIdentityToken)" in person.aws_refused(
        *assume(
            person,
            base64.b64encode(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>").decode(),
        )
    )
