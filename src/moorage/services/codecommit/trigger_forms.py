"""The form of triggers, as callers write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from moorage.core.arn import partition_of
from moorage.core.faults import Fault
from moorage.git import ref_names
from moorage.services.codecommit.names import is_storable, shown
from moorage.storage.triggers import Trigger

if TYPE_CHECKING:
    from moorage.services.codecommit.targets import Request

# Source: "Quotas in AWS CodeCommit", triggers.
TRIGGERS_LIMIT: Final = 10
BRANCHES_LIMIT: Final = 10
CUSTOM_DATA_LIMIT: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")

ALL: Final = "all"
EVENTS: Final = frozenset({ALL, "updateReference", "createReference", "deleteReference"})

_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FUNCTION: Final = re.compile(r"function:[A-Za-z0-9_-]{1,140}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?")


def triggers(request: Request, region: str) -> list[Trigger]:
    """Return the triggers of a request.

    Raises:
        Fault: one of the errors that PutRepositoryTriggers lists for what is absent or malformed.
    """
    given: list[Mapping[str, Any]] = request["triggers"]
    if len(given) > TRIGGERS_LIMIT:
        raise Fault(
            "MaximumRepositoryTriggersExceededException",
            f"{len(given)} triggers were sent; a repository has at most {TRIGGERS_LIMIT}",
        )
    made = [_trigger(trigger, region) for trigger in given]
    seen: set[str] = set()
    for trigger in made:
        if trigger.name in seen:
            raise Fault(
                "InvalidRepositoryTriggerNameException",
                f"Two triggers are named {trigger.name}; each needs a name of its own",
            )
        seen.add(trigger.name)
    return made


def _trigger(given: Mapping[str, Any], region: str) -> Trigger:
    name = _name(given.get("name"))
    return Trigger(
        name,
        _destination(name, given.get("destinationArn"), region),
        _custom_data(name, given.get("customData")),
        _branches(name, given.get("branches")),
        _events(name, given.get("events")),
    )


def _name(name: str | None) -> str:
    if not name:
        raise Fault("RepositoryTriggerNameRequiredException", "Each trigger needs a name")
    if not _NAME.fullmatch(name):
        raise Fault(
            "InvalidRepositoryTriggerNameException",
            f"{shown(name)} is not a valid trigger name: 1 to 100 letters, digits, periods, underscores and"
            " hyphens",
        )
    return name


def _destination(name: str, arn: str | None, region: str) -> str:
    if not arn:
        raise Fault(
            "RepositoryTriggerDestinationArnRequiredException",
            f"Trigger {name} needs a destinationArn: the SNS topic or Lambda function to tell",
        )
    parts = arn.split(":", 5)
    if len(parts) != 6 or not _is_destination(parts, partition_of(region)):
        raise Fault(
            "InvalidRepositoryTriggerDestinationArnException",
            f"Trigger {name}: {shown(arn)} is not the ARN of a standard SNS topic or of a Lambda function;"
            " FIFO topics cannot be destinations",
        )
    if parts[3] != region:
        raise Fault(
            "InvalidRepositoryTriggerRegionException",
            f"Trigger {name}: {shown(arn)} is not in {region}, where the repository is",
        )
    return arn


def _is_destination(parts: list[str], partition: str) -> bool:
    scheme, named, service, region, account, resource = parts
    form = {"sns": _TOPIC, "lambda": _FUNCTION}.get(service)
    return (
        scheme == "arn"
        and named == partition
        and re.fullmatch(r"[a-z0-9-]{1,32}", region) is not None
        and re.fullmatch(r"[0-9]{12}", account) is not None
        and form is not None
        and form.fullmatch(resource) is not None
    )


def _custom_data(name: str, text: str | None) -> str:
    data = text or ""
    if len(data) > CUSTOM_DATA_LIMIT or not is_storable(data):
        raise Fault(
            "InvalidRepositoryTriggerCustomDataException",
            f"Trigger {name}: customData has at most {CUSTOM_DATA_LIMIT:,} characters, none of them U+0000",
        )
    return data


def _branches(name: str, branches: list[str] | None) -> tuple[str, ...]:
    if branches is None:
        raise Fault(
            "RepositoryTriggerBranchNameListRequiredException",
            f"Trigger {name} needs branches; an empty list stands for all of them",
        )
    if len(branches) > BRANCHES_LIMIT:
        raise Fault(
            "MaximumBranchesExceededException",
            f"Trigger {name} names {len(branches)} branches; at most {BRANCHES_LIMIT}, or none for all",
        )
    for branch in branches:
        if fault := ref_names.branch_name_fault(branch):
            raise Fault(
                "InvalidRepositoryTriggerBranchNameException",
                f"Trigger {name}: {shown(branch)} is not a valid branch name: {fault}",
            )
    return tuple(branches)


def _events(name: str, events: list[str] | None) -> tuple[str, ...]:
    if not events:
        raise Fault(
            "RepositoryTriggerEventsListRequiredException",
            f"Trigger {name} needs events: {ALL}, or some of {', '.join(sorted(EVENTS - {ALL}))}",
        )
    if not EVENTS.issuperset(events) or (ALL in events and len(events) > 1):
        raise Fault(
            "InvalidRepositoryTriggerEventsException",
            f"Trigger {name}: events are {ALL} alone, or some of {', '.join(sorted(EVENTS - {ALL}))}",
        )
    return tuple(events)
