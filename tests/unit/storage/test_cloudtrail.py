"""An audit row as CloudTrail's record: who it says that it was, and what was asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.core.arn import Arn
from moorage.core.principal import Caller, Principal, PrincipalKind, Session
from moorage.storage import audit, cloudtrail
from moorage.storage.audit import AuditEvent

ACCOUNT = "111122223333"
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/ci"


def caller(kind: PrincipalKind, arn: str, unique_id: str, **more: Any) -> Caller:
    principal = Principal(kind, Arn(arn), ACCOUNT, "aws", unique_id, access_key_id="ASIAEXAMPLE", **more)
    return Caller(principal, "us-east-2", "request-1", NOW, source_ip="192.0.2.7", user_agent="aws-cli/1")


def session(issuer: str, issuer_id: str, **more: Any) -> Session:
    return Session(NOW, NOW, Arn(issuer), issuer_id, **more)


def record(asked: Caller, action: str = "codecommit:GetRepository", **detail: object) -> dict[str, Any]:
    return cloudtrail.record(
        audit.event(asked, action, f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo", 0, "allowed", **detail)
    )


USER = caller("user", f"arn:aws:iam::{ACCOUNT}:user/a/mary", "AIDAEXAMPLE", user_name="mary")


def test_a_record_has_the_members_of_its_version() -> None:
    asked = caller("user", f"arn:aws:iam::{ACCOUNT}:user/mary", "AIDAEXAMPLE", user_name="mary")
    asked.facts.parameters = {"repositoryName": "demo"}
    told = record(asked)
    assert len(told.pop("eventID")) == 36
    assert told == {
        "eventVersion": "1.05",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/mary",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE",
            "userName": "mary",
        },
        "eventTime": "1970-01-01T00:00:00Z",
        "eventSource": "codecommit.amazonaws.com",
        "eventName": "GetRepository",
        "awsRegion": "us-east-2",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/1",
        "requestParameters": {"repositoryName": "demo"},
        "responseElements": None,
        "requestID": "request-1",
        "readOnly": True,
        "resources": [
            {
                "ARN": f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo",
                "accountId": ACCOUNT,
                "type": "AWS::CodeCommit::Repository",
            }
        ],
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        "apiVersion": "2015-04-13",
    }


@pytest.mark.parametrize(
    ("asked", "kind", "issuer"),
    [
        (caller("root", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT), "Root", None),
        (USER, "IAMUser", None),
        (
            caller(
                "role-session",
                f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/job",
                "AROAEXAMPLE:job",
                session=session(ROLE, "AROAEXAMPLE", mfa_authenticated_at=NOW, source_identity="li"),
            ),
            "AssumedRole",
            {
                "type": "Role",
                "principalId": "AROAEXAMPLE",
                "arn": ROLE,
                "accountId": ACCOUNT,
                "userName": "ci",
            },
        ),
        (
            caller(
                "federated-user",
                f"arn:aws:sts::{ACCOUNT}:federated-user/li",
                f"{ACCOUNT}:li",
                session=session(f"arn:aws:iam::{ACCOUNT}:user/mary", "AIDAEXAMPLE"),
            ),
            "FederatedUser",
            {
                "type": "IAMUser",
                "principalId": "AIDAEXAMPLE",
                "arn": f"arn:aws:iam::{ACCOUNT}:user/mary",
                "accountId": ACCOUNT,
                "userName": "mary",
            },
        ),
    ],
)
def test_every_kind_of_principal_is_told(asked: Caller, kind: str, issuer: dict[str, str] | None) -> None:
    told = record(asked)["userIdentity"]
    assert (told["type"], told["arn"]) == (kind, asked.principal.arn)
    assert told.get("sessionContext", {}).get("sessionIssuer") == issuer


def test_a_session_tells_its_mfa_and_its_source() -> None:
    made = session(
        ROLE, "AROAEXAMPLE", mfa_authenticated_at=NOW, source_identity="li", provider="idp.example.org"
    )
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/job"
    told = record(caller("role-session", arn, "AROAEXAMPLE:job", session=made))["userIdentity"][
        "sessionContext"
    ]
    assert told["attributes"] == {"creationDate": "2026-11-25T03:00:00Z", "mfaAuthenticated": "true"}
    assert told["sourceIdentity"] == "li"
    assert told["webIdFederationData"] == {"federatedProvider": "idp.example.org", "attributes": {}}


def test_members_begin_small_and_keys_of_maps_stay() -> None:
    asked = caller("root", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    asked.facts.parameters = {"KeyId": "k", "EncryptionContext": {"Team": "Blue"}, "Tags": [{"TagKey": "A"}]}
    assert record(asked, "kms:Decrypt")["requestParameters"] == {
        "keyId": "k",
        "encryptionContext": {"Team": "Blue"},
        "tags": [{"tagKey": "A"}],
    }


def test_what_older_rows_and_strangers_left_is_told_too() -> None:
    for arn, kind in (
        (f"arn:aws:iam::{ACCOUNT}:user/mary", "IAMUser"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/job", "AssumedRole"),
        ("", "Unknown"),
        ("ec2.amazonaws.com", "AWSService"),
    ):
        row = AuditEvent("", "", 0, "codecommit:GitPull", arn, "*", "192.0.2.7", "denied", "{}")
        told = cloudtrail.record(row)
        assert told["userIdentity"]["type"] == kind
        assert (told["resources"], told["errorCode"]) == ([], "AccessDenied")


def test_a_push_that_failed_tells_each_refs_reason() -> None:
    row = audit.event(USER, "codecommit:GitPush", "*", 0, "failed", refs={"refs/heads/a": "stale"})
    told = cloudtrail.record(row)
    assert (told["errorCode"], told["errorMessage"]) == ("PushRefused", "refs/heads/a: stale")
    assert told["readOnly"] is False
