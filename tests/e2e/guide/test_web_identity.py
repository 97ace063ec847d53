"""Sign in with a token of an OpenID Connect issuer, as CI systems do: stock CLI, SDK and helper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from e2e_names import POWER_USER, NewPerson
from federated_jobs import credentials_in
from oidc_at_hand import CLIENT, rsa_key
from oidc_server import RunningIssuer, running
from person import AwsCli, Person
from service_process import ACCOUNT, Service, serving

pytestmark = pytest.mark.needs("git")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), "--issuer-network", "127.0.0.0/8") as up:
        yield up


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[RunningIssuer]:
    """An issuer that the account trusts for one repository's jobs."""
    with running(tmp_path_factory.mktemp("issuer")) as up:
        iam = service.client("iam")
        provider = iam.create_open_id_connect_provider(
            Url=up.issuer.url, ClientIDList=[CLIENT], ThumbprintList=[up.authority.thumbprint]
        )["OpenIDConnectProviderArn"]
        name = up.issuer.url.removeprefix("https://")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": provider},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {f"{name}:sub": "job-1", f"{name}:aud": CLIENT}},
                }
            ],
        }
        iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(trust))
        iam.attach_role_policy(RoleName="ci", PolicyArn=POWER_USER)
        yield up


def token(issuer: RunningIssuer, **claims: Any) -> str:
    return issuer.issuer.token(datetime.now(UTC), **{"sub": "job-1", **claims})


def job(person: Person, issuer: RunningIssuer) -> Person:
    """Give a person no keys: a token file and a role, as a CI system does."""
    file = person.home / "token"
    file.write_text(token(issuer))
    person.env["AWS_DEFAULT_REGION"] = "us-east-2"
    if person.aws_cli.knows_endpoint_variable:
        person.env |= {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_ROLE_ARN": ROLE,
            "AWS_ROLE_SESSION_NAME": "job-1",
        }
    else:  # fetching credentials by itself takes no --endpoint-url: it would go to the real AWS
        person.env |= credentials_in(
            person.aws(
                *("sts", "assume-role-with-web-identity", "--role-arn", ROLE, "--role-session-name", "job-1"),
                *("--web-identity-token", f"file://{file}"),
            )
        )
    return person


def test_a_job_with_a_token_file_clones_and_pushes(
    new_person: NewPerson, service: Service, issuer: RunningIssuer, aws_cli: AwsCli
) -> None:
    person = job(new_person(aws_cli), issuer)
    name = f"of-jobs-{person.home.name}-{aws_cli.name}"
    said = json.loads(person.aws("sts", "get-caller-identity"))
    assert said["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/job-1"
    person.aws("codecommit", "create-repository", "--repository-name", name)
    person.use_the_aws_helper()
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", service.url(name), "work")
    clone = person.home / "work"
    person.ok("git", "checkout", "--quiet", "-b", "main", cwd=clone)
    commit = person.commit(clone)
    person.ok("git", "push", "--quiet", "origin", "main", cwd=clone)
    person.ok("git", "clone", "--quiet", service.url(name), "again")
    assert person.ok("git", "rev-parse", "HEAD", cwd=person.home / "again").strip() == commit


def test_a_job_works_with_a_session_token_of_2000_characters(
    new_person: NewPerson, service: Service, issuer: RunningIssuer
) -> None:
    answer = service.client("sts").assume_role_with_web_identity(
        RoleArn=ROLE, RoleSessionName="job-1", WebIdentityToken=token(issuer), MinimumSessionTokenSize=2_000
    )
    assert len(answer["Credentials"]["SessionToken"]) >= 2_000
    person = new_person()
    person.env |= {"AWS_DEFAULT_REGION": "us-east-2", **credentials_in(json.dumps(answer, default=str))}
    person.use_the_aws_helper()
    person.name_in_commits()
    service.create_repository("of-large-jobs")
    person.ok("git", "clone", "--quiet", service.url("of-large-jobs"), "work")
    person.commit(person.home / "work")
    person.ok("git", "push", "--quiet", "origin", "HEAD:main", cwd=person.home / "work")


def test_the_sdk_finds_the_token_file_by_itself(
    service: Service, issuer: RunningIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(token(issuer))
    for variable, value in {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_ENDPOINT_URL": service.endpoint,
        "AWS_CA_BUNDLE": str(service.ca),
        "AWS_DEFAULT_REGION": "us-east-2",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(variable, value)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    arn = boto3.session.Session().client("sts").get_caller_identity()["Arn"]
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/")


def test_refusals_are_told_as_aws_tells_them(new_person: NewPerson, issuer: RunningIssuer) -> None:
    person = new_person()
    person.env["AWS_DEFAULT_REGION"] = "us-east-2"

    def refused(given: str) -> str:
        return person.aws_refused(
            *("sts", "assume-role-with-web-identity", "--role-arn", ROLE, "--role-session-name", "job"),
            *("--web-identity-token", given),
        )

    assert "(AccessDenied)" in refused(token(issuer, sub="job-2"))
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in refused(token(issuer, sub="job-2"))
    assert "(ExpiredTokenException)" in refused(token(issuer, exp=1_000_000_000))
    assert "(InvalidIdentityToken)" in refused(token(issuer, aud="strangers"))
    assert "(InvalidIdentityToken)" in refused(token(issuer, key=rsa_key("forged")))


def test_an_issuer_outside_the_opened_networks_is_not_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as closed, running(tmp_path / "issuer") as up:
        iam = closed.client("iam")
        iam.create_open_id_connect_provider(
            Url=up.issuer.url, ClientIDList=[CLIENT], ThumbprintList=[up.authority.thumbprint]
        )
        with pytest.raises(iam.exceptions.ClientError) as refused:
            closed.client("sts").assume_role_with_web_identity(
                RoleArn=ROLE, RoleSessionName="job", WebIdentityToken=token(up)
            )
        assert refused.value.response["Error"]["Code"] == "IDPCommunicationError"
        assert "not a public address" in closed.log
        assert "not a public address" not in refused.value.response["Error"]["Message"]
