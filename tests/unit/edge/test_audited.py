"""What the audit keeps of a refusal: enough to explain it when nobody remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from identities_at_hand import ACCOUNT
from moorage.core.faults import Fault
from moorage.edge import audited
from repositories_at_hand import REGION, Desk

ARN = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"
ALLOW = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
GUARD = {
    "Sid": "Guard",
    "Effect": "Deny",
    "Action": "codecommit:GetRepository",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}},
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(tmp_path)
    made.repository("demo", tags={"team": "red"})
    yield made
    made.close()


def refused(desk: Desk) -> Fault:
    with pytest.raises(Fault) as caught:
        desk.ask("GetRepository", repositoryName="demo")
    return caught.value


def test_a_denial_is_kept_with_what_was_asked_and_the_statement_that_decided(desk: Desk) -> None:
    mary = desk.of_user("mary", ALLOW, GUARD)
    event = audited.refusal(mary.caller, "codecommit:GetRepository", [ARN], refused(mary))
    assert (event.outcome, event.resource_arn, event.request_id) == ("denied", ARN, mary.caller.request_id)
    detail = json.loads(event.detail)
    assert detail["asked"]["action"] == "codecommit:GetRepository"
    assert detail["asked"]["resource"] == ARN
    assert detail["asked"]["context"]["aws:ResourceTag/team"] == ["red"]
    assert detail["asked"]["context"]["aws:username"] == ["mary"]
    assert detail["policy"] == "inline policy tests of user mary"
    assert (detail["decision"], detail["layer"]) == ("explicit deny", "identity-based policy")
    assert detail["statement"] == "Guard"


def test_a_denial_of_the_key_is_kept_as_what_it_was_a_question_to_kms(desk: Desk) -> None:
    mary = desk.of_user("mary", ALLOW, {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"})
    event = audited.refusal(mary.caller, "codecommit:GetRepository", [ARN], refused(mary))
    detail = json.loads(event.detail)
    assert event.outcome == "denied"
    assert detail["asked"]["action"] == "kms:Decrypt"
    assert ":kms:" in detail["asked"]["resource"]
    assert detail["statement"] == 2


def test_a_failure_that_no_policy_decided_has_no_statement(desk: Desk) -> None:
    fault = Fault("RepositoryDoesNotExistException", "x" * 5_000)
    event = audited.refusal(desk.caller, "codecommit:GetRepository", [], fault)
    detail = json.loads(event.detail)
    assert (event.outcome, event.resource_arn) == ("failed", "*")
    assert len(detail["errorMessage"]) == 1024
    assert "statement" not in detail


def test_a_push_keeps_the_refs_that_were_refused_and_the_first_denial(desk: Desk) -> None:
    mary = desk.of_user("mary", ALLOW, GUARD)
    names = {b"refs/heads/%d" % number: "no" for number in range(60)}
    event = audited.refused_refs(mary.caller, "codecommit:GitPush", ARN, names, [refused(mary)])
    detail = json.loads(event.detail)
    assert (event.outcome, detail["refsRefused"], len(detail["refs"])) == ("denied", 60, 50)
    assert detail["statement"] == "Guard"
    stale = audited.refused_refs(mary.caller, "codecommit:GitPush", ARN, {b"refs/heads/a": "stale"}, [])
    assert (stale.outcome, json.loads(stale.detail)["refs"]) == ("failed", {"refs/heads/a": "stale"})
