"""How `moorage audit` prints and exports: a table for people, CloudTrail's records for programs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from moorage.cli.why_shown import fit_to_print
from moorage.storage import cloudtrail

if TYPE_CHECKING:
    from pathlib import Path

    from moorage.storage.audit import AuditEvent

_COLUMNS = (20, 7, 34, 28, 28, 15)
_HEADINGS = ("TIME", "OUTCOME", "EVENT", "PRINCIPAL", "RESOURCE", "FROM")


def table(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield lines for people; what failed has its error below it."""
    yield _row(_HEADINGS)
    for event in events:
        told = cloudtrail.record(event)
        yield _row(
            (
                told["eventTime"],
                event.outcome,
                event.action,
                _end(event.principal_arn) or "unknown",
                _end(event.resource_arn),
                event.source_ip,
            )
        )
        if "errorCode" in told:
            yield fit_to_print([f"    {told['errorCode']}: {told['errorMessage']}"])


def json_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield a CloudTrail record on each line."""
    for event in events:
        yield _json(cloudtrail.record(event)) + "\n"


def export(events: Iterable[AuditEvent], target: Path) -> int:
    """Write a CloudTrail log file as its events come; return how many. A broken export leaves no file.

    Raises:
        OSError: it cannot be written there.
    """
    unfinished = target.with_name(target.name + ".unfinished")
    count = 0
    try:
        with gzip.open(unfinished, "wt", encoding="utf-8") as file:
            file.write('{"Records":[')
            for event in events:
                file.write(("," if count else "") + _json(cloudtrail.record(event)))
                count += 1
            file.write("]}")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def _row(cells: Iterable[str]) -> str:
    return fit_to_print(
        ["  ".join(cell.ljust(width) for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()]
    )


def _end(arn: str) -> str:
    """Return what is after account and region: of a repository its name, of a user `user/mary`."""
    return arn.split(":", 5)[5] if arn.startswith("arn:") and arn.count(":") >= 5 else arn
