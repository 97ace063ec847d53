"""Key policies: who may use and rule a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.arn import iam_arn
from moorage.core.faults import Fault
from moorage.keys import key_access
from moorage.policy import PolicyError, decide, parse
from moorage.services.kms import names, pages, refusals, targets
from moorage.services.kms.changes import change
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import on_key
from moorage.storage import kms_keys, policy_principals
from moorage.storage.policy_principals import UnknownPrincipal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow

# The only name a key policy has, and its quota. Source: AWS KMS Developer Guide, "Quotas".
POLICY_NAME = "default"
POLICY_BYTES = 32 * 1024


def default_policy(call: Call) -> str:
    """Return the policy of a key made without one: it leaves the choice to the account's IAM policies."""
    principal = iam_arn(call.caller.partition, call.caller.account_id, "root")
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})


def saved(connection: Connection, text: str) -> str:
    """Return a policy as keys hold it, with unique ids for principals.

    Raises:
        Fault: MalformedPolicyDocumentException, it is no policy, or names somebody who is not there;
            LimitExceededException, it is too long.
    """
    if len(text.encode()) > POLICY_BYTES:
        raise refusals.limit_exceeded("Bytes of a key policy", POLICY_BYTES)
    try:
        parse(text, "resource")
        return policy_principals.with_ids(connection, text)
    except PolicyError as error:
        raise malformed(str(error)) from None
    except UnknownPrincipal:
        raise malformed("Policy contains a statement with one or more invalid principals.") from None


def malformed(message: str) -> Fault:
    """The refusal of a policy."""
    return Fault("MalformedPolicyDocumentException", message)


def require_no_lockout(call: Call, key: KmsKeyRow, text: str) -> None:
    """Refuse a policy under which its caller could not change the policy again.

    Raises:
        Fault: MalformedPolicyDocumentException.
    """
    action = "kms:PutKeyPolicy"
    about = key_access.about_key(key, call.caller.account_id, (), {})
    permissions = call.gate.of(call.caller)
    access = permissions.access(action, key.arn, about)
    policy = key_access.key_policy(key, text)
    decision = decide(access, permissions.policies, policy, resource_policy_must_allow=True)
    if not decision.allowed:
        raise malformed("The new key policy will not allow you to update the key policy in the future.")


def _bypass(request: Mapping[str, Any]) -> targets.Context:
    return {"kms:BypassPolicyLockoutSafetyCheck": (str(bypasses(request)).lower(),)}


def bypasses(request: Mapping[str, Any]) -> bool:
    """Tell whether a request gives up the check against locking oneself out."""
    return bool(request.get("BypassPolicyLockoutSafetyCheck", False))


@kms.operation("PutKeyPolicy", resource=on_key(_bypass))
def put_key_policy(call: Call, request: Request) -> None:
    """Replace a key's policy. With the safety check bypassed it may lock out everyone, root included."""
    _require_name(request)
    key = names.required(call, request["KeyId"])
    with call.database.read() as reading:
        text = saved(reading, request["Policy"])
    if not bypasses(request):
        require_no_lockout(call, key, text)
    with change(call, "PutKeyPolicy", key) as (connection, now):
        # Looked up again: a principal may have gone since.
        kms_keys.set_policy(connection, now, saved(connection, request["Policy"]))


@kms.operation("GetKeyPolicy", resource=on_key())
def get_key_policy(call: Call, request: Request) -> Answer:
    _require_name(request)
    key = names.required(call, request["KeyId"])
    with call.database.read() as connection:
        (text,) = policy_principals.with_arns(connection, [key.policy])
    return {"Policy": json.dumps(json.loads(text), indent=2), "PolicyName": POLICY_NAME}


@kms.operation("ListKeyPolicies", resource=on_key())
def list_key_policies(call: Call, request: Request) -> Answer:
    names.required(call, request["KeyId"])
    return pages.paged(call, "ListKeyPolicies", request, "PolicyNames", [POLICY_NAME], key=str, shown=str)


def _require_name(request: Request) -> None:
    if request.get("PolicyName", POLICY_NAME) != POLICY_NAME:
        raise refusals.not_found(f"No such policy exists: {request['PolicyName']}")
