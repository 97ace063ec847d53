from __future__ import annotations

import json
from datetime import UTC, datetime

from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.core.principal import Caller, anonymous
from moorage.edge import audited

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOBODY = Caller(anonymous("aws"), "us-east-2", "request-1", NOW, source_ip="192.0.2.1")
ROLE = "arn:aws:iam::111122223333:role/ci"
SESSION = "arn:aws:sts::111122223333:assumed-role/ci/job"
ACTION = "sts:AssumeRoleWithWebIdentity"


def test_a_session_for_a_providers_person_is_told_in_the_roles_account() -> None:
    result = {
        "AssumedRoleUser": {"Arn": SESSION},
        "SubjectFromWebIdentityToken": "job-1",
        "Provider": "arn:aws:iam::111122223333:oidc-provider/issuer.example.org",
        "Credentials": {"SecretAccessKey": "canary", "SessionToken": "canary"},
    }
    event = audited.assumed(NOBODY, ACTION, {"RoleArn": ROLE, "WebIdentityToken": "canary"}, result)
    assert (event.account_id, event.principal_arn, event.resource_arn) == ("111122223333", SESSION, ROLE)
    assert (event.outcome, event.source_ip) == ("allowed", "192.0.2.1")
    assert json.loads(event.detail)["subject"] == "job-1"
    assert "canary" not in event.detail


def test_only_whom_a_provider_vouched_for_leaves_a_row_when_refused() -> None:
    junk = Fault("InvalidIdentityToken", "Response signature invalid")
    assert audited.unsigned_refusal(NOBODY, ACTION, {"RoleArn": ROLE}, junk) is None
    refused = Fault(ACCESS_DENIED, "Not authorized", status=403, vouched_for="111122223333", why="no trust")
    event = audited.unsigned_refusal(NOBODY, ACTION, {"RoleArn": ROLE}, refused)
    assert event is not None
    assert (event.account_id, event.outcome, event.resource_arn) == ("111122223333", "denied", ROLE)
    assert json.loads(event.detail)["reason"] == "no trust"
