"""Triggers: who is told of a repository's pushes. What they are sent is made in `repos`."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from moorage.repos.repositories import does_not_exist
from moorage.repos.trigger_messages import Occasion, SendError, trial_body
from moorage.services.codecommit import trigger_forms
from moorage.services.codecommit.opening import opened
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
        TestRepositoryTriggersInputTypeDef,
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


@codecommit.operation("TestRepositoryTriggers", resource=_with_triggers)
def test_repository_triggers(call: Call, request: TestRepositoryTriggersInputTypeDef) -> dict[str, Any]:
    """Send the last commit of the default branch by each of the triggers, which need not be stored."""
    given = trigger_forms.triggers(request, call.caller.region)
    repository = opened(call, request)
    ref = repository.row.default_branch
    commit = repository.snapshot.ref(ref.encode()) if ref is not None else None
    with call.database.read() as connection:
        found = stored.of_repository(connection, repository.row.repository_id)
    occasion = Occasion(
        repository.row,
        call.caller.principal.arn,
        found.configuration_id if found is not None else str(uuid.uuid4()),
        call.caller.now,
    )
    # Receivers may take seconds to answer, or not answer: no snapshot is held, and all are sent to at once.
    call.database.end_snapshot()

    def failure(trigger: Trigger) -> str | None:
        try:
            body = trial_body(occasion, trigger, ref, commit)
            call.triggers.send(trigger.destination_arn, call.caller.region, body)
        except SendError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(max(1, len(given)), thread_name_prefix="trigger test") as pool:
        outcomes = list(zip(given, pool.map(failure, given), strict=True))
    return {
        "successfulExecutions": [trigger.name for trigger, wrong in outcomes if wrong is None],
        "failedExecutions": [
            {"trigger": trigger.name, "failureMessage": wrong}
            for trigger, wrong in outcomes
            if wrong is not None
        ],
    }


def _shown(trigger: Trigger) -> dict[str, Any]:
    return {
        "name": trigger.name,
        "destinationArn": trigger.destination_arn,
        "customData": trigger.custom_data,
        "branches": list(trigger.branches),
        "events": list(trigger.events),
    }
