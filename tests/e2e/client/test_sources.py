"""The credential helper with every source that a served moorage can stand behind: real git clones."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dev
import pytest

from aws_home import Home
from e2e_names import POWER_USER, NewPerson
from metadata_process import EC2_TRUST, metadata
from moorage.client.sources import cache
from moorage.crypto import totp
from person import AwsCli, Person
from pretended_aws import pretending
from service_process import ACCOUNT, DOMAIN, Service

pytestmark = pytest.mark.needs("git")

HELPER = dev.ROOT / "src" / "moorage" / "client" / "credential_helper.py"
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    """The key of a user without rights of its own; and roles that it may assume, one by the other."""
    iam = service.client("iam")
    made = service.create_user("worker")
    user = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/worker"}
    gate = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/gate"}
    agreed = {"Condition": {"StringEquals": {"sts:ExternalId": "agreed-42"}}}
    with_mfa = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    for name, trust in {
        "gate": {**ASSUME, "Principal": user, **agreed},
        "build": {**ASSUME, "Principal": gate},
        "guarded": {**ASSUME, "Principal": user, **with_mfa},
        "closed": {**ASSUME, "Principal": gate},
    }.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        iam.attach_role_policy(RoleName=name, PolicyArn=POWER_USER)
    iam.put_role_policy(
        RoleName="gate", PolicyName="on", PolicyDocument=document({**ASSUME, "Resource": "*"})
    )
    service.create_repository("work")
    return made


@pytest.fixture
def person(new_person: NewPerson, service: Service, key: tuple[str, str]) -> Person:
    person = new_person()
    hosts = person.home / ".config" / "moorage" / "hosts"
    hosts.parent.mkdir(parents=True)
    hosts.write_text(f"*.{DOMAIN}:{service.port}\n")
    folder = person.home / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[worker]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n"
    )
    return person


def use_helper(person: Person, *options: str) -> None:
    words = [sys.executable, "-I", "-S", str(HELPER), *options]
    person.git_global("credential.helper", f"!{shlex.join(words)}")
    person.git_global("credential.useHttpPath", "true")


def write_config(person: Person, **profiles: dict[str, str]) -> None:
    with (person.home / ".aws" / "config").open("a") as file:
        for name, settings in profiles.items():
            lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
            file.write(f"[profile {name}]\nregion = us-east-2\n{lines}")


def role(name: str, **settings: str) -> dict[str, str]:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    return {"role_arn": arn, "source_profile": "worker", **settings}


def clone(person: Person, service: Service) -> None:
    person.ok("git", "clone", "--quiet", service.url("work"), f"clone-{len(list(person.home.iterdir()))}")


def caller(person: Person, profile: str) -> str:
    answer = json.loads(person.aws("sts", "get-caller-identity", "--profile", profile))
    return str(answer["Arn"]).rpartition("/")[2]


def kept(person: Person) -> dict[str, bytes]:
    folder = person.home / ".aws" / "cli" / "cache"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_chain_of_roles_clones_and_pushes_and_the_aws_cli_finds_it_kept(
    person: Person, service: Service
) -> None:
    write_config(
        person,
        gate=role("gate", external_id="agreed-42"),
        build=role("build", source_profile="gate"),
    )
    use_helper(person, "--profile", "build")
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", service.url("work"), "clone")
    person.commit(person.home / "clone")
    person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=person.home / "clone")
    found = kept(person)
    assert len(found) == 2
    assert caller(person, "build").startswith("moorage-")
    assert kept(person) == found


def test_a_role_that_the_aws_cli_has_assumed_serves_the_helper(person: Person, service: Service) -> None:
    write_config(person, gate=role("gate", external_id="agreed-42"))
    assert caller(person, "gate").startswith("botocore-session-")
    found = kept(person)
    use_helper(person, "--profile", "gate")
    clone(person, service)
    assert kept(person) == found


def test_what_sts_says_is_told_by_git(person: Person, service: Service) -> None:
    write_config(person, closed=role("closed"))
    use_helper(person, "--profile", "closed")
    said = person.refused("git", "ls-remote", service.url("work"))
    assert f"profile closed assumes arn:aws:iam::{ACCOUNT}:role/closed: STS says AccessDenied: User: " in said
    assert "is not authorized to perform: sts:AssumeRole" in said


def test_a_role_that_asks_for_mfa_says_where_to_type_the_code_and_then_works(
    person: Person, service: Service
) -> None:
    iam = service.client("iam")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    secret, step = base64.b32decode(device["Base32StringSeed"]), totp.step_at(datetime.now(UTC))
    serial = device["SerialNumber"]
    iam.enable_mfa_device(
        UserName="worker",
        SerialNumber=serial,
        AuthenticationCode1=totp.code(secret, step - 1),
        AuthenticationCode2=totp.code(secret, step),
    )
    write_config(person, guarded=role("guarded", mfa_serial=serial))
    use_helper(person, "--profile", "guarded")
    said = person.refused("git", "ls-remote", service.url("work"))
    assert f"profile guarded needs a code of the MFA device {serial}" in said
    assert "run `aws sts get-caller-identity --profile guarded`" in said
    person.ok(
        "aws", "sts", "get-caller-identity", "--profile", "guarded",
        stdin=totp.code(secret, step + 1) + "\n",
    )  # fmt: skip
    clone(person, service)


def test_a_program_brings_a_session_and_a_profile_may_have_any_name(
    person: Person, service: Service, key: tuple[str, str]
) -> None:
    answer = service.client("sts", key=key).assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/gate", RoleSessionName="nightly", ExternalId="agreed-42"
    )
    brought = person.home / "what it brings.json"
    brought.write_text(json.dumps({"Version": 1, **answer["Credentials"]}, default=str))
    write_config(person, **{"'it is $(date) here'": {"credential_process": f"/bin/cat '{brought}'"}})
    use_helper(person, "--profile", "it is $(date) here")
    clone(person, service)


@pytest.fixture(scope="module")
def variables(service: Service, key: tuple[str, str]) -> Iterator[dict[str, str]]:
    iam = service.client("iam")
    iam.create_role(RoleName="Web", AssumeRolePolicyDocument=EC2_TRUST)
    iam.attach_role_policy(RoleName="Web", PolicyArn=POWER_USER)
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="Web")
    with metadata(service, "--instance-profile", "web", "--region", "us-east-2") as exported:
        yield exported


@pytest.mark.parametrize("which", ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def test_a_machine_with_a_role_needs_no_profile(
    person: Person, service: Service, variables: dict[str, str], which: str
) -> None:
    person.env[which] = variables[which]
    use_helper(person)
    clone(person, service)


def test_without_any_source_git_tells_what_to_do(person: Person, service: Service) -> None:
    person.env["AWS_EC2_METADATA_DISABLED"] = "true"
    use_helper(person)
    said = person.refused("git", "ls-remote", service.url("work"))
    assert "no AWS credentials" in said
    assert "aws configure" in said


def test_the_aws_cli_v2_goes_on_with_what_an_sso_profile_has_left(tmp_path: Path, aws_v2: AwsCli) -> None:
    with pretending() as aws:
        home = Home(tmp_path / "home", aws)
        home.config(
            "[profile dev]\nsso_session = main\nsso_account_id = 111122223333\nsso_role_name = Dev\n"
            "[sso-session main]\nsso_start_url = https://start\nsso_region = eu-west-1\n"
        )
        signed_in = {"accessToken": "signed-in", "expiresAt": aws.expires}
        home.keep(cache.sso_token_key(session="main", start_url=""), signed_in, "sso", "cache")
        ours = home.key("dev", time.time())
        aws.forget()
        del home.environment["AWS_ENDPOINT_URL"]  # which it does not know
        words = ["sts", "get-caller-identity", "--profile", "dev", "--endpoint-url", aws.url]
        subprocess.run(["/bin/sh", "-c", aws_v2.script, "aws", *words], env=home.environment, check=False)
    assert [request.headers["authorization"].split("/")[0] for request in aws.requests] == [
        f"AWS4-HMAC-SHA256 Credential={ours.access_key}"
    ]
