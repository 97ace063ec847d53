"""The credential report: one line of CSV for root and each user, with all they can sign in with.

Columns and words are AWS's. Source: IAM User Guide, "Generate credential reports for your account".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.core.clock import from_milliseconds
from moorage.core.faults import Fault
from moorage.services.iam import answers
from moorage.services.iam.account import of_account
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import (
    access_keys,
    accounts,
    credential_reports,
    login_profiles,
    mfa_devices,
    password_policies,
    users,
)
from moorage.storage.credential_reports import ReportRow

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.access_keys import AccessKeyRow
    from moorage.storage.login_profiles import ProfileRow
    from moorage.storage.password_policies import PasswordPolicy

# A report is made at most once in this time, and not given out after it.
LIFETIME_MS = 4 * 3_600_000
_DAY_MS = 86_400_000

_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{number}_{column}" for number in (1, 2) for column in _KEY_COLUMNS),
    *(f"cert_{number}_{column}" for number in (1, 2) for column in ("active", "last_rotated")),
)
ROOT = "<root_account>"

_NOT_SUPPORTED = "not_supported"
_NOTHING = "N/A"
_NO_KEY = ("false", _NOTHING, _NOTHING, _NOTHING, _NOTHING)
_NO_CERTIFICATES = ("false", _NOTHING) * 2


@iam.operation("GenerateCredentialReport", resource=of_account)
def generate_credential_report(call: Call, request: Request) -> Answer:
    """Make a report, unless there is one of the last four hours.

    It is ready when this is answered; STARTED tells that it was made now.
    """
    del request
    account_id = call.caller.account_id
    with call.database.read() as connection:
        kept = credential_reports.find(connection, account_id)
        if kept is not None and _is_fresh(call, kept):
            return {"State": "COMPLETE"}
        content = _csv(_lines(connection, call))
    with change(call, "GenerateCredentialReport") as connection:
        credential_reports.put(connection, account_id, ReportRow(content, now_ms(call)))
    return {
        "State": "STARTED",
        "Description": "No report exists. Starting a new report generation task",
    }


@iam.operation("GetCredentialReport", resource=of_account)
def get_credential_report(call: Call, request: Request) -> Answer:
    del request
    with call.database.read() as connection:
        kept = credential_reports.find(connection, call.caller.account_id)
    if kept is None:
        raise Fault("ReportNotPresent", "No report is present. Generate one first.", status=410)
    if not _is_fresh(call, kept):
        message = "The report is more than four hours old. Generate a new one."
        raise Fault("ReportExpired", message, status=410)
    return {
        "Content": kept.content.encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": answers.date(kept.generated_at_ms),
    }


def _is_fresh(call: Call, report: ReportRow) -> bool:
    return now_ms(call) - report.generated_at_ms < LIFETIME_MS


def _csv(lines: Iterator[Sequence[str]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class _Credentials:
    """All credentials of an account, read at once: an account may have thousands of users."""

    keys: Mapping[str | None, Sequence[AccessKeyRow]]
    profiles: Mapping[str, ProfileRow]
    policy: PasswordPolicy | None
    with_mfa: frozenset[str]

    def of_password(self, owner_id: str) -> tuple[str, str, str, str]:
        profile = self.profiles.get(owner_id)
        if profile is None:
            return "false", _NOTHING, _NOTHING, _NOTHING
        days = None if self.policy is None else self.policy.max_age_days
        next_rotation = _NOTHING if days is None else _time(profile.changed_at_ms + days * _DAY_MS)
        # No console has been signed in to: none exists yet.
        return "true", "no_information", _time(profile.changed_at_ms), next_rotation

    def of_mfa(self, owner_id: str) -> str:
        return _flag(owner_id in self.with_mfa)

    def of_keys(self, user_id: str | None) -> list[str]:
        cells: list[str] = []
        for key in self.keys.get(user_id, ())[:2]:
            used = _NOTHING if key.last_used_at_ms is None else _time(key.last_used_at_ms)
            cells += (
                _flag(key.status == access_keys.ACTIVE),
                _time(key.created_at_ms),
                used,
                key.last_used_region or _NOTHING,
                key.last_used_service or _NOTHING,
            )
        return [*cells, *_NO_KEY, *_NO_KEY][: 2 * len(_NO_KEY)]


def _credentials(connection: Connection, account_id: str) -> _Credentials:
    devices = mfa_devices.listing(connection, account_id)
    return _Credentials(
        credential_reports.access_keys(connection, account_id),
        {row.owner_id: row for row in login_profiles.listing(connection, account_id)},
        password_policies.find(connection, account_id),
        frozenset(row.owner_id for row in devices if row.owner_id is not None),
    )


def _lines(connection: Connection, call: Call) -> Iterator[Sequence[str]]:
    account_id, partition = call.caller.account_id, call.caller.partition
    found = _credentials(connection, account_id)
    account = accounts.find(connection, account_id)
    yield (
        ROOT,
        iam_arn(partition, account_id, "root"),
        _NOTHING if account is None else _time(account.created_at_ms),
        _NOT_SUPPORTED,
        "no_information" if account_id in found.profiles else _NOTHING,
        _NOT_SUPPORTED,
        _NOT_SUPPORTED,
        found.of_mfa(account_id),
        *found.of_keys(None),
        *_NO_CERTIFICATES,
    )
    for user in users.listing(connection, account_id):
        yield (
            user.name,
            user.arn(partition),
            _time(user.created_at_ms),
            *found.of_password(user.user_id),
            found.of_mfa(user.user_id),
            *found.of_keys(user.user_id),
            *_NO_CERTIFICATES,
        )


def _time(value_ms: int) -> str:
    return from_milliseconds(value_ms // 1000 * 1000).isoformat()


def _flag(value: bool) -> str:
    return str(value).lower()
