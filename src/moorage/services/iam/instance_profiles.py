"""Instance profiles: what hands one role to a machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.services.iam import answers, owner_targets, quotas, refusals, tag_rules, targets, trust
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.owners import INSTANCE_PROFILE, ROLE, changed, require_modifiable
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import identity_tags, instance_profiles, roles
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.instance_profiles import InstanceProfileRow

# Whom a role in an instance profile is passed to, as iam:PassedToService names it.
MACHINES = "ec2.amazonaws.com"


@iam.operation("CreateInstanceProfile", resource=owner_targets.created(INSTANCE_PROFILE))
def create_instance_profile(call: Call, request: Request) -> Answer:
    caller, name, path = call.caller, request["InstanceProfileName"], request.get("Path", "/")
    tags = tag_rules.parsed(request.get("Tags", ()))
    tag_rules.require_room({}, tags)
    arn = iam_arn(caller.partition, caller.account_id, f"instance-profile{path}{name}")
    with change(call, "CreateInstanceProfile", arn) as connection:
        if instance_profiles.holder_of(connection, caller.account_id, name) is not None:
            raise refusals.instance_profile_taken(name)
        used = instance_profiles.count(connection, caller.account_id)
        quotas.require_room("InstanceProfilesPerAccount", quotas.INSTANCE_PROFILES_PER_ACCOUNT, used)
        profile = instance_profiles.create(
            connection, caller.account_id, name, path=path, now_ms=now_ms(call), entropy=call.entropy
        )
        identity_tags.put(connection, profile.profile_id, tags)
    shown = answers.instance_profile(profile, caller.partition, [])
    return {"InstanceProfile": {**shown, "Tags": answers.tag_list(tags)} if tags else shown}


@iam.operation("GetInstanceProfile", resource=owner_targets.named(INSTANCE_PROFILE))
def get_instance_profile(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        profile = INSTANCE_PROFILE.named(connection, call.caller, request["InstanceProfileName"])
        [shown] = _shown(connection, call, [profile])
        tags = identity_tags.of(connection, profile.profile_id)
    return {"InstanceProfile": {**shown, "Tags": answers.tag_list(tags)} if tags else shown}


@iam.operation("ListInstanceProfiles", resource=targets.everything_of_kind("instance-profile"))
def list_instance_profiles(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        found = instance_profiles.listing(connection, call.caller.account_id, request.get("PathPrefix", "/"))
        shown = _shown(connection, call, found)
    return _page(call, "ListInstanceProfiles", request, shown)


@iam.operation("ListInstanceProfilesForRole", resource=owner_targets.named(ROLE))
def list_instance_profiles_for_role(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        role = ROLE.named(connection, call.caller, request["RoleName"])
        shown = _shown(connection, call, instance_profiles.of_role(connection, role.role_id))
    return _page(call, "ListInstanceProfilesForRole", request, shown)


def _shown(connection: Connection, call: Call, profiles: Iterable[InstanceProfileRow]) -> list[Answer]:
    found, partition = list(profiles), call.caller.partition
    held = {row.role_id for row in found if row.role_id is not None}
    by_id = {
        role.role_id: answers.role(role, partition, document)
        for role, document in trust.shown(connection, roles.by_ids(connection, held))
    }
    return [
        answers.instance_profile(row, partition, [by_id[row.role_id]] if row.role_id is not None else [])
        for row in found
    ]


def _page(call: Call, operation: str, request: Request, shown: list[Answer]) -> Answer:
    return paged(
        call,
        operation,
        request,
        "InstanceProfiles",
        shown,
        key=lambda profile: str(profile["InstanceProfileName"]).lower(),
        shown=lambda profile: profile,
    )


@iam.operation("DeleteInstanceProfile", resource=owner_targets.named(INSTANCE_PROFILE))
def delete_instance_profile(call: Call, request: Request) -> None:
    with changed(call, "DeleteInstanceProfile", INSTANCE_PROFILE, request) as (connection, profile):
        if profile.role_id is not None:
            raise refusals.must_first("remove roles from instance profile")
        instance_profiles.remove(connection, profile.profile_id)


def profile_and_passed_role(call: Call, request: Request) -> list[Target]:
    """The rule of AddRoleToInstanceProfile: who puts a role in must be allowed to pass it to machines."""
    targeted = list(owner_targets.named(INSTANCE_PROFILE)(call, request))
    for role in owner_targets.named(ROLE)(call, request):
        context = {**role.context, "iam:PassedToService": (MACHINES,)}
        call.gate.require(call.caller, "iam:PassRole", role.arn, context)
    return targeted


@iam.operation("AddRoleToInstanceProfile", resource=profile_and_passed_role)
def add_role_to_instance_profile(call: Call, request: Request) -> None:
    """Put a role into a profile, which has room for one."""
    operation = "AddRoleToInstanceProfile"
    with changed(call, operation, INSTANCE_PROFILE, request) as (connection, profile):
        role = ROLE.named(connection, call.caller, request["RoleName"])
        require_modifiable(operation, role)
        quotas.require_room("InstanceSessionsPerInstanceProfile", 1, int(profile.role_id is not None))
        instance_profiles.set_role(connection, profile.profile_id, role.role_id)


@iam.operation("RemoveRoleFromInstanceProfile", resource=owner_targets.named(INSTANCE_PROFILE))
def remove_role_from_instance_profile(call: Call, request: Request) -> None:
    operation = "RemoveRoleFromInstanceProfile"
    with changed(call, operation, INSTANCE_PROFILE, request) as (connection, profile):
        role = ROLE.named(connection, call.caller, request["RoleName"])
        if profile.role_id != role.role_id:
            raise refusals.role_not_in_profile(role.name, profile.name)
        instance_profiles.set_role(connection, profile.profile_id, None)
