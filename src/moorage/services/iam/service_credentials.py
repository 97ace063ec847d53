"""Service-specific credentials: a user's name and password for git over HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.services.iam import answers, quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_user, user_or_self
from moorage.storage import access_keys, service_credentials, users

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.service_credentials import CredentialRow
    from moorage.storage.users import UserRow
    from moorage.wire.dispatch import Target

SERVICE = "codecommit.amazonaws.com"

# The model knows a third status, Expired, which no caller may set.
_STATUSES = frozenset({access_keys.ACTIVE, access_keys.INACTIVE})


def _listed(call: Call, request: Request) -> list[Target]:
    """The rule of the list: one user, or all of them when that is asked for."""
    if not request.get("AllUsers"):
        return targets.named_user(call, request)
    if "UserName" in request:
        raise refusals.invalid_input("UserName and AllUsers cannot be given together.")
    return list(targets.everything_of_kind("user")(call, request))


@iam.operation("CreateServiceSpecificCredential", resource=targets.named_user)
def create_service_specific_credential(call: Call, request: Request) -> Answer:
    """Make a credential; its password is in this answer and never again in another."""
    _require_supported(request["ServiceName"])
    if "CredentialAgeDays" in request:
        raise refusals.invalid_input(f"A credential for {SERVICE} has no age: it is good until deleted.")
    with change(call, "CreateServiceSpecificCredential", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        used = len(service_credentials.of_user(connection, user.user_id))
        quotas.require_room("ServiceSpecificCredentialsPerUser", quotas.SERVICE_CREDENTIALS_PER_USER, used)
        made, password = service_credentials.create(
            connection, call.root_key, user, service=SERVICE, now_ms=now_ms(call), entropy=call.entropy
        )
    shown = {**_shown(made, user.name), "ServicePassword": password.reveal()}
    return {"ServiceSpecificCredential": shown}


@iam.operation("ListServiceSpecificCredentials", resource=_listed)
def list_service_specific_credentials(call: Call, request: Request) -> Answer:
    if "ServiceName" in request:
        _require_supported(request["ServiceName"])
    with call.database.read() as connection:
        if request.get("AllUsers"):
            found = service_credentials.of_account(connection, call.caller.account_id)
            owners = {user.user_id: user.name for user in users.listing(connection, call.caller.account_id)}
        else:
            user = _user(connection, call, request)
            found = service_credentials.of_user(connection, user.user_id)
            owners = {user.user_id: user.name}
    return paged(
        call,
        "ListServiceSpecificCredentials",
        request,
        "ServiceSpecificCredentials",
        found,
        key=lambda row: f"{row.created_at_ms:020} {row.credential_id}",
        shown=lambda row: _shown(row, owners[row.user_id]),
    )


@iam.operation("UpdateServiceSpecificCredential", resource=targets.named_user)
def update_service_specific_credential(call: Call, request: Request) -> None:
    """Make a credential Active or Inactive; it bites on the next request."""
    credential_id, status = request["ServiceSpecificCredentialId"], request["Status"]
    if status not in _STATUSES:
        raise refusals.invalid_input(f"A service specific credential cannot be made {status}.")
    with change(call, "UpdateServiceSpecificCredential", user=request.get("UserName")) as connection:
        user = _user(connection, call, request)
        if not service_credentials.set_status(connection, user.user_id, credential_id, status):
            raise _no_such(credential_id)


@iam.operation("ResetServiceSpecificCredential", resource=targets.named_user)
def reset_service_specific_credential(call: Call, request: Request) -> Answer:
    """Make a new password; the old one is refused from the next request on."""
    credential_id = request["ServiceSpecificCredentialId"]
    with change(call, "ResetServiceSpecificCredential", user=request.get("UserName")) as connection:
        user = _user(connection, call, request)
        found = service_credentials.find(connection, user.user_id, credential_id)
        if found is None:
            raise _no_such(credential_id)
        password = service_credentials.new_password(call.entropy)
        service_credentials.set_password(connection, call.root_key, credential_id, password)
    shown = {**_shown(found, user.name), "ServicePassword": password.reveal()}
    return {"ServiceSpecificCredential": shown}


@iam.operation("DeleteServiceSpecificCredential", resource=targets.named_user)
def delete_service_specific_credential(call: Call, request: Request) -> None:
    credential_id = request["ServiceSpecificCredentialId"]
    with change(call, "DeleteServiceSpecificCredential", user=request.get("UserName")) as connection:
        user = _user(connection, call, request)
        if not service_credentials.remove(connection, user.user_id, credential_id):
            raise _no_such(credential_id)


def _user(connection: Connection, call: Call, request: Request) -> UserRow:
    """Return the user asked about: a root user has none of these."""
    user = user_or_self(connection, call.caller, request)
    if user is None:
        raise refusals.invalid_input("Must specify userName when calling with non-User credentials")
    return user


def _shown(row: CredentialRow, user_name: str) -> Answer:
    return {
        "UserName": user_name,
        "Status": row.status,
        "ServiceUserName": row.user_name,
        "CreateDate": answers.date(row.created_at_ms),
        "ServiceSpecificCredentialId": row.credential_id,
        "ServiceName": row.service,
    }


def _require_supported(service: str) -> None:
    if service != SERVICE:
        message = f"No such service {service[:100]} is supported for Service Specific Credentials."
        raise Fault("NotSupportedService", message, status=404)


def _no_such(credential_id: str) -> Fault:
    message = f"No such credential {credential_id} exists."
    return Fault("NoSuchEntity", message, status=404)
