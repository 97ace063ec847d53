"""A Git credential with plain git: no helper of AWS's, as the guide's "HTTPS Git credentials"."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from e2e_names import POWER_USER, NewPerson
from person import AwsCli, Person
from service_process import Service

pytestmark = pytest.mark.needs("git")

SERVICE = "codecommit.amazonaws.com"


class Credential:
    """A Git credential of a new IAM user, and what an administrator does to it."""

    def __init__(self, service: Service, user: str, policy: str = POWER_USER) -> None:
        service.create_user(user, policy)
        self.iam = service.client("iam")
        self.user = user
        made = self.iam.create_service_specific_credential(UserName=user, ServiceName=SERVICE)
        found = made["ServiceSpecificCredential"]
        self.key = found["ServiceSpecificCredentialId"]
        self.name, self.password = found["ServiceUserName"], found["ServicePassword"]

    def switch(self, status: str) -> None:
        self.iam.update_service_specific_credential(
            UserName=self.user, ServiceSpecificCredentialId=self.key, Status=status
        )

    def reset(self) -> str:
        made = self.iam.reset_service_specific_credential(
            UserName=self.user, ServiceSpecificCredentialId=self.key
        )
        password: str = made["ServiceSpecificCredential"]["ServicePassword"]
        return password

    def within(self, url: str, password: str | None = None) -> str:
        return url.replace("https://", f"https://{quote(self.name)}:{quote(password or self.password)}@")


@pytest.fixture
def plain(new_person: NewPerson) -> Person:
    person = new_person()
    person.name_in_commits()
    return person


def test_git_asks_for_name_and_password_once_and_pushes(plain: Person, service: Service) -> None:
    url = service.create_repository("asked")
    credential = Credential(service, "asked")
    answers = plain.home / "askpass"
    answers.write_text(
        f'#!/bin/sh\ncase "$1" in Username*) echo {credential.name};; *) echo {credential.password};; esac\n'
    )
    answers.chmod(0o700)
    plain.env["GIT_ASKPASS"] = str(answers)
    plain.ok("git", "clone", "--quiet", url, "work")
    plain.commit(plain.home / "work")
    plain.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=plain.home / "work")
    plain.ok("git", "clone", "--quiet", url, "second")
    assert (plain.home / "second" / "cat.txt").exists()


def test_a_credential_in_the_store_of_git_works_in_every_region(plain: Person, service: Service) -> None:
    credential = Credential(service, "stored")
    store = plain.home / "store"
    plain.ok("git", "config", "--global", "credential.helper", f"store --file {store}")
    urls = [service.create_repository("stored", region) for region in ("us-east-2", "eu-west-1")]
    store.write_text(
        "".join(
            f"{credential.within(url).split('/v1/')[0].replace(f':{service.port}', '')}\n" for url in urls
        )
        + "".join(f"{credential.within(url).split('/v1/')[0]}\n" for url in urls)
    )
    for url in urls:
        plain.ok("git", "ls-remote", url)


def test_on_a_bare_host_the_region_is_the_default_one(plain: Person, service: Service) -> None:
    credential = Credential(service, "bare")
    service.create_repository("bare", "us-east-1")
    plain.ok("git", "ls-remote", credential.within(f"{service.endpoint}/v1/repos/bare"))


def test_a_deactivated_one_is_refused_with_its_reason_at_once(plain: Person, service: Service) -> None:
    url = service.create_repository("switched")
    credential = Credential(service, "switched")
    plain.ok("git", "ls-remote", credential.within(url))
    credential.switch("Inactive")
    said = plain.refused("git", "ls-remote", credential.within(url))
    assert f"remote: The Git credential {credential.key} of switched is refused: it is inactive" in said
    assert "Authentication failed" in said
    assert credential.password not in said.replace(credential.within(url), "")
    wrong = plain.refused("git", "ls-remote", credential.within(url, "wrong"))
    assert "inactive" not in wrong
    credential.switch("Active")
    plain.ok("git", "ls-remote", credential.within(url))


def test_a_reset_password_works_at_once_and_the_old_one_no_more(plain: Person, service: Service) -> None:
    url = service.create_repository("reset")
    credential = Credential(service, "reset")
    new = credential.reset()
    plain.ok("git", "ls-remote", credential.within(url, new))
    assert "not known here" in plain.refused("git", "ls-remote", credential.within(url))


def test_policies_bind_it_as_they_bind_the_user(plain: Person, service: Service) -> None:
    url = service.create_repository("bound")
    credential = Credential(service, "bound", "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
    plain.ok("git", "clone", "--quiet", credential.within(url), "work")
    plain.commit(plain.home / "work")
    said = plain.refused("git", "push", "origin", "HEAD:refs/heads/main", cwd=plain.home / "work")
    assert "is not authorized to perform: codecommit:GitPush" in said


def test_the_guides_commands_make_one_with_each_aws_cli(
    new_person: NewPerson, service: Service, aws_cli: AwsCli
) -> None:
    admin, plain = new_person(aws_cli), new_person()
    admin.write_profile((service.key_id, service.secret))
    user, url = f"cli-{aws_cli.name}", service.create_repository(f"cli-{aws_cli.name}")
    service.create_user(user, POWER_USER)
    named = ("--user-name", user)
    made = json.loads(
        admin.aws("iam", "create-service-specific-credential", *named, "--service-name", SERVICE)
    )["ServiceSpecificCredential"]
    login = f"https://{quote(made['ServiceUserName'])}:{quote(made['ServicePassword'])}@"
    plain.ok("git", "ls-remote", url.replace("https://", login))
    listed = json.loads(admin.aws("iam", "list-service-specific-credentials", *named))
    assert [row["Status"] for row in listed["ServiceSpecificCredentials"]] == ["Active"]
    said = admin.aws_refused(
        "iam", "create-service-specific-credential", *named, "--service-name", "s3.amazonaws.com"
    )
    assert "(NotSupportedService)" in said


def test_no_password_is_in_the_log_or_the_database(plain: Person, service: Service) -> None:
    url = service.create_repository("canary")
    credential = Credential(service, "canary")
    plain.ok("git", "ls-remote", credential.within(url))
    plain.refused("git", "ls-remote", credential.within(url, f"{credential.password}x"))
    assert credential.password not in service.log
    for file in service.data.glob("moorage.db*"):
        assert credential.password.encode() not in file.read_bytes()
