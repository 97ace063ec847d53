"""The global condition keys: what every policy may ask about any request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from moorage.core.principal import Caller, Principal, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

# What aws:PrincipalType says of each kind.
_TYPES = MappingProxyType(
    {
        "root": "Account",
        "user": "User",
        "role-session": "AssumedRole",
        "federated-user": "FederatedUser",
    }
)


def of_request(caller: Caller, resource_account: str) -> Mapping[str, tuple[str, ...]]:
    """Return the global condition keys of a request. A key that AWS would leave out is left out.

    Source: IAM User Guide, "AWS global condition context keys"; service.md section 5.1.
    """
    keys = {
        "aws:CurrentTime": _iso(caller.now),
        "aws:EpochTime": str(int(caller.now.timestamp())),
        "aws:RequestedRegion": caller.region,
        "aws:ResourceAccount": resource_account,
        "aws:SecureTransport": "true" if caller.secure_transport else "false",
        "aws:SourceIp": caller.source_ip,
        "aws:ViaAWSService": "false",
        "aws:PrincipalIsAWSService": "false",
    }
    # A client may send none: then the key is absent, as it is at AWS.
    if caller.user_agent:
        keys["aws:UserAgent"] = caller.user_agent
    keys.update(of_principal(caller.principal))
    if caller.principal.session is not None:
        keys.update(_of_session(caller.principal.session, caller.now))
    found = {key: (value,) for key, value in keys.items()}
    session = caller.principal.session
    # What a provider said of the caller never stands over what we know.
    return MappingProxyType(found if session is None else {**session.facts, **found})


def of_principal(principal: Principal) -> Iterator[tuple[str, str]]:
    """Yield the condition keys that tell who somebody is, whatever is asked for."""
    if principal.kind == "anonymous":
        return
    session = principal.session
    # For a role session AWS gives the role's ARN here, not the session's.
    is_role = principal.kind == "role-session" and session is not None
    yield "aws:PrincipalArn", session.issuer_arn if is_role and session else principal.arn
    yield "aws:PrincipalAccount", principal.account_id
    yield "aws:PrincipalType", _TYPES[principal.kind]
    yield "aws:userid", principal.unique_id
    if principal.kind == "user" and principal.user_name is not None:
        yield "aws:username", principal.user_name
    for key, value in _tags(principal).items():
        yield f"aws:PrincipalTag/{key}", value


def _tags(principal: Principal) -> Mapping[str, str]:
    """Return a principal's tags: those of its session over its own of the same key, whatever its case."""
    if principal.session is None or not principal.session.tags:
        return principal.tags
    passed = principal.session.tags
    folded = {key.lower() for key in passed}
    own = {key: value for key, value in principal.tags.items() if key.lower() not in folded}
    return {**own, **passed}


def _of_session(session: Session, now: datetime) -> Iterator[tuple[str, str]]:
    """The keys that only temporary credentials have; with long-term ones they are absent."""
    yield "aws:TokenIssueTime", _iso(session.issued_at)
    authenticated = session.mfa_authenticated_at
    yield "aws:MultiFactorAuthPresent", "false" if authenticated is None else "true"
    if authenticated is not None:
        yield "aws:MultiFactorAuthAge", str(max(0, int((now - authenticated).total_seconds())))
    if session.source_identity is not None:
        yield "aws:SourceIdentity", session.source_identity
    if session.provider is not None:
        yield "aws:FederatedProvider", session.provider


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
