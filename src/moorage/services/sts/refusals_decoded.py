"""DecodeAuthorizationMessage: why a request was denied, told later to those who may know.

AWS lets a few services attach a long encoded message to a refusal. Here every refusal has a request id,
and the audit keeps what decided: the id is the message. It is short enough to be read out, and says nothing
to whom it is not meant for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.services.sts.identity import anything
from moorage.services.sts.service import Answer, Request, sts
from moorage.storage import audit

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.audit import AuditEvent


@sts.operation("DecodeAuthorizationMessage", resource=anything)
def decode_authorization_message(call: Call, request: Request) -> Answer:
    """Return the decision behind a refusal of the caller's account, by its request id, as JSON text.

    Refusals are there a second after they were made, and for as long as the audit keeps them.
    """
    with call.database.read() as connection:
        rows = audit.of_request(connection, request["EncodedMessage"].strip().lower())
    for row in rows:
        if row.account_id == call.caller.account_id and row.outcome == "denied":
            detail = json.loads(row.detail)
            if "asked" in detail:
                return {"DecodedMessage": json.dumps(_decoded(row, detail))}
    raise Fault(
        "InvalidAuthorizationMessageException",
        "The message is not the request id of a denied request of this account, or it is kept no more.",
    )


def _decoded(row: AuditEvent, detail: Mapping[str, Any]) -> dict[str, object]:
    """Return a refusal in the form that AWS's messages have when decoded."""
    asked = detail["asked"]
    matched = []
    if "statement" in detail:
        policy = detail.get("policy", "")
        matched.append({"statementId": str(detail["statement"]), "effect": "DENY", "sourcePolicyId": policy})
    return {
        "allowed": False,
        "explicitDeny": detail.get("decision") == "explicit deny",
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "reason": detail.get("reason", ""),
        "context": {
            "principal": {"arn": row.principal_arn},
            "action": asked["action"],
            "resource": asked["resource"],
            "conditions": {
                "items": [
                    {"key": key, "values": {"items": [{"value": value} for value in values]}}
                    for key, values in sorted(asked["context"].items())
                ]
            },
        },
    }
