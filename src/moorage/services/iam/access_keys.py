"""Access keys: made for a user, for oneself or for root; switched, listed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.iam import answers, quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import user_or_self
from moorage.storage import access_keys, users

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.users import UserRow

# The model knows a third status, Expired, which no caller may set.
_STATUSES = frozenset({access_keys.ACTIVE, access_keys.INACTIVE})


def _id_of(user: UserRow | None) -> str | None:
    return None if user is None else user.user_id


@iam.operation("CreateAccessKey", resource=targets.named_user)
def create_access_key(call: Call, request: Request) -> Answer:
    """Make a key; its secret is in this answer and never again in another."""
    account_id = call.caller.account_id
    with change(call, "CreateAccessKey", user=request.get("UserName")) as connection:
        user = user_or_self(connection, call.caller, request)
        existing = access_keys.of_owner(connection, account_id, _id_of(user))
        quotas.require_room("AccessKeysPerUser", quotas.ACCESS_KEYS_PER_USER, len(existing))
        made = access_keys.create(
            connection, call.root_key, account_id, _id_of(user), now_ms=now_ms(call), entropy=call.entropy
        )
    shown: Answer = {
        "AccessKeyId": made.access_key_id,
        "Status": access_keys.ACTIVE,
        "SecretAccessKey": made.secret.reveal(),
        "CreateDate": answers.date(made.created_at_ms),
    }
    return {"AccessKey": shown if user is None else {"UserName": user.name, **shown}}


@iam.operation("ListAccessKeys", resource=targets.named_user)
def list_access_keys(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = user_or_self(connection, call.caller, request)
        found = access_keys.of_owner(connection, call.caller.account_id, _id_of(user))
    name = None if user is None else user.name
    return paged(
        call,
        "ListAccessKeys",
        request,
        "AccessKeyMetadata",
        found,
        key=lambda row: f"{row.created_at_ms:020} {row.access_key_id}",
        shown=lambda row: answers.access_key(row, name),
    )


@iam.operation("UpdateAccessKey", resource=targets.named_user)
def update_access_key(call: Call, request: Request) -> None:
    """Make a key Active or Inactive; it bites on the next request."""
    key_id, status = request["AccessKeyId"], request["Status"]
    if status not in _STATUSES:
        raise refusals.invalid_input(f"An access key cannot be made {status}.")
    with change(call, "UpdateAccessKey", user=request.get("UserName")) as connection:
        owner = _id_of(user_or_self(connection, call.caller, request))
        if not access_keys.set_status(connection, call.caller.account_id, owner, key_id, status):
            raise refusals.no_such_access_key(key_id)


@iam.operation("DeleteAccessKey", resource=targets.named_user)
def delete_access_key(call: Call, request: Request) -> None:
    key_id = request["AccessKeyId"]
    with change(call, "DeleteAccessKey", user=request.get("UserName")) as connection:
        owner = _id_of(user_or_self(connection, call.caller, request))
        if not access_keys.remove(connection, call.caller.account_id, owner, key_id):
            raise refusals.no_such_access_key(key_id)


@iam.operation("GetAccessKeyLastUsed", resource=targets.key_owner)
def get_access_key_last_used(call: Call, request: Request) -> Answer:
    """Return when a key of the account was last used, to about a minute; N/A when it never was."""
    key_id = request["AccessKeyId"]
    with call.database.read() as connection:
        key = access_keys.find(connection, key_id)
        if key is None or key.account_id != call.caller.account_id:
            raise refusals.no_such_access_key(key_id)
        user = None if key.user_id is None else users.by_id(connection, key.user_id)
    used: Answer = {"ServiceName": key.last_used_service or "N/A", "Region": key.last_used_region or "N/A"}
    if key.last_used_at_ms is not None:
        used["LastUsedDate"] = answers.date(key.last_used_at_ms)
    shown: Answer = {"AccessKeyLastUsed": used}
    return shown if user is None else {"UserName": user.name, **shown}
