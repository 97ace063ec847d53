"""What the API door writes to the audit itself: reads and refusals. Changes write their own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moorage.auth.gate import account_in
from moorage.core.arn import Arn
from moorage.core.clock import milliseconds
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.policy import Access, Decision
from moorage.storage import audit

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.storage.audit import AuditEvent

_TEXT = 1024  # characters of a caller's text that are kept
_REFS = 50  # refs of one push that are named
_DENIALS = frozenset({ACCESS_DENIED, "EncryptionKeyAccessDeniedException"})


def read(caller: Caller, action: str, resources: Sequence[str], **detail: object) -> AuditEvent:
    """Describe a request that was answered and changed nothing."""
    return audit.event(caller, action, _named(resources), milliseconds(caller.now), "allowed", **detail)


def refusal(
    caller: Caller, action: str, resources: Sequence[str], fault: Fault, **detail: object
) -> AuditEvent:
    """Describe a request of a known caller that was denied, or failed: enough to explain it later."""
    return audit.event(
        caller,
        action,
        _named(resources),
        milliseconds(caller.now),
        "denied" if fault.code in _DENIALS else "failed",
        errorCode=fault.code,
        errorMessage=fault.message[:_TEXT],
        **_reasons(fault),
        **detail,
    )


def refused_refs(
    caller: Caller, action: str, resource: str, refused: Mapping[bytes, str], denied: Sequence[Fault]
) -> AuditEvent:
    """Describe a push of which some refs were not moved. `denied` are the refusals of policies among them."""
    told = {name.decode(errors="replace")[:_TEXT]: reason[:_TEXT] for name, reason in refused.items()}
    return audit.event(
        caller,
        action,
        resource,
        milliseconds(caller.now),
        "denied" if denied else "failed",
        refs=dict(list(told.items())[:_REFS]),
        refsRefused=len(refused),
        **(_reasons(denied[0]) if denied else {}),
    )


def _reasons(fault: Fault) -> dict[str, object]:
    """Return what decided against a caller, and on what: as `moorage why --request` tells it."""
    detail: dict[str, object] = {}
    if "why" in fault.detail:
        detail["reason"] = str(fault.detail["why"])[:_TEXT]
    access, decision = fault.detail.get("access"), fault.detail.get("decision")
    if isinstance(access, Access):
        detail["asked"] = {
            "action": access.action,
            "resource": access.resource[:_TEXT],
            "resourceAccount": access.resource_account,
            "context": {key: [value[:_TEXT] for value in values] for key, values in access.context.items()},
        }
    if isinstance(decision, Decision):
        detail["decision"] = decision.reason
        detail["layer"] = decision.layer
        if decision.policy is not None:
            detail["policy"] = decision.policy.name
        if decision.statement is not None:
            detail["statement"] = decision.statement.sid or decision.statement.index
    return detail


def assumed(caller: Caller, action: str, request: Mapping[str, Any], result: Mapping[str, Any]) -> AuditEvent:
    """Describe a role that an identity provider's person took: told of the session, in the role's account."""
    session = result["AssumedRoleUser"]["Arn"]
    subject = result.get("SubjectFromWebIdentityToken", result.get("Subject"))
    provider = result.get("Provider", request.get("PrincipalArn"))
    return audit.event(
        _in_account(caller, account_in(session) or "", session),
        action,
        request["RoleArn"],
        milliseconds(caller.now),
        "allowed",
        subject=subject,
        provider=provider,
    )


def unsigned_refusal(
    caller: Caller, action: str, request: Mapping[str, Any], fault: Fault
) -> AuditEvent | None:
    """Describe a refusal of somebody whom a provider vouched for; None where nobody did."""
    account_id = fault.detail.get("vouched_for")
    if not isinstance(account_id, str):
        return None
    known = _in_account(caller, account_id, caller.principal.arn)
    return refusal(known, action, [str(request["RoleArn"])], fault)


def _in_account(caller: Caller, account_id: str, arn: str) -> Caller:
    return replace(caller, principal=replace(caller.principal, account_id=account_id, arn=Arn(arn)))


def _named(resources: Sequence[str]) -> str:
    # The last one is where a refusal happened; a batch that passed has one row.
    return resources[-1] if resources else "*"
