"""Sessions of users and root users: for themselves, and for people that have no identity here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.auth import sessions
from moorage.core.arn import sts_arn
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.services.sts import session_policies
from moorage.services.sts.assume_role import has_shown_mfa
from moorage.services.sts.role_sessions import shown
from moorage.services.sts.service import Answer, Request, sts
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call

# Source: STS API Reference, GetSessionToken and GetFederationToken. A root user that asks for more than
# its longest session gets that.
DEFAULT_SECONDS = 43_200
ROOT_SECONDS = 3_600


def _long_term_credentials(operation: str, call: Call) -> None:
    if call.caller.principal.session is not None:
        raise Fault(ACCESS_DENIED, f"Cannot call {operation} with session credentials", status=403)


def _seconds(call: Call, request: Request) -> int:
    seconds = int(request.get("DurationSeconds", DEFAULT_SECONDS))
    return min(seconds, ROOT_SECONDS) if call.caller.principal.kind == "root" else seconds


def _no_permission_needed(call: Call, _request: Request) -> list[Target]:
    # No policy can forbid it: what a session may do is what its user may.
    _long_term_credentials("GetSessionToken", call)
    return []


@sts.operation("GetSessionToken", resource=_no_permission_needed)
def get_session_token(call: Call, request: Request) -> Answer:
    """Return temporary credentials for the caller itself, which say whether it showed its MFA device."""
    credentials = sessions.open_own_session(
        call.root_key,
        call.entropy,
        call.caller.principal,
        now=call.caller.now,
        seconds=_seconds(call, request),
        mfa=has_shown_mfa(call, request),
        minimum_characters=request.get("MinimumSessionTokenSize", 0),
    )
    return {"Credentials": shown(credentials)}


def _federated_user(call: Call, request: Request) -> list[Target]:
    """The rule of GetFederationToken. Tags on the session need sts:TagSession besides."""
    _long_term_credentials("GetFederationToken", call)
    caller = call.caller
    arn = sts_arn(caller.partition, caller.account_id, f"federated-user/{request['Name']}")
    context = session_policies.tag_context(session_policies.requested_tags(request), ())
    if request.get("Tags"):
        call.gate.require(caller, "sts:TagSession", arn, context)
    return [Target(arn, context)]


@sts.operation("GetFederationToken", resource=_federated_user)
def get_federation_token(call: Call, request: Request) -> Answer:
    """Return credentials for somebody who may do what both the caller and the session's policies allow.

    Without such policies: nothing, but what policies of resources grant to the federated user itself.
    """
    caller = call.caller
    with call.database.read() as connection:
        wishes, percent = session_policies.wishes(
            connection, request, account_id=caller.account_id, partition=caller.partition
        )
    opened = sessions.open_federated_session(
        call.root_key,
        call.entropy,
        caller.principal,
        name=request["Name"],
        now=caller.now,
        seconds=_seconds(call, request),
        wishes=wishes,
    )
    answer: Answer = {
        "Credentials": shown(opened.credentials),
        "FederatedUser": {"FederatedUserId": opened.unique_id, "Arn": opened.arn},
    }
    return answer if percent is None else {**answer, "PackedPolicySize": percent}
