"""What triggers send: AWS's records of changed refs, put on their way when the refs change.

Source: the samples of Lambda events and SNS messages in AWS's guides; the type definitions for Lambda.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from moorage.core.clock import from_milliseconds
from moorage.core.names import ZERO_ID
from moorage.git.ref_names import HEADS
from moorage.storage import deliveries, triggers
from moorage.storage.deliveries import Message
from moorage.storage.repositories import RefChange
from moorage.storage.triggers import Trigger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.names import ObjectId
    from moorage.core.principal import Caller
    from moorage.storage.repositories import RepositoryRow

CHANGES: Final = "ReferenceChanges"
TEST: Final = "TriggerEventTest"

# A message of SNS has at most 256 KB; a reference takes some 150 bytes of it, 1,200 at most.
REFERENCES_A_PART: Final = 200

_ALL: Final = "all"


class TriggerSender(Protocol):
    """Sends one message of a trigger now."""

    def send(self, arn: str, region: str, body: str) -> None:
        """Send to an SNS topic or a Lambda function.

        Raises:
            SendError: it did not arrive; the text says why, and what to do.
        """


class SendError(Exception):
    """A message did not arrive. `final` where trying again later is of no use."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class NoSender:
    """Stands where nothing can be sent from."""

    def send(self, arn: str, region: str, body: str) -> None:
        del region, body
        raise SendError(f"Nothing can be sent to {arn} from here", final=True)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Whose change, in which repository, by which triggers' configuration, and when."""

    row: RepositoryRow
    user_arn: str
    configuration_id: str
    at: datetime


def enqueue(
    connection: Connection, caller: Caller, row: RepositoryRow, changes: Sequence[RefChange], now_ms: int
) -> None:
    """Put on their way what a repository's triggers send for these changes, in the same transaction."""
    found = triggers.of_repository(connection, row.repository_id)
    if found is None:
        return
    occasion = Occasion(row, caller.principal.arn, found.configuration_id, from_milliseconds(now_ms))
    messages = (
        Message(trigger.destination_arn, row.arn, row.region, body)
        for trigger in found.triggers
        for body in bodies(occasion, trigger, matching(trigger, changes))
    )
    deliveries.add(connection, messages, now_ms)


def matching(trigger: Trigger, changes: Sequence[RefChange]) -> list[RefChange]:
    """Return the changes that a trigger is about: its branches, or all refs; its kinds of event."""
    return [change for change in changes if _is_about(trigger, change)]


def bodies(occasion: Occasion, trigger: Trigger, changes: Sequence[RefChange]) -> Iterator[str]:
    """Yield the messages of one trigger: one, or parts where the changes are many; none for no changes."""
    parts = [
        changes[start : start + REFERENCES_A_PART] for start in range(0, len(changes), REFERENCES_A_PART)
    ]
    event_id = str(uuid.uuid4())
    for number, part in enumerate(parts, 1):
        references = [_reference(change) for change in part]
        yield _body(occasion, trigger, references, event_id=event_id, part=(number, len(parts)))


def trial_body(occasion: Occasion, trigger: Trigger, ref: str | None, commit: ObjectId | None) -> str:
    """Return what TestRepositoryTriggers sends: a branch's last commit, zeros for none."""
    reference = {"commit": commit or ZERO_ID, "ref": ref or f"{HEADS}main"}
    return _body(occasion, trigger, [reference], event_id=str(uuid.uuid4()), name=TEST)


def _is_about(trigger: Trigger, change: RefChange) -> bool:
    name = change.name.decode(errors="replace")
    if trigger.branches and name.removeprefix(HEADS) not in trigger.branches:
        return False
    if trigger.branches and not name.startswith(HEADS):
        return False
    return bool({_ALL, _kind(change)} & set(trigger.events))


def _kind(change: RefChange) -> str:
    if change.old == ZERO_ID:
        return "createReference"
    return "deleteReference" if change.new == ZERO_ID else "updateReference"


def _reference(change: RefChange) -> dict[str, Any]:
    shown: dict[str, Any] = {"commit": change.new, "ref": change.name.decode(errors="replace")}
    if change.old == ZERO_ID:
        shown["created"] = True
    if change.new == ZERO_ID:
        shown |= {"commit": change.old, "deleted": True}
    return shown


def _body(
    occasion: Occasion,
    trigger: Trigger,
    references: Sequence[dict[str, Any]],
    *,
    event_id: str,
    name: str = CHANGES,
    part: tuple[int, int] = (1, 1),
) -> str:
    record: dict[str, Any] = {
        "awsRegion": occasion.row.region,
        "codecommit": {"references": list(references)},
        "eventId": event_id,
        "eventName": name,
        "eventPartNumber": part[0],
        "eventSource": "aws:codecommit",
        "eventSourceARN": occasion.row.arn,
        "eventTime": occasion.at.strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{occasion.at.microsecond // 1000:03}+0000",
        "eventTotalParts": part[1],
        "eventTriggerConfigId": occasion.configuration_id,
        "eventTriggerName": trigger.name,
        "eventVersion": "1.0",
        "userIdentityARN": occasion.user_arn,
    }
    if trigger.custom_data:
        record["customData"] = trigger.custom_data
    return json.dumps({"Records": [record]}, separators=(",", ":"))
