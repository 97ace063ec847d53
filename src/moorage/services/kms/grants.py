"""Grants: a right to use a key, given to one principal until it is retired or revoked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.keys.key_access import is_named_by
from moorage.services.kms import grant_principals, names, pages, refusals, targets
from moorage.services.kms.changes import change
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import anything, key_target, on_key
from moorage.storage import kms_grants, kms_keys
from moorage.storage.kms_grants import CONSTRAINED, GrantRow
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow

# Source: AWS KMS Developer Guide, "Quotas".
GRANTS_PER_KEY = 50_000


def _about(request: Mapping[str, Any]) -> targets.Context:
    keys: dict[str, tuple[str, ...]] = {
        "kms:GrantOperations": tuple(request["Operations"]),
        "kms:GrantIsForAWSResource": ("false",),
    }
    if request.get("GranteePrincipal"):
        keys["kms:GranteePrincipal"] = (request["GranteePrincipal"],)
    if "RetiringPrincipal" in request:
        keys["kms:RetiringPrincipal"] = (request["RetiringPrincipal"],)
    if constraints := request.get("Constraints"):
        keys["kms:GrantConstraintType"] = tuple(constraints)
    return keys


def _creation(call: Call, request: Mapping[str, Any]) -> list[Target]:
    """Who holds a grant may pass on no more than it: no other operation, no looser constraint."""

    def suits(grant: GrantRow) -> bool:
        return set(request["Operations"]) <= set(grant.operations) and _as_strict(
            request.get("Constraints", {}), grant.constraints
        )

    named = names.find(call, request["KeyId"], aliases=False)
    return [key_target(call, named, _about(request), suits=suits)]


def _as_strict(wanted: Mapping[str, Mapping[str, str]], standing: Mapping[str, Mapping[str, str]]) -> bool:
    equals, subset = standing.get("EncryptionContextEquals"), standing.get("EncryptionContextSubset")
    exact = wanted.get("EncryptionContextEquals")
    if equals is not None and exact != equals:
        return False
    if subset is None:
        return True
    narrowed = exact if exact is not None else wanted.get("EncryptionContextSubset", {})
    return subset.items() <= narrowed.items()


@kms.operation("CreateGrant", resource=_creation)
def create_grant(call: Call, request: Request) -> Answer:
    """Make a grant, which counts at once. The same again under the same name is the same grant."""
    targets.require_grant_tokens(call, request)
    key = names.required(call, request["KeyId"], aliases=False)
    _require_sensible(request, key)
    if request.get("DryRun", False):
        raise refusals.dry_run()
    with change(call, "CreateGrant", key) as (connection, now):
        refusals.require_usable(now)
        row = GrantRow(
            grant_id=call.entropy(32).hex(),
            key_id=now.key_id,
            grantee=grant_principals.saved(connection, request["GranteePrincipal"]),
            retiring_principal=(
                grant_principals.saved(connection, request["RetiringPrincipal"])
                if "RetiringPrincipal" in request
                else None
            ),
            issuing_account=call.caller.account_id,
            operations=tuple(dict.fromkeys(request["Operations"])),
            constraints=request.get("Constraints", {}),
            name=request.get("Name"),
            token=base64.urlsafe_b64encode(call.entropy(45)).decode(),
            created_at_ms=call.database.now_ms(connection),
        )
        every = kms_grants.of_key(connection, now.key_id)
        same = next((grant for grant in every if row.name and _same(grant, row)), None)
        if same is None:
            if len(every) >= GRANTS_PER_KEY:
                raise refusals.limit_exceeded("Grants of a key", GRANTS_PER_KEY)
            kms_grants.add(connection, row)
    made = same or row
    return {"GrantToken": made.token, "GrantId": made.grant_id}


def _same(one: GrantRow, other: GrantRow) -> bool:
    def parts(row: GrantRow) -> tuple[object, ...]:
        return row.name, row.grantee, row.retiring_principal, set(row.operations), row.constraints

    return parts(one) == parts(other)


def _require_sensible(request: Request, key: KmsKeyRow) -> None:
    """Refuse what no grant can say."""
    if "GranteeServicePrincipal" in request or "RetiringServicePrincipal" in request:
        raise refusals.invalid("This server has no services that hold grants: name a principal's ARN.")
    if "GranteePrincipal" not in request:
        raise refusals.invalid("GranteePrincipal is required.")
    constraints = request.get("Constraints", {})
    if "SourceArn" in constraints:
        raise refusals.invalid("This server has no services that hold grants: SourceArn means nothing here.")
    if constraints and (key.key_spec != "SYMMETRIC_DEFAULT" or not CONSTRAINED & set(request["Operations"])):
        raise refusals.invalid("Constraints are for operations with an encryption context.")


@kms.operation("ListGrants", resource=on_key(abroad=True))
def list_grants(call: Call, request: Request) -> Answer:
    key = names.required(call, request["KeyId"], aliases=False)
    with call.database.read() as connection:
        rows = kms_grants.of_key(connection, key.key_id)
    if "GrantId" in request:
        rows = [row for row in rows if row.grant_id == request["GrantId"]]
        if not rows:
            raise Fault("InvalidGrantIdException", f"There is no grant {request['GrantId']} of this key.")
    return _listed(call, "ListGrants", request, rows, request.get("GranteePrincipal"))


@kms.operation("ListRetirableGrants", resource=anything())
def list_retirable_grants(call: Call, request: Request) -> Answer:
    """List the grants of the caller's region that a principal may retire."""
    if "RetiringPrincipal" not in request:
        raise refusals.invalid("RetiringPrincipal is required.")
    with call.database.read() as connection:
        principal = grant_principals.saved(connection, request["RetiringPrincipal"])
        rows = [
            row
            for row in kms_grants.retirable_by(connection, principal)
            if (key := kms_keys.find(connection, row.key_id)) is not None
            and key.region == call.caller.region
            and call.caller.account_id in (key.account_id, row.issuing_account)
        ]
    return _listed(call, "ListRetirableGrants", request, rows)


