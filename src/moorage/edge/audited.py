"""What the API door writes to the audit itself: reads and refusals. Changes write their own rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moorage.core.clock import milliseconds
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.storage import audit

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.storage.audit import AuditEvent

_READS = ("BatchDescribe", "BatchGet", "Describe", "Evaluate", "Get", "List", "Simulate")
_DENIALS = frozenset({ACCESS_DENIED, "EncryptionKeyAccessDeniedException"})


def is_read(operation: str) -> bool:
    """Tell whether an operation changes nothing, so that nobody else writes its audit row."""
    return operation.startswith(_READS)


def read(caller: Caller, action: str, resources: Sequence[str]) -> AuditEvent:
    """Describe a read that was answered."""
    return audit.event(caller, action, _named(resources), milliseconds(caller.now), "allowed")


def refusal(caller: Caller, action: str, resources: Sequence[str], fault: Fault) -> AuditEvent:
    """Describe a request of a known caller that was denied, or failed."""
    outcome: audit.Outcome = "denied" if fault.code in _DENIALS else "failed"
    detail: dict[str, object] = {"errorCode": fault.code, "errorMessage": fault.message[:1024]}
    if "why" in fault.detail:
        detail["reason"] = fault.detail["why"]
    return audit.event(caller, action, _named(resources), milliseconds(caller.now), outcome, **detail)


def _named(resources: Sequence[str]) -> str:
    # The last one is where a refusal happened; a batch that passed has one row.
    return resources[-1] if resources else "*"
