"""git-remote-codecommit and boto3, unmodified."""

from __future__ import annotations

import subprocess
import sys

import boto3
import pytest
from botocore.exceptions import ClientError

from e2e_names import POWER_USER, NewPerson
from person import Person
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")


@pytest.fixture
def grc(new_person: NewPerson, service: Service) -> Person:
    """A person who uses git-remote-codecommit, sent here by its CODE_COMMIT_ENDPOINT."""
    person = new_person()
    person.write_profile(service.create_user(f"grc-{person.home.parent.name}", POWER_USER))
    person.name_in_commits()
    person.env["CODE_COMMIT_ENDPOINT"] = f"localhost:{service.port}"
    return person


@pytest.mark.parametrize(
    "form", ["codecommit://{}", "codecommit::us-east-2://{}"], ids=["plain", "with a region"]
)
def test_git_remote_codecommit_clones_and_pushes(grc: Person, service: Service, form: str) -> None:
    name = "grc-plain" if form.startswith("codecommit:/") else "grc-region"
    service.create_repository(name)
    grc.ok("git", "clone", "--quiet", form.format(name), "work")
    work = grc.home / "work"
    grc.commit(work)
    grc.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    grc.ok("git", "clone", "--quiet", form.format(name), "second")
    assert (grc.home / "second" / "cat.txt").exists()


def test_git_remote_codecommit_with_a_profile_in_the_address(grc: Person, service: Service) -> None:
    service.create_repository("grc-profile")
    grc.write_profile(service.create_user("grc-other", POWER_USER), profile="other")
    grc.ok("git", "ls-remote", "codecommit://other@grc-profile")


def test_boto3_finds_typed_errors_and_pages(service: Service) -> None:
    codecommit = service.client("codecommit", "eu-west-2")
    names = [f"page-{number:03d}" for number in range(5)]
    for name in names:
        codecommit.create_repository(repositoryName=name)
    pages = codecommit.get_paginator("list_repositories").paginate()
    assert sorted(found["repositoryName"] for page in pages for found in page["repositories"]) == names
    with pytest.raises(codecommit.exceptions.RepositoryNameExistsException):
        codecommit.create_repository(repositoryName=names[0])
    with pytest.raises(codecommit.exceptions.RepositoryDoesNotExistException):
        codecommit.get_repository(repositoryName="not-there")


def test_boto3_is_told_by_iam_that_a_user_has_two_keys_already(service: Service) -> None:
    iam = service.client("iam")
    service.create_user("two-keys")
    iam.create_access_key(UserName="two-keys")
    with pytest.raises(iam.exceptions.LimitExceededException):
        iam.create_access_key(UserName="two-keys")


def test_boto3_with_a_wrong_secret_is_told_so(service: Service) -> None:
    stranger = boto3.client(
        "sts",
        region_name="us-east-2",
        endpoint_url=service.endpoint,
        verify=str(service.ca),
        aws_access_key_id=service.key_id,
        aws_secret_access_key="x" * 40,
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.get_caller_identity()


def test_boto3_finds_the_service_by_the_variable_alone(new_person: NewPerson, service: Service) -> None:
    person = new_person()
    person.write_profile((service.key_id, service.secret))
    line = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    said = subprocess.run(
        [sys.executable, "-c", line], env=person.env, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.strip() == f"arn:aws:iam::{ACCOUNT}:root"
