"""Questions about credentials, which nobody can be forbidden to ask about their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.faults import ACCESS_DENIED, VALIDATION_ERROR, Fault
from moorage.services.sts.service import Answer, Request, sts
from moorage.storage import access_keys
from moorage.storage.identifiers import account_of
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call


def _no_permission_needed(_call: Call, _request: Request) -> list[Target]:
    return []


def anything(call: Call, _request: Request) -> list[Target]:
    """The rule of operations that are about no resource of their own."""
    principal = call.caller.principal
    # Sessions that are not a role's reach two operations of STS only, and this is neither.
    if principal.session is not None and principal.kind != "role-session":
        raise Fault(ACCESS_DENIED, "Cannot call this operation with session credentials", status=403)
    return [Target("*")]


@sts.operation("GetCallerIdentity", resource=_no_permission_needed)
def get_caller_identity(call: Call, _request: Request) -> Answer:
    """Return the caller. No policy can take this away, an explicit deny neither."""
    principal = call.caller.principal
    return {"UserId": principal.unique_id, "Account": principal.account_id, "Arn": principal.arn}


@sts.operation("GetAccessKeyInfo", resource=anything)
def get_access_key_info(call: Call, request: Request) -> Answer:
    """Return the account a key id belongs to: by our rows, else as the id itself tells."""
    key_id = request["AccessKeyId"]
    with call.database.read() as connection:
        row = access_keys.find(connection, key_id)
    account = account_of(key_id) if row is None else row.account_id
    if account is None:
        raise Fault(VALIDATION_ERROR, f"{key_id} is not an access key id.")
    return {"Account": account}