def _listed(
    call: Call, operation: str, request: Request, rows: list[GrantRow], grantee: str | None = None
) -> Answer:
    with call.database.read() as connection:
        keys = {row.key_id: kms_keys.find(connection, row.key_id) for row in rows}
        arns = grant_principals.shown(connection, rows)
    wanted = [row for row in rows if grantee is None or arns[row.grantee] == grantee]

    def shown(row: GrantRow) -> Answer:
        key = keys[row.key_id]
        retiring = row.retiring_principal
        return {
            "KeyId": row.key_id if key is None else key.arn,
            "GrantId": row.grant_id,
            "Name": row.name or "",
            "CreationDate": from_milliseconds(row.created_at_ms),
            "GranteePrincipal": arns[row.grantee],
            "RetiringPrincipal": None if retiring is None else arns[retiring],
            "IssuingAccount": grant_principals.account_arn(call, row.issuing_account),
            "Operations": list(row.operations),
            "Constraints": dict(row.constraints) or None,
        }

    sizes = (pages.SHORT_DEFAULT, pages.SHORT_MOST)
    return pages.paged(
        call, operation, request, "Grants", wanted, key=lambda row: row.grant_id, shown=shown, sizes=sizes
    )


@kms.operation("RevokeGrant", resource=on_key(abroad=True))
def revoke_grant(call: Call, request: Request) -> None:
    key = names.required(call, request["KeyId"], aliases=False)
    _end(call, "RevokeGrant", key, request["GrantId"], dry_run=request.get("DryRun", False))


def _retirement(call: Call, request: Mapping[str, Any]) -> list[Target]:
    """May retire a grant: who it names for that, its grantee if it says so, its account's root user.

    Whom the policies of key and caller allow it may too; a deny of theirs binds everyone.
    """
    grant, key = _retired(call, request)
    arn = request.get("KeyId", "*") if key is None else str(key.arn)

    def ask(action: str) -> None:
        if key is None or grant is None:
            call.gate.require(call.caller, action, arn)
            raise _no_grant(request)
        judged = targets.judge(call, key, action, suits=lambda standing: standing.grant_id == grant.grant_id)
        named = grant.retiring_principal is not None and is_named_by(
            call.caller.principal, grant.retiring_principal
        )
        own = call.caller.principal.kind == "root" and call.caller.account_id == grant.issuing_account
        refused = judged.decision.reason == "explicit deny" or not (judged.decision.allowed or named or own)
        if refused and key.account_id != call.caller.account_id:
            # As if it were not there.
            call.gate.require(call.caller, action, request.get("KeyId", "*"))
            raise _no_grant(request)
        if refused:
            who = f"User: {call.caller.principal.arn}"
            message = f"{who} is not authorized to perform: {action} on resource: {arn}"
            raise Fault(ACCESS_DENIED, message, decision=judged.decision, access=judged.access)

    return [Target(arn, {}, ask)]


def _retired(call: Call, request: Mapping[str, Any]) -> tuple[GrantRow | None, KmsKeyRow | None]:
    """Find the grant that a token, or key and id together, name."""
    ask = call.database.ask
    if "GrantToken" in request:
        grant = ask(kms_grants.by_token, request["GrantToken"])
        return grant, None if grant is None else ask(kms_keys.find, grant.key_id)
    if "KeyId" not in request or "GrantId" not in request:
        raise refusals.invalid("Name the grant by GrantToken, or by KeyId and GrantId.")
    key = names.find(call, request["KeyId"], aliases=False).key
    return None if key is None else ask(kms_grants.find, key.key_id, request["GrantId"]), key


def _no_grant(request: Mapping[str, Any]) -> Fault:
    if "GrantToken" in request:
        return Fault("InvalidGrantTokenException", "The grant token is not one that this server gave out.")
    return refusals.not_found(f"There is no grant {request.get('GrantId')} of this key.")


@kms.operation("RetireGrant", resource=_retirement)
def retire_grant(call: Call, request: Request) -> None:
    grant, key = _retired(call, request)
    if grant is None or key is None:
        raise _no_grant(request)
    _end(call, "RetireGrant", key, grant.grant_id, dry_run=request.get("DryRun", False))


def _end(call: Call, operation: str, key: KmsKeyRow, grant_id: str, *, dry_run: bool) -> None:
    with change(call, operation, key) as (connection, now):
        if kms_grants.find(connection, now.key_id, grant_id) is None:
            raise refusals.not_found(f"There is no grant {grant_id} of this key.")
        if dry_run:
            raise refusals.dry_run()
        kms_grants.remove(connection, grant_id)
