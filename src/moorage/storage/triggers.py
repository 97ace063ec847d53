"""A repository's triggers: who is told of its pushes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from moorage.storage import tables

_TRIGGERS = tables.repository_triggers

# Made once: every push asks.
_OF_REPOSITORY = (
    select(_TRIGGERS)
    .where(_TRIGGERS.c.repository_id == bindparam("of_repository"))
    .order_by(_TRIGGERS.c.number)
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger. No branches means all of them; events are as the API names them."""

    name: str
    destination_arn: str
    custom_data: str
    branches: tuple[str, ...]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Triggers:
    """A repository's triggers, in the order they were put. The id is new with each put."""

    configuration_id: str
    triggers: tuple[Trigger, ...]


def put(connection: Connection, repository_id: str, triggers: Sequence[Trigger]) -> str:
    """Replace all triggers of a repository, whose row the caller holds; return the new configuration id."""
    connection.execute(delete(_TRIGGERS).where(_TRIGGERS.c.repository_id == repository_id))
    configuration_id = str(uuid.uuid4())
    values = [
        {
            "repository_id": repository_id,
            "number": number,
            "configuration_id": configuration_id,
            "name": trigger.name,
            "destination_arn": trigger.destination_arn,
            "custom_data": trigger.custom_data,
            "branches": json.dumps(trigger.branches),
            "events": json.dumps(trigger.events),
        }
        for number, trigger in enumerate(triggers)
    ]
    if values:
        connection.execute(insert(_TRIGGERS), values)
    return configuration_id


def of_repository(connection: Connection, repository_id: str) -> Triggers | None:
    """Return a repository's triggers; None where it has none."""
    found = connection.execute(_OF_REPOSITORY, {"of_repository": repository_id}).all()
    if not found:
        return None
    return Triggers(
        found[0].configuration_id,
        tuple(
            Trigger(
                row.name,
                row.destination_arn,
                row.custom_data,
                tuple(json.loads(row.branches)),
                tuple(json.loads(row.events)),
            )
            for row in found
        ),
    )
