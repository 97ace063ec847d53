"""SSH public keys of users: uploaded, shown, switched, deleted. Their ids are ssh's login names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.services.iam import answers, public_keys, quotas, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_user, user_or_self
from moorage.storage import access_keys, ssh_keys

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.ssh_keys import SshKeyRow

# The model knows a third status, Expired, which no caller may set.
_STATUSES = frozenset({access_keys.ACTIVE, access_keys.INACTIVE})


@iam.operation("UploadSSHPublicKey", resource=targets.named_user)
def upload_ssh_public_key(call: Call, request: Request) -> Answer:
    key = public_keys.parse(request["SSHPublicKeyBody"])
    with change(call, "UploadSSHPublicKey", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        existing = ssh_keys.of_user(connection, user.user_id)
        if any(row.fingerprint == key.fingerprint for row in existing):
            raise Fault(
                "DuplicateSSHPublicKey",
                f"The SSH public key is associated with the user {user.name} already.",
            )
        quotas.require_room("SSHPublicKeysPerUser", quotas.SSH_KEYS_PER_USER, len(existing))
        made = ssh_keys.create(connection, user, key, now_ms=now_ms(call), entropy=call.entropy)
    return {"SSHPublicKey": _shown(made, user.name, made.body)}


@iam.operation("GetSSHPublicKey", resource=targets.named_user)
def get_ssh_public_key(call: Call, request: Request) -> Answer:
    """Return a key in SSH's encoding or as PEM, whichever it was uploaded in."""
    key_id = request["SSHPublicKeyId"]
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        found = ssh_keys.find(connection, user.user_id, key_id)
    if found is None:
        raise _no_such(key_id)
    body = public_keys.rendered(found.body, found.public_blob, request["Encoding"])
    return {"SSHPublicKey": _shown(found, user.name, body)}


@iam.operation("ListSSHPublicKeys", resource=targets.named_user)
def list_ssh_public_keys(call: Call, request: Request) -> Answer:
    """List a user's keys, or one's own; a root user has none."""
    with call.database.read() as connection:
        user = user_or_self(connection, call.caller, request)
        found = [] if user is None else ssh_keys.of_user(connection, user.user_id)
    name = "" if user is None else user.name
    return paged(
        call,
        "ListSSHPublicKeys",
        request,
        "SSHPublicKeys",
        found,
        key=lambda row: f"{row.uploaded_at_ms:020} {row.key_id}",
        shown=lambda row: _listed(row, name),
    )


@iam.operation("UpdateSSHPublicKey", resource=targets.named_user)
def update_ssh_public_key(call: Call, request: Request) -> None:
    """Make a key Active or Inactive; it bites on the next login and the next request."""
    key_id, status = request["SSHPublicKeyId"], request["Status"]
    if status not in _STATUSES:
        raise refusals.invalid_input(f"An SSH public key cannot be made {status}.")
    with change(call, "UpdateSSHPublicKey", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        if not ssh_keys.set_status(connection, user.user_id, key_id, status):
            raise _no_such(key_id)


@iam.operation("DeleteSSHPublicKey", resource=targets.named_user)
def delete_ssh_public_key(call: Call, request: Request) -> None:
    key_id = request["SSHPublicKeyId"]
    with change(call, "DeleteSSHPublicKey", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        if not ssh_keys.remove(connection, user.user_id, key_id):
            raise _no_such(key_id)


def _shown(row: SshKeyRow, user_name: str, body: str) -> Answer:
    return {**_listed(row, user_name), "Fingerprint": row.fingerprint, "SSHPublicKeyBody": body}


def _listed(row: SshKeyRow, user_name: str) -> Answer:
    return {
        "UserName": user_name,
        "SSHPublicKeyId": row.key_id,
        "Status": row.status,
        "UploadDate": answers.date(row.uploaded_at_ms),
    }


def _no_such(key_id: str) -> Fault:
    return Fault("NoSuchEntity", f"The Public Key with id {key_id} cannot be found.", status=404)
