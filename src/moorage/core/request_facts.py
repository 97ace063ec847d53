"""What the audit tells of a request beyond who made it: filled in by `edge` as it learns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class RequestFacts:
    """One for each request, shared by every copy of its Caller.

    `parameters` and `additional` are fit for JSON and hold no secret: they are CloudTrail's
    requestParameters and additionalEventData.
    """

    parameters: Mapping[str, object] | None = None
    additional: Mapping[str, object] | None = None
    # A change wrote a row of its own, so nobody else has to.
    change_recorded: bool = False
