"""Refused logins in the audit: an administrator can explain a 401 by its request id.

Anybody can send these without end, so only some of each minute are kept; all are counted and logged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from moorage.core.clock import milliseconds
from moorage.core.faults import MISSING_AUTHENTICATION_TOKEN
from moorage.storage.audit import AuditEvent

if TYPE_CHECKING:
    from moorage.core.faults import Fault
    from moorage.storage.audit_batch import AuditBatch

_TEXT = 1024  # characters of a stranger's text that are kept


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whose credentials were refused, and what they asked for."""

    request_id: str
    action: str
    resource: str
    source_ip: str
    user_agent: str
    at: datetime


def note(audit: AuditBatch, stranger: Stranger, fault: Fault) -> None:
    """Keep a refused login; not one without credentials, for git's first question always is.

    The row belongs to no account, so no account's listing shows what a stranger wrote.
    """
    if fault.code == MISSING_AUTHENTICATION_TOKEN:
        return
    detail = {
        "requestId": stranger.request_id,
        "userAgent": stranger.user_agent[:_TEXT],
        "errorCode": fault.code,
        "errorMessage": fault.message[:_TEXT],
    }
    if "reason" in fault.detail:
        detail["reason"] = f"{fault.message} {fault.detail['reason']}"[:_TEXT]
    audit.add_of_stranger(
        AuditEvent(
            account_id="",
            region="",
            at_ms=milliseconds(stranger.at),
            action=stranger.action,
            principal_arn="",
            resource_arn=stranger.resource[:_TEXT],
            source_ip=stranger.source_ip,
            outcome="denied",
            detail=json.dumps(detail),
            request_id=stranger.request_id,
        )
    )
