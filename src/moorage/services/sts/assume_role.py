"""AssumeRole: a user or a role's session takes on a role, here or in another account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from moorage.auth import mfa
from moorage.core.faults import ACCESS_DENIED, VALIDATION_ERROR, Fault
from moorage.services.sts import role_sessions, session_policies
from moorage.services.sts.service import Answer, Request, sts
from moorage.services.sts.session_policies import invalid
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.auth.sessions import SessionWishes
    from moorage.core.principal import Principal, Session
    from moorage.services.call import Call
    from moorage.services.sts.role_sessions import AskedRole

Context = dict[str, tuple[str, ...]]


def _both_sides(call: Call, request: Request) -> list[Target]:
    """Ask the caller's policies and the role's trust policy, and then for the caller's MFA device."""
    _require_assumer(call.caller.principal)
    with call.database.read() as connection:
        role = role_sessions.asked_role(connection, request)
        wishes, _ = _wishes(connection, call, request, role)
    if role.partition != call.caller.partition:  # accounts of other partitions are out of reach
        role = replace(role, row=None)
    context = {**role.context, **_context(request, wishes), **_mfa_context(request)}

    def ask(action: str) -> None:
        for each in (action, *_more_actions(wishes)):
            call.gate.require(
                call.caller,
                each,
                role.arn,
                context,
                resource_policy=role.trust,
                resource_policy_must_allow=True,
                resource_account=role.account_id,
            )
        _seconds(call, request, role)
        # Last, for a code is good once.
        has_shown_mfa(call, request)

    return [Target(role.arn, context, ask)]


@sts.operation("AssumeRole", resource=_both_sides)
def assume_role(call: Call, request: Request) -> Answer:
    """Open a session of a role; nothing is written down, so nothing has to be cleaned up."""
    if request.get("ProvidedContexts"):
        message = "This server propagates no identities: leave out ProvidedContexts."
        raise Fault(VALIDATION_ERROR, message)
    with call.database.read() as connection:
        role = role_sessions.asked_role(connection, request)
        wishes, percent = _wishes(connection, call, request, role)
    return role_sessions.open_session(
        call,
        role,
        name=request["RoleSessionName"],
        seconds=_seconds(call, request, role),
        now=call.caller.now,
        wishes=wishes,
        packed_percent=percent,
    )


def _seconds(call: Call, request: Request, role: AskedRole) -> int:
    chained = call.caller.principal.kind == "role-session"
    return role_sessions.require_length(role.known, request, chained=chained)


def has_shown_mfa(call: Call, request: Request) -> bool:
    """Tell whether the caller showed its MFA device with this request; the code is used up then.

    Raises:
        Fault: AccessDenied, the code or device is not right; ValidationError, one without the other.
    """
    if ("SerialNumber" in request) != ("TokenCode" in request):
        raise invalid("SerialNumber and TokenCode must be given together.")
    if "SerialNumber" not in request:
        return False
    mfa.verify(
        call.database,
        call.root_key,
        call.caller.principal.unique_id,
        request["SerialNumber"],
        request["TokenCode"],
        now=call.caller.now,
    )
    return True


def _require_assumer(principal: Principal) -> None:
    if principal.kind == "root":
        raise Fault(ACCESS_DENIED, "Roles may not be assumed by root accounts.", status=403)
    if principal.kind == "federated-user":
        raise Fault(ACCESS_DENIED, "Cannot call AssumeRole with federated user credentials", status=403)


def _wishes(
    connection: Connection, call: Call, request: Request, role: AskedRole
) -> tuple[SessionWishes, int | None]:
    """Return what the session shall bring: as requested, and what a chain of roles hands down."""
    wishes, percent = session_policies.wishes(
        connection, request, account_id=role.account_id, partition=role.partition
    )
    wishes = replace(wishes, source_identity=request.get("SourceIdentity"))
    session = call.caller.principal.session
    return (wishes if session is None else _handed_down(wishes, session)), percent


def _handed_down(wishes: SessionWishes, session: Session) -> SessionWishes:
    """Add the tags that go on through all roles of a chain, and who stands at its start."""
    transitive = {key.lower() for key in session.transitive_keys}
    if transitive & {key.lower() for key in wishes.tags}:
        raise invalid(
            "One of the specified tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
    given = wishes.source_identity
    if session.source_identity is not None and given not in {None, session.source_identity}:
        raise Fault(ACCESS_DENIED, "The source identity of a session cannot be changed.", status=403)
    tags = {key: value for key, value in session.tags.items() if key.lower() in transitive}
    return replace(
        wishes,
        tags={**tags, **wishes.tags},
        transitive_keys=(*session.transitive_keys, *wishes.transitive_keys),
        source_identity=session.source_identity or given,
    )


def _more_actions(wishes: SessionWishes) -> Iterator[str]:
    if wishes.tags:
        yield "sts:TagSession"
    if wishes.source_identity is not None:
        yield "sts:SetSourceIdentity"


def _context(request: Request, wishes: SessionWishes) -> Context:
    context = session_policies.tag_context(wishes.tags, wishes.transitive_keys)
    context["sts:RoleSessionName"] = (request["RoleSessionName"],)
    if "ExternalId" in request:
        context["sts:ExternalId"] = (request["ExternalId"],)
    if wishes.source_identity is not None:
        context["sts:SourceIdentity"] = (wishes.source_identity,)
    return context


def _mfa_context(request: Request) -> Context:
    # The code is checked once everything else is right; until then nothing is given away.
    if "TokenCode" not in request:
        return {}
    return {"aws:MultiFactorAuthPresent": ("true",), "aws:MultiFactorAuthAge": ("0",)}
