"""Temporary credentials with stock tools: role profiles, credential_process, MFA, federation, expiry."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from e2e_names import NewPerson
from moorage.crypto import totp
from person import AWS_V1, AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import ACCOUNT, Service, serving

pytestmark = pytest.mark.needs("git")

numbers = itertools.count(1)
PULL_AND_PUSH = ["codecommit:GitPull", "codecommit:GitPush"]
LONG = 2_000  # characters of a token as large as AWS's


def fresh(kind: str) -> str:
    return f"{kind}-{next(numbers)}"


def document(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


class Cast:
    """A user without rights of its own, a role that it may assume, and a repository that the role may use."""

    def __init__(self, service: Service, **trust: object) -> None:
        self.service, self.iam = service, service.client("iam")
        self.user, self.role, self.repository = fresh("user"), fresh("role"), fresh("repo")
        service.create_repository(self.repository)
        self.key = service.create_user(self.user)
        principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{self.user}"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **trust}
        made = self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=document(statement))
        self.role_arn: str = made["Role"]["Arn"]
        rights = document(allow(*PULL_AND_PUSH))
        self.iam.put_role_policy(RoleName=self.role, PolicyName="rights", PolicyDocument=rights)

    def permit_user(self, *statements: Mapping[str, object]) -> None:
        self.iam.put_user_policy(
            UserName=self.user, PolicyName="rights", PolicyDocument=document(*statements)
        )

    def sts(self, key: tuple[str, str] | None = None) -> Any:
        return self.service.client("sts", key=key or self.key)

    @property
    def url(self) -> str:
        return self.service.url(self.repository)


def in_variables(credentials: Mapping[str, str]) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
        "AWS_DEFAULT_REGION": "us-east-2",
    }


def clone_and_push(person: Person, url: str, **more: Any) -> Path:
    clone = person.home / fresh("clone")
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", url, clone, **more)
    person.commit(clone, f"{clone.name}.txt")
    person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=clone, **more)
    return clone


def configure_role(person: Person, cast: Cast, **more: str) -> None:
    """Write the profile of the guide: a role, and the profile whose key assumes it."""
    person.write_profile(cast.key)
    lines = {"role_arn": cast.role_arn, "source_profile": "default", "region": "us-east-2", **more}
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    with (person.home / ".aws" / "config").open("a") as file:
        file.write(f"\n[profile build]\n{text}")


@pytest.fixture
def person(new_person: NewPerson, aws_cli: AwsCli) -> Person:
    return new_person(aws_cli)


@pytest.fixture
def one_person(new_person: NewPerson, aws_v2: AwsCli) -> Person:
    """For what no build of the AWS CLI does otherwise than another."""
    return new_person(aws_v2)


SHORT_V1_AND_V2_NEW = [(AWS_V1, 0), (AWS_V2, LONG), (AWS_V2_NEW, 0)]
LONG_V1_AND_V2_NEW = [(AWS_V1, LONG), (AWS_V2, 0), (AWS_V2_NEW, LONG)]


def with_tokens(pairs: list[tuple[AwsCli, int]]) -> pytest.MarkDecorator:
    """Each build of the AWS CLI with one size of token; over the tests each build has both."""
    names = [f"{cli.name}-{'long' if characters else 'short'}" for cli, characters in pairs]
    return pytest.mark.parametrize(("aws_cli", "characters"), pairs, indirect=["aws_cli"], ids=names)


@pytest.fixture(params=["v1", "v2-new"])
def role_person(request: pytest.FixtureRequest, new_person: NewPerson) -> Person:
    """A person whose AWS CLI finds STS by AWS_ENDPOINT_URL when a profile names a role; 2.9.19 cannot."""
    return new_person(request.getfixturevalue({"v1": "aws_v1", "v2-new": "aws_v2_new"}[request.param]))


def test_a_profile_with_a_role_clones_and_pushes_through_the_helper(
    role_person: Person, service: Service
) -> None:
    cast = Cast(service)
    configure_role(role_person, cast)
    role_person.use_the_aws_helper("--profile build")
    clone_and_push(role_person, cast.url)
    said = json.loads(role_person.aws("sts", "get-caller-identity", "--profile", "build"))
    assert said["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{cast.role}/")
    # The user itself may not: its rights are the role's.
    role_person.use_the_aws_helper()
    assert "not authorized" in role_person.refused("git", "ls-remote", cast.url)


def test_a_role_profile_works_with_git_remote_codecommit(one_person: Person, service: Service) -> None:
    cast = Cast(service)
    configure_role(one_person, cast)
    one_person.env["CODE_COMMIT_ENDPOINT"] = f"localhost:{service.port}"
    one_person.env["AWS_ENDPOINT_URL"] = service.endpoint
    clone_and_push(one_person, f"codecommit://build@{cast.repository}")


@pytest.mark.parametrize("role_person", ["v2-new"], indirect=True)
def test_an_external_id_is_part_of_the_profile(role_person: Person, service: Service) -> None:
    cast = Cast(service, Condition={"StringEquals": {"sts:ExternalId": "agreed-42"}})
    configure_role(role_person, cast, external_id="agreed-42")
    role_person.use_the_aws_helper("--profile build")
    clone_and_push(role_person, cast.url)
    refusal = role_person.aws_refused(
        *("sts", "assume-role", "--role-arn", cast.role_arn, "--role-session-name", "nightly")
    )
    assert "AccessDenied" in refusal
    assert "sts:AssumeRole" in refusal


def test_a_credential_process_brings_a_roles_credentials(person: Person, service: Service) -> None:
    cast = Cast(service)
    person.write_profile(cast.key)
    asking = ("sts", "assume-role", "--role-arn", cast.role_arn, "--role-session-name", "nightly")
    answer = json.loads(person.aws(*asking))
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{cast.role}/nightly"
    script = person.home / "fetch"
    words = shlex.join(["aws", "--endpoint-url", service.endpoint, "--profile", "default", *asking])
    script.write_text(
        f"#!/bin/sh\n{words} --query Credentials --output json | sed '1s/{{/{{\"Version\": 1,/'\n"
    )
    script.chmod(0o700)
    with (person.home / ".aws" / "config").open("a") as file:
        file.write(f"\n[profile build]\ncredential_process = {script}\nregion = us-east-2\n")
    person.use_the_aws_helper("--profile build")
    clone_and_push(person, cast.url)


def test_a_credential_process_may_bring_a_token_as_large_as_awss(
    one_person: Person, service: Service
) -> None:
    cast = Cast(service)
    credentials = cast.sts().assume_role(
        RoleArn=cast.role_arn, RoleSessionName="nightly", MinimumSessionTokenSize=LONG
    )["Credentials"]
    assert len(credentials["SessionToken"]) >= LONG
    brought = one_person.home / "brought.json"
    brought.write_text(json.dumps({"Version": 1, **credentials}, default=str))
    one_person.write_profile(cast.key)
    with (one_person.home / ".aws" / "config").open("a") as file:
        file.write(f"\n[profile build]\ncredential_process = cat {brought}\nregion = us-east-2\n")
    one_person.use_the_aws_helper("--profile build")
    clone_and_push(one_person, cast.url)


@with_tokens(SHORT_V1_AND_V2_NEW)
def test_a_session_token_with_mfa_opens_what_asks_for_mfa(
    person: Person, service: Service, characters: int
) -> None:
    cast = Cast(service)
    cast.permit_user(allow(*PULL_AND_PUSH, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    name = fresh("phone")
    device = cast.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    secret = base64.b32decode(device["Base32StringSeed"])
    step = totp.step_at(datetime.now(UTC))
    cast.iam.enable_mfa_device(
        UserName=cast.user,
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1=totp.code(secret, step - 1),
        AuthenticationCode2=totp.code(secret, step),
    )
    code = totp.code(secret, step + 1)
    person.write_profile(cast.key)
    if characters == 0:
        asked = ("--serial-number", device["SerialNumber"], "--token-code", code)
        answer = json.loads(person.aws("sts", "get-session-token", *asked))
    else:  # the command lines do not know the parameter yet
        answer = cast.sts().get_session_token(
            SerialNumber=device["SerialNumber"], TokenCode=code, MinimumSessionTokenSize=characters
        )
    shown = answer["Credentials"]
    assert len(shown["SessionToken"]) >= characters
    person.use_the_aws_helper()
    assert "not authorized" in person.refused("git", "ls-remote", cast.url)
    clone_and_push(person, cast.url, env=in_variables(shown))


def test_get_session_token_is_read_by_each_cli(person: Person, service: Service) -> None:
    person.write_profile(Cast(service).key)
    answer = json.loads(person.aws("sts", "get-session-token", "--duration-seconds", "900"))
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")


@with_tokens(LONG_V1_AND_V2_NEW)
def test_a_role_session_in_variables_serves_every_client(
    person: Person, service: Service, characters: int
) -> None:
    cast = Cast(service)
    answer = cast.sts().assume_role(
        RoleArn=cast.role_arn, RoleSessionName="nightly", MinimumSessionTokenSize=characters
    )
    person.env |= in_variables(answer["Credentials"])
    person.use_the_aws_helper()
    clone_and_push(person, cast.url)
    person.env["CODE_COMMIT_ENDPOINT"] = f"localhost:{service.port}"
    clone_and_push(person, f"codecommit::us-east-2://{cast.repository}")


@with_tokens(SHORT_V1_AND_V2_NEW)
def test_a_federated_user_does_what_the_policy_leaves(
    person: Person, service: Service, characters: int
) -> None:
    cast = Cast(service)
    cast.permit_user(allow(*PULL_AND_PUSH, "sts:GetFederationToken"))
    person.write_profile(cast.key)
    pull = document(allow("codecommit:GitPull"))
    if characters == 0:
        said = json.loads(person.aws("sts", "get-federation-token", "--name", "guest", "--policy", pull))
    else:
        said = cast.sts().get_federation_token(Name="guest", Policy=pull, MinimumSessionTokenSize=characters)
    credentials = said["Credentials"]
    person.use_the_aws_helper()
    clone = clone_and_push(person, cast.url)
    guest = in_variables(credentials)
    person.ok("git", "fetch", cwd=clone, env=guest)
    person.commit(clone, "more.txt")
    refusal = person.refused("git", "push", "origin", "HEAD:refs/heads/main", cwd=clone, env=guest)
    assert f"arn:aws:sts::{ACCOUNT}:federated-user/guest is not authorized" in refusal
    assert "session policy" in refusal


def test_a_deleted_role_ends_its_sessions_at_the_next_request(one_person: Person, service: Service) -> None:
    cast = Cast(service)
    answer = cast.sts().assume_role(RoleArn=cast.role_arn, RoleSessionName="nightly")
    one_person.env |= in_variables(answer["Credentials"])
    one_person.use_the_aws_helper()
    one_person.ok("git", "ls-remote", cast.url)
    trust = cast.iam.get_role(RoleName=cast.role)["Role"]["AssumeRolePolicyDocument"]
    cast.iam.delete_role_policy(RoleName=cast.role, PolicyName="rights")
    cast.iam.delete_role(RoleName=cast.role)
    cast.iam.create_role(RoleName=cast.role, AssumeRolePolicyDocument=json.dumps(trust))
    rights = document(allow(*PULL_AND_PUSH))
    cast.iam.put_role_policy(RoleName=cast.role, PolicyName="rights", PolicyDocument=rights)
    one_person.refused("git", "ls-remote", cast.url)
    assert "InvalidClientTokenId" in one_person.aws_refused("sts", "get-caller-identity")


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path, "--test-mode") as up:
        yield up


def shift(service: Service, seconds: int) -> None:
    request = urllib.request.Request(
        f"{service.endpoint}/_moorage/clock",
        data=json.dumps({"shiftSeconds": seconds}).encode(),
        headers={"X-Moorage-Test": "1"},
    )
    context = ssl.create_default_context(cafile=str(service.ca))
    with urllib.request.urlopen(request, context=context):
        pass


def test_a_session_expires_and_git_is_told_to_renew(tmp_path: Path, timed: Service) -> None:
    cast = Cast(timed)
    # Signatures are made by this machine's clock, so the server's may only differ so much from it: the
    # session is opened by a clock four minutes slow, and over when that clock is twelve minutes fast.
    shift(timed, -240)
    answer = cast.sts().assume_role(RoleArn=cast.role_arn, RoleSessionName="nightly", DurationSeconds=900)
    person = Person(tmp_path / "home", AWS_V1, timed)
    person.env |= in_variables(answer["Credentials"])
    person.use_the_aws_helper()
    shift(timed, 600)
    person.ok("git", "ls-remote", cast.url)
    shift(timed, 720)
    refusal = person.refused("git", "ls-remote", cast.url)
    assert "expired at" in refusal
    assert "Run the command again" in refusal
