"""Triggers: who is told of a repository's pushes. What they are sent is made in `repos`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.repos.repositories import does_not_exist
from moorage.services.codecommit import trigger_forms
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository
from moorage.storage import audit
from moorage.storage import repositories as rows
from moorage.storage import triggers as stored
from moorage.storage.triggers import Trigger

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        GetRepositoryTriggersInputTypeDef,
        PutRepositoryTriggersInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.wire.dispatch import Target


def _with_triggers(call: Call, request: Request) -> list[Target]:
    targets = list(named_repository()(call, request))
    trigger_forms.triggers(request, call.caller.region)
    return targets


@codecommit.operation("GetRepositoryTriggers", resource=named_repository())
def get_repository_triggers(call: Call, request: GetRepositoryTriggersInputTypeDef) -> dict[str, Any]:
    row = call.repositories.require(call.caller, request["repositoryName"])
    call.keyring.require(call.caller, row)
    with call.database.read() as connection:
        found = stored.of_repository(connection, row.repository_id)
    if found is None:
        return {"triggers": []}
    return {
        "configurationId": found.configuration_id,
        "triggers": [_shown(trigger) for trigger in found.triggers],
    }


@codecommit.operation("PutRepositoryTriggers", resource=_with_triggers)
def put_repository_triggers(call: Call, request: PutRepositoryTriggersInputTypeDef) -> dict[str, str]:
    """Replace all triggers of a repository; an empty list leaves none."""
    triggers = trigger_forms.triggers(request, call.caller.region)
    found = call.repositories.require(call.caller, request["repositoryName"])
    with call.database.write() as connection:
        row = rows.lock(connection, found.repository_id)
        if row is None:
            raise does_not_exist(found.name)
        call.keyring.require(call.caller, row, connection)
        configuration_id = stored.put(connection, row.repository_id, triggers)
        change = audit.change(
            call.caller,
            "codecommit:PutRepositoryTriggers",
            row.arn,
            call.database.now_ms(connection),
            triggers=[trigger.name for trigger in triggers],
        )
        audit.record(connection, change)
    return {"configurationId": configuration_id}


def _shown(trigger: Trigger) -> dict[str, Any]:
    return {
        "name": trigger.name,
        "destinationArn": trigger.destination_arn,
        "customData": trigger.custom_data,
        "branches": list(trigger.branches),
        "events": list(trigger.events),
    }
