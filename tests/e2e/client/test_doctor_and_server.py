"""`moorage doctor` against a live server: a healthy machine has no finding, and a refusal its reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from e2e_names import POWER_USER, NewPerson
from moorage.client.doctor import policies, probing, reading, report
from moorage.client.machine import ThisMachine
from moorage.client.setup import command
from moorage.client.setup.options import Options
from person import VENV_BIN, Person
from service_process import Service

pytestmark = pytest.mark.needs("git")

NO_READING = {"Sid": "NotYours", "Effect": "Deny", "Action": "codecommit:GitPull", "Resource": "*"}
NO_PUSHING = {"Sid": "ReadOnly", "Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*"}
GUARD = {
    "Sid": "GuardMain",
    "Effect": "Deny",
    "Action": ["codecommit:GitPush", "codecommit:PutFile", "codecommit:DeleteBranch"],
    "Resource": "*",
    "Condition": {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
        "Null": {"codecommit:References": "false"},
    },
}


class Silent:
    def ask(self, question: str) -> str | None:
        raise AssertionError(f"asked {question!r}")

    def say(self, text: str = "") -> None:
        del text


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository("demo")
    return service.create_user("mary", POWER_USER, "arn:aws:iam::aws:policy/IAMReadOnlyAccess")


@pytest.fixture
def mary(new_person: NewPerson, key: tuple[str, str], service: Service) -> Person:
    """Has set up her machine for the server."""
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        person.env.pop(name, None)
    person.write_profile(key)
    (person.home / ".aws" / "credentials").chmod(0o600)
    # No AWS CLI: it is not needed, and doctor would start it to ask its version.
    programs = person.home / "programs"
    programs.mkdir()
    (programs / "git").symlink_to("/usr/bin/git")
    person.env["PATH"] = str(programs)
    machine = ThisMachine(person.env, folder=person.home)
    command.run(Options(url=service.url("demo"), ca=service.ca, yes=True, check=False), machine, Silent())
    return person


def deny(service: Service, *statements: object) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    service.client("iam").put_user_policy(UserName="mary", PolicyName="Deny", PolicyDocument=document)


def found(person: Person, url: str, *, own: bool = False) -> dict[str, str]:
    machine = ThisMachine(person.env, folder=person.home)
    facts = reading.read(machine, url)
    facts = replace(facts, probes=probing.probes(machine, facts))
    findings = [*report.diagnose(facts), *policies.findings(machine, facts, [], own=own)]
    return {each.id: each.evidence for each in findings}


def test_a_machine_that_is_set_up_has_no_finding(mary: Person, service: Service) -> None:
    assert found(mary, service.url("demo")) == {}
    told = mary.ok(VENV_BIN / "moorage", "doctor", "--policies")  # every host that is set up
    assert "nothing is wrong" in told


def test_refusals_are_told_in_the_servers_words(mary: Person, service: Service) -> None:
    deny(service, NO_PUSHING)
    assert "ReadOnly" in found(mary, service.url("demo"))["push-denied"]
    deny(service, NO_READING)
    assert "NotYours" in found(mary, service.url("demo"))["access-denied"]
    service.client("iam").delete_user_policy(UserName="mary", PolicyName="Deny")
    assert "nothing does not exist" in found(mary, service.url("nothing"))["repository-unknown"]
    mary.write_profile(("AKIAUNKNOWN000000000", "x" * 40), profile="unknown")
    mary.env["AWS_PROFILE"] = "unknown"
    told = found(mary, service.url("demo"))
    assert "AKIAUNKNOWN000000000" in told["signature-refused"]


def test_a_ca_that_git_does_not_know_is_named(mary: Person, service: Service) -> None:
    mary.env["GIT_SSL_CAINFO"] = "/etc/ssl/certs/ca-certificates.crt"
    told = found(mary, service.url("demo"))
    assert "GIT_SSL_CAINFO" in told["certificate-refused"]
    assert "issued by moorage local CA" in told["certificate-refused"]


def test_the_callers_own_policies_are_read_from_the_server(mary: Person, service: Service) -> None:
    deny(service, GUARD)
    told = found(mary, service.url("demo"), own=True)
    service.client("iam").delete_user_policy(UserName="mary", PolicyName="Deny")
    assert told == {"guard-forgets-actions": "statement 1 (GuardMain) of inline policy Deny of user mary"}
