"""How `moorage why --request` explains a request that was made: from its audit rows, as it was then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moorage.cli.why_shown import fit_to_print
from moorage.core.clock import from_milliseconds
from moorage.storage import audit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.storage.audit import AuditEvent


def rows_of(connection: Connection, request_id: str) -> list[AuditEvent]:
    """Return the audit rows of a request, oldest first."""
    return audit.of_request(connection, request_id.strip().lower())


def not_found(request_id: str) -> str:
    """Say what it means that nothing is recorded of a request."""
    return (
        f"--request: nothing is recorded of {request_id!r}. Refusals are written within a second and kept"
        " for a time; of refused logins (401) only some of each minute are kept."
    )


def as_text(rows: Sequence[AuditEvent]) -> str:
    """Return the rows for people, ending in a newline."""
    return "\n".join(fit_to_print(_lines(row)) for row in rows)


def as_json(rows: Sequence[AuditEvent]) -> str:
    """Return the rows as one JSON array on a line."""
    shown = [
        {
            "time": _time(row),
            "outcome": row.outcome,
            "accountId": row.account_id,
            "region": row.region,
            "action": row.action,
            "principal": row.principal_arn,
            "resource": row.resource_arn,
            "sourceIp": row.source_ip,
            "detail": json.loads(row.detail),
        }
        for row in rows
    ]
    return json.dumps(shown) + "\n"


def _time(row: AuditEvent) -> str:
    moment: datetime = from_milliseconds(row.at_ms)
    return moment.isoformat(timespec="seconds")


def _lines(row: AuditEvent) -> Iterator[str]:
    detail: dict[str, Any] = json.loads(row.detail)
    yield row.outcome.upper()
    yield f"{_time(row)}, from {row.source_ip}, region {row.region}"
    yield f"principal: {row.principal_arn or 'unknown: the credentials were refused'}"
    yield f"action:    {row.action}"
    yield f"resource:  {row.resource_arn}"
    if "errorCode" in detail:
        yield f"error:     {detail['errorCode']}"
    told = detail.get("reason") or detail.get("errorMessage")
    if told:
        yield f"reason:    {told}"
    if "policy" in detail:
        statement = detail.get("statement")
        yield f"policy:    {detail['policy']}" + (f", statement {statement}" if statement else "")
    yield from _refs(detail.get("refs", {}), detail.get("refsRefused", 0))
    yield from _asked(detail.get("asked", {}))


def _refs(refs: Mapping[str, str], refused: int) -> Iterator[str]:
    for name, reason in refs.items():
        yield f"ref {name}: {reason}"
    if refused > len(refs):
        yield f"and {refused - len(refs)} refs more"


def _asked(asked: Mapping[str, Any]) -> Iterator[str]:
    if not asked:
        return
    yield f"asked:     {asked['action']} on {asked['resource']}, with"
    for key, values in sorted(asked["context"].items()):
        yield f"    {key} = {', '.join(values)}"
    given = [f"--context '{key}={value}'" for key, value in _worth_giving(asked["context"])]
    now = " ".join(["moorage why PRINCIPAL", asked["action"], asked["resource"], *given])
    yield f"To see what holds now: {now}"


def _worth_giving(context: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the keys that a question cannot know by itself."""
    for key, values in sorted(context.items()):
        if key in {"aws:SourceIp", "codecommit:References"} or key.startswith("aws:MultiFactorAuth"):
            yield from ((key, value) for value in values)
