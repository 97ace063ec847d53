"""Audit rows as CloudTrail's records: the one place that knows their form.

Source: CloudTrail's record contents, version 1.05, and its userIdentity element. `responseElements` are
those of changes; reads have none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.core.faults import ACCESS_DENIED
from moorage.storage.audit_reads import is_read

if TYPE_CHECKING:
    from moorage.storage.audit import AuditEvent

EVENT_VERSION = "1.05"
API_VERSIONS = {
    "codecommit": "2015-04-13",
    "iam": "2010-05-08",
    "kms": "2014-11-01",
    "sts": "2011-06-15",
}
_RESOURCE_TYPES = {
    "codecommit": "AWS::CodeCommit::Repository",
    "kms": "AWS::KMS::Key",
    "sts": "AWS::IAM::Role",
}
_GIT = frozenset({"GitPull", "GitPush"})
_PROVIDED = {"AssumeRoleWithWebIdentity": "WebIdentityUser", "AssumeRoleWithSAML": "SAMLUser"}
_PUSH_REFUSED = "PushRefused"  # a push fails by its refs' reasons; CodeCommit has no exception for it

# Members whose value is a map: its keys are the caller's, and stay as they are.
MAPS = frozenset(
    {
        "DestinationEncryptionContext",
        "EncryptionContext",
        "EncryptionContextEquals",
        "EncryptionContextSubset",
        "Properties",
        "ReplacementValues",
        "SourceEncryptionContext",
        "reactionCounts",
        "tags",
    }
)


def record(event: AuditEvent) -> dict[str, Any]:
    """Return the CloudTrail record of an audit row, fit for JSON."""
    detail: dict[str, Any] = json.loads(event.detail)
    service, _, name = event.action.partition(":")
    made: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": _identity(event, name, detail),
        "eventTime": _time(event.at_ms),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": event.region,
        "sourceIPAddress": event.source_ip,
        "userAgent": detail.get("userAgent", ""),
        **_error(event, detail),
        "requestParameters": _parameters(name, detail),
        "responseElements": _lower_camel(detail.get("responseElements")),
    }
    if "additionalEventData" in detail:
        made["additionalEventData"] = detail["additionalEventData"]
    made |= {
        "requestID": event.request_id,
        "eventID": event.event_id,
        "readOnly": detail.get("readOnly", is_read(name)),
        "resources": _resources(event, service),
        "eventType": "AwsApiCall",
        "recipientAccountId": event.account_id,
    }
    if name not in _GIT and service in API_VERSIONS:
        made["apiVersion"] = API_VERSIONS[service]
    return made


def _error(event: AuditEvent, detail: Mapping[str, Any]) -> dict[str, str]:
    if event.outcome == "allowed":
        return {}
    refs = [f"{name}: {reason}" for name, reason in detail.get("refs", {}).items()]
    code = detail.get("errorCode", ACCESS_DENIED if event.outcome == "denied" else _PUSH_REFUSED)
    return {"errorCode": code, "errorMessage": detail.get("errorMessage", "; ".join(refs))}


def _parameters(name: str, detail: Mapping[str, Any]) -> object:
    if name in _GIT:
        return {"references": detail["references"]} if "references" in detail else None
    return _lower_camel(detail.get("requestParameters"))


def _lower_camel(value: object) -> object:
    """Begin the names of members small, as CloudTrail does also where the service does not."""
    if isinstance(value, list):
        return [_lower_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name[:1].lower() + name[1:]: each if name in MAPS else _lower_camel(each)
        for name, each in value.items()
    }


def _resources(event: AuditEvent, service: str) -> list[dict[str, str]]:
    arn = event.resource_arn
    parts = arn.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return []
    told = {"ARN": arn, "accountId": parts[4] or event.account_id}
    if service in _RESOURCE_TYPES:
        told["type"] = _RESOURCE_TYPES[service]
    return [told]


def _identity(event: AuditEvent, name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    known = detail.get("identity", {})
    kind = known.get("kind")
    if kind == "anonymous":
        return _provided(name, detail)
    if not event.principal_arn.startswith("arn:"):
        # A refused login, or the service's own work for a machine.
        called = event.principal_arn
        return {"type": "AWSService", "invokedBy": called} if called else {"type": "Unknown"}
    told = {
        "type": _type(kind, event.principal_arn),
        "principalId": known.get("id", ""),
        "arn": event.principal_arn,
        "accountId": event.account_id,
    }
    if "accessKeyId" in detail:
        told["accessKeyId"] = detail["accessKeyId"]
    if kind == "user" and "name" in known:
        told["userName"] = known["name"]
    if "session" in known:
        told["sessionContext"] = _session(known["session"], event.account_id)
    return told


def _provided(name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return who had no credentials but an identity provider's word; nothing of it where it was refused."""
    provider, subject = detail.get("provider"), detail.get("subject")
    told: dict[str, Any] = {"type": _PROVIDED.get(name, "Unknown")}
    if provider and subject:
        told |= {"principalId": f"{provider}:{subject}", "userName": subject, "identityProvider": provider}
    return told


def _type(kind: str | None, arn: str) -> str:
    if kind == "root" or arn.endswith(":root"):
        return "Root"
    if kind == "role-session" or ":assumed-role/" in arn:
        return "AssumedRole"
    if kind == "federated-user" or ":federated-user/" in arn:
        return "FederatedUser"
    return "IAMUser"


def _session(session: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    issuer = session["issuerArn"]
    of_role = ":role/" in issuer
    told: dict[str, Any] = {
        "attributes": {
            "creationDate": _time(session["issuedAt"]),
            "mfaAuthenticated": "true" if session["mfa"] else "false",
        },
        "sessionIssuer": {
            "type": "Role" if of_role else "Root" if issuer.endswith(":root") else "IAMUser",
            "principalId": session["issuerId"],
            "arn": issuer,
            "accountId": account_id,
            "userName": issuer.rpartition("/")[2] if "/" in issuer else "root",
        },
    }
    if "provider" in session:
        told["webIdFederationData"] = {"federatedProvider": session["provider"], "attributes": {}}
    if "sourceIdentity" in session:
        told["sourceIdentity"] = session["sourceIdentity"]
    return told


def _time(at_ms: int) -> str:
    return from_milliseconds(at_ms).strftime("%Y-%m-%dT%H:%M:%SZ")
