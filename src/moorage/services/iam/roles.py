"""Roles: made, found, listed, changed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.services.iam import answers, owner_targets, quotas, refusals, tag_rules, targets, trust
from moorage.services.iam.boundaries import require_boundary
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.owners import ROLE, changed
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import attachments, identity_tags, instance_profiles, roles

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.roles import RoleRow

DEFAULT_SESSION_SECONDS = 3_600


@iam.operation("CreateRole", resource=owner_targets.created(ROLE))
def create_role(call: Call, request: Request) -> Answer:
    caller, name, path = call.caller, request["RoleName"], request.get("Path", "/")
    if path.startswith(roles.SERVICE_LINKED_PATH):
        raise refusals.invalid_input(
            f"{roles.SERVICE_LINKED_PATH} is the path of CreateServiceLinkedRole's roles."
        )
    _refuse_sign_in_sessions(request)
    tags = tag_rules.parsed(request.get("Tags", ()))
    tag_rules.require_room({}, tags)
    trust.require_sound(request["AssumeRolePolicyDocument"])
    arn = iam_arn(caller.partition, caller.account_id, f"role{path}{name}")
    with change(call, "CreateRole", arn) as connection:
        require_free(connection, call, name)
        boundary = request.get("PermissionsBoundary")
        if boundary is not None:
            require_boundary(connection, caller, boundary)
        role = roles.create(
            connection,
            caller.account_id,
            name,
            path=path,
            trust_policy=trust.saved(connection, request["AssumeRolePolicyDocument"]),
            now_ms=now_ms(call),
            description=request.get("Description", ""),
            max_session_seconds=request.get("MaxSessionDuration", DEFAULT_SESSION_SECONDS),
            boundary_arn=boundary,
            entropy=call.entropy,
        )
        identity_tags.put(connection, role.role_id, tags)
        shown = whole(connection, call, role)
    shown.pop("RoleLastUsed")
    return {"Role": shown}


def _refuse_sign_in_sessions(request: Request) -> None:
    for member in ("MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"):
        if member in request:
            raise refusals.invalid_input(f"This server has no sign-in sessions of roles: leave out {member}.")


def require_free(connection: Connection, call: Call, name: str) -> None:
    """Refuse a role's name that is taken, and one role too many.

    Raises:
        Fault: EntityAlreadyExists, LimitExceeded.
    """
    account_id = call.caller.account_id
    if roles.holder_of(connection, account_id, name) is not None:
        raise refusals.name_taken("Role", name)
    quotas.require_room("RolesPerAccount", quotas.ROLES_PER_ACCOUNT, roles.count(connection, account_id))


def whole(connection: Connection, call: Call, role: RoleRow) -> Answer:
    """Return a role with its tags, boundary and last use, as GetRole shows it."""
    [(_, document)] = trust.shown(connection, [role])
    return answers.whole_role(
        role, call.caller.partition, document, identity_tags.of(connection, role.role_id)
    )


@iam.operation("GetRole", resource=owner_targets.named(ROLE))
def get_role(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        role = ROLE.named(connection, call.caller, request["RoleName"])
        return {"Role": whole(connection, call, role)}


@iam.operation("ListRoles", resource=targets.everything_of_kind("role"))
def list_roles(call: Call, request: Request) -> Answer:
    """Return the account's roles, without their tags, boundaries and last uses."""
    with call.database.read() as connection:
        found = roles.listing(connection, call.caller.account_id, request.get("PathPrefix", "/"))
        shown = trust.shown(connection, found)
    return paged(
        call,
        "ListRoles",
        request,
        "Roles",
        shown,
        key=lambda pair: pair[0].name.lower(),
        shown=lambda pair: answers.role(pair[0], call.caller.partition, pair[1]),
    )


@iam.operation("UpdateRole", resource=owner_targets.named(ROLE))
def update_role(call: Call, request: Request) -> Answer:
    """Change description and longest session; what is left out stays."""
    _refuse_sign_in_sessions(request)
    with changed(call, "UpdateRole", ROLE, request) as (connection, role):
        if "Description" in request:
            roles.describe(connection, role.role_id, request["Description"])
        if "MaxSessionDuration" in request:
            if role.service_linked:
                raise refusals.protected_role(role.name)
            roles.set_max_session(connection, role.role_id, request["MaxSessionDuration"])
    return {}


@iam.operation("UpdateRoleDescription", resource=owner_targets.named(ROLE))
def update_role_description(call: Call, request: Request) -> Answer:
    with changed(call, "UpdateRoleDescription", ROLE, request) as (connection, role):
        roles.describe(connection, role.role_id, request["Description"])
        described = ROLE.named(connection, call.caller, role.name)
        [(_, document)] = trust.shown(connection, [described])
    return {"Role": answers.role(described, call.caller.partition, document)}


@iam.operation("UpdateAssumeRolePolicy", resource=owner_targets.named(ROLE))
def update_assume_role_policy(call: Call, request: Request) -> None:
    """Set who may assume a role. Sessions that were opened go on."""
    trust.require_sound(request["PolicyDocument"])
    with changed(call, "UpdateAssumeRolePolicy", ROLE, request) as (connection, role):
        roles.set_trust_policy(connection, role.role_id, trust.saved(connection, request["PolicyDocument"]))


@iam.operation("DeleteRole", resource=owner_targets.named(ROLE))
def delete_role(call: Call, request: Request) -> None:
    """Delete a role; its sessions end with it."""
    with changed(call, "DeleteRole", ROLE, request) as (connection, role):
        require_bare(connection, role)
        roles.remove(connection, role.role_id)


def require_bare(connection: Connection, role: RoleRow) -> None:
    """Refuse to delete a role that something hangs on.

    Raises:
        Fault: DeleteConflict.
    """
    if instance_profiles.of_role(connection, role.role_id):
        raise refusals.must_first("remove roles from instance profile")
    if attachments.attached(connection, role.role_id):
        raise refusals.must_first("detach all policies")
    if attachments.inline(connection, role.role_id):
        raise refusals.must_first("delete policies")
