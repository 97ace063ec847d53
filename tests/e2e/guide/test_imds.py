"""A machine with a role: AWS's own programs find its credentials with no profile and no key."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from metadata_process import EC2_TRUST, STOP_SECONDS, metadata
from person import AWS_V1, AWS_V2, AwsCli, Person
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")


@pytest.fixture(scope="module")
def variables(service: Service) -> Iterator[dict[str, str]]:
    iam = service.client("iam")
    iam.create_role(RoleName="Web", AssumeRolePolicyDocument=EC2_TRUST)
    iam.attach_role_policy(RoleName="Web", PolicyArn=POWER_USER)
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="Web")
    with metadata(service, "--instance-profile", "web", "--region", "us-east-2") as exported:
        yield exported


def on_the_machine(person: Person, variables: dict[str, str], which: str) -> Person:
    person.env[which] = variables[which]
    return person


@pytest.fixture(params=["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_caller_is_a_session_of_the_role_named_by_the_instance(
    new_person: NewPerson, service: Service, variables: dict[str, str], which: str, aws_cli: AwsCli
) -> None:
    person = on_the_machine(new_person(aws_cli), variables, which)
    arn = person.ok(
        "aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text",
        "--region", "us-east-2", "--endpoint-url", service.endpoint,
    ).strip()  # fmt: skip
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/Web/i-0")


def test_boto3_finds_the_role_without_a_profile(
    new_person: NewPerson, service: Service, variables: dict[str, str], which: str
) -> None:
    person = on_the_machine(new_person(), variables, which)
    program = (
        "import boto3\n"
        f"sts = boto3.client('sts', region_name='us-east-2', endpoint_url={service.endpoint!r})\n"
        "print(sts.get_caller_identity()['UserId'])\n"
    )
    said = person.ok(sys.executable, "-c", program).strip()
    assert said.startswith("AROA")
    assert ":i-0" in said


@pytest.mark.parametrize(
    ("which", "cli"),
    [("AWS_EC2_METADATA_SERVICE_ENDPOINT", AWS_V1), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AWS_V2)],
    ids=["instance, v1", "container, v2"],
)
def test_git_clones_and_pushes_through_the_stock_helper(
    new_person: NewPerson, service: Service, variables: dict[str, str], which: str, cli: AwsCli
) -> None:
    name = f"from-{cli.name}-{which[:7].lower().strip('_')}"
    service.create_repository(name)
    person = on_the_machine(new_person(cli), variables, which)
    person.use_the_aws_helper()
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", service.url(name), "work")
    work = person.home / "work"
    person.commit(work)
    person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    found = service.client("codecommit").get_branch(repositoryName=name, branchName="main")
    assert found["branch"]["commitId"] == person.ok("git", "rev-parse", "HEAD", cwd=work).strip()


def test_a_deny_on_the_role_bites_at_the_next_request(
    new_person: NewPerson, service: Service, variables: dict[str, str]
) -> None:
    service.create_repository("denied")
    person = on_the_machine(new_person(), variables, "AWS_EC2_METADATA_SERVICE_ENDPOINT")
    person.use_the_aws_helper()
    person.ok("git", "ls-remote", service.url("denied"))
    deny = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"codecommit:*","Resource":"*"}}'
    iam = service.client("iam")
    iam.put_role_policy(RoleName="Web", PolicyName="no", PolicyDocument=deny)
    try:
        said = person.refused("git", "ls-remote", service.url("denied"))
    finally:
        iam.delete_role_policy(RoleName="Web", PolicyName="no")
    assert "explicit deny" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--instance-profile", "nothing"], "has no profile 'nothing'"),
        (["--instance-profile", "empty"], "holds no role"),
        (["--instance-profile", "other"], "may not assume the role Other"),
        (["--instance-profile", "web", "--account", "999999999999"], "no open account '999999999999'"),
        (["--instance-profile", "web", "--listen", "0.0.0.0:1338"], "not a loopback address"),
        (["--instance-profile", "web", "--listen", "1338"], "is not HOST:PORT"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    service: Service, variables: dict[str, str], arguments: list[str], said: str
) -> None:
    assert variables
    iam = service.client("iam")
    if "empty" in arguments:
        iam.create_instance_profile(InstanceProfileName="empty")
    if "other" in arguments:
        iam.create_role(RoleName="Other", AssumeRolePolicyDocument=EC2_TRUST.replace("ec2.", "ecs."))
        iam.create_instance_profile(InstanceProfileName="other")
        iam.add_role_to_instance_profile(InstanceProfileName="other", RoleName="Other")
    program = Path(sys.executable).with_name("moorage")
    done = subprocess.run(
        [program, "imds", "--data", service.data, *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
