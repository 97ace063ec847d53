"""A refusal's request id, as its user sees it, is all that an administrator needs to explain it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e_names import POWER_USER, NewPerson
from person import AwsCli, Person
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")
REPOSITORY = "guarded"
ARN = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:{REPOSITORY}"
MARY = f"arn:aws:iam::{ACCOUNT}:user/mary"
GUARD = {
    "Sid": "GuardMain",
    "Effect": "Deny",
    "Action": "codecommit:GitPush",
    "Resource": ARN,
    "Condition": {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
        "Null": {"codecommit:References": "false"},
    },
}
NO_PULL = {"Sid": "NoPull", "Effect": "Deny", "Action": "codecommit:GitPull", "Resource": ARN}
REQUEST_ID = re.compile(r"request id: ([0-9a-f-]{36})")
WITHIN_SECONDS = 10


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository(REPOSITORY)
    return service.create_user("mary", POWER_USER)


@pytest.fixture
def mary(new_person: NewPerson, key: tuple[str, str], service: Service) -> Person:
    put(service)
    person = new_person()
    person.write_profile(key)
    person.use_a_quick_helper(key)
    person.name_in_commits()
    return person


def put(service: Service, *statements: dict[str, Any]) -> None:
    """Give mary these statements besides what a power user may."""
    iam = service.client("iam")
    harmless = {"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": ARN}
    document = {"Version": "2012-10-17", "Statement": [harmless, *statements]}
    iam.put_user_policy(UserName="mary", PolicyName="guard", PolicyDocument=json.dumps(document))


def why(service: Service, *arguments: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("moorage")), "why", *arguments, "--data", str(service.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def explained(service: Service, said: str) -> str:
    """Explain the request whose id a client printed; its record is written within a second."""
    found = REQUEST_ID.search(said)
    assert found is not None, said
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        status, text = why(service, "--request", found[1])
        if status == 1 or time.monotonic() > deadline:
            assert status == 1, text
            return text


def test_a_refused_clone_is_explained(mary: Person, service: Service) -> None:
    put(service, NO_PULL)
    said = mary.refused("git", "clone", service.url(REPOSITORY), "work")
    assert "remote: request id: " in said
    text = explained(service, said)
    assert f"principal: {MARY}\naction:    codecommit:GitPull\nresource:  {ARN}\n" in text
    assert "policy:    inline policy guard of user mary, statement NoPull\n" in text


def test_a_refused_ref_of_a_push_is_explained_and_the_question_has_the_same_answer(
    mary: Person, service: Service
) -> None:
    mary.ok("git", "clone", "--quiet", service.url(REPOSITORY), "work")
    folder = mary.home / "work"
    mary.ok("git", "checkout", "--quiet", "-B", "main", cwd=folder)
    mary.commit(folder)
    put(service, GUARD)
    said = mary.refused("git", "push", "origin", "main", cwd=folder)
    assert "remote: request id: " in said
    text = explained(service, said)
    assert "ref refs/heads/main: " in text
    assert "statement GuardMain" in text
    asked = (MARY, "codecommit:GitPush", ARN, "--context", "codecommit:References=refs/heads/main")
    status, answer = why(service, *asked)
    assert (status, 'remove statement "GuardMain"' in answer) == (1, True)
    put(service)
    assert why(service, *asked)[0] == 0
    mary.ok("git", "push", "--quiet", "origin", "main", cwd=folder)


def test_a_refused_api_call_is_explained_and_simulated_alike(service: Service, key: tuple[str, str]) -> None:
    put(service)
    with pytest.raises(ClientError) as caught:
        service.client("codecommit", key=key).delete_repository(repositoryName=REPOSITORY)
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    text = explained(service, f"request id: {request_id}")
    assert "action:    codecommit:DeleteRepository\n" in text
    assert "because no identity-based policy allows the codecommit:DeleteRepository action" in text
    (result,) = service.client("iam").simulate_principal_policy(
        PolicySourceArn=MARY, ActionNames=["codecommit:DeleteRepository"], ResourceArns=[ARN]
    )["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"


def test_each_build_of_the_aws_cli_simulates(
    service: Service, key: tuple[str, str], new_person: NewPerson, aws_cli: AwsCli
) -> None:
    put(service, NO_PULL)
    assert key
    root = new_person(aws_cli)
    root.write_profile((service.key_id, service.secret))
    words = ("--action-names", "codecommit:GitPull", "codecommit:GitPush", "--resource-arns", ARN)
    query = ("--query", "EvaluationResults[].EvalDecision", "--output", "text")
    said = root.aws("iam", "simulate-principal-policy", "--policy-source-arn", MARY, *words, *query)
    assert said.split() == ["explicitDeny", "allowed"]
    keys = root.aws(
        "iam", "get-context-keys-for-custom-policy", "--output", "text", "--policy-input-list",
        json.dumps({"Version": "2012-10-17", "Statement": [GUARD]}),
    )  # fmt: skip
    assert keys.split() == ["CONTEXTKEYNAMES", "codecommit:References"]
