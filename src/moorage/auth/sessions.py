"""Opening sessions, and what principal a session makes: for STS, for instance roles, for every door.

Whether somebody may open one is asked elsewhere (`services.sts`); an instance profile needs no question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from moorage.auth import session_tokens
from moorage.auth.session_tokens import Credentials, SessionContents
from moorage.core.arn import Arn, sts_arn
from moorage.core.principal import NO_FACTS, NO_TAGS, Principal, Session

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.storage.identifiers import Entropy
    from moorage.storage.roles import RoleRow
    from moorage.storage.session_issuers import SessionIssuer


@dataclass(frozen=True, slots=True)
class SessionWishes:
    """What a session may bring beside its name and length; see `core.principal.Session`.

    `minimum_characters` is how long the token shall be at least.
    """

    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    transitive_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    provider: str | None = None
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_FACTS)
    minimum_characters: int = 0


NOTHING_MORE = SessionWishes()


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """Credentials, and whom they make: `unique_id` is AROA…:name for a role, account:name else."""

    credentials: Credentials
    arn: Arn
    unique_id: str


def open_role_session(
    root_key: RootKey,
    entropy: Entropy,
    role: RoleRow,
    *,
    partition: str,
    name: str,
    now: datetime,
    seconds: int,
    wishes: SessionWishes = NOTHING_MORE,
) -> OpenedSession:
    """Open a session of a role. No row is written; the caller has checked that it may be."""
    contents = _contents(
        "role-session", role.account_id, role.role_id, name=name, now=now, seconds=seconds, wishes=wishes
    )
    credentials = session_tokens.issue(
        root_key, contents, entropy, minimum_characters=wishes.minimum_characters
    )
    return OpenedSession(
        credentials,
        sts_arn(partition, role.account_id, f"assumed-role/{role.name}/{name}"),
        f"{role.role_id}:{name}",
    )


def open_federated_session(
    root_key: RootKey,
    entropy: Entropy,
    issuer: Principal,
    *,
    name: str,
    now: datetime,
    seconds: int,
    wishes: SessionWishes = NOTHING_MORE,
) -> OpenedSession:
    """Open a session for somebody else, who may do what both the issuer and the wishes allow."""
    account_id = issuer.account_id
    contents = _contents(
        "federated-user", account_id, issuer.unique_id, name=name, now=now, seconds=seconds, wishes=wishes
    )
    credentials = session_tokens.issue(
        root_key, contents, entropy, minimum_characters=wishes.minimum_characters
    )
    arn = sts_arn(issuer.partition, account_id, f"federated-user/{name}")
    return OpenedSession(credentials, arn, f"{account_id}:{name}")


def open_own_session(
    root_key: RootKey,
    entropy: Entropy,
    principal: Principal,
    *,
    now: datetime,
    seconds: int,
    mfa: bool,
    minimum_characters: int = 0,
) -> Credentials:
    """Open a session of a user or root user for itself; `mfa` tells that it showed its device now."""
    issued_at = now.replace(microsecond=0)
    contents = SessionContents(
        principal.kind,
        principal.account_id,
        principal.unique_id,
        issued_at,
        issued_at + timedelta(seconds=seconds),
        mfa_authenticated_at=issued_at if mfa else None,
    )
    return session_tokens.issue(root_key, contents, entropy, minimum_characters=minimum_characters)


def _contents(
    kind: Literal["role-session", "federated-user"],
    account_id: str,
    issuer_id: str,
    *,
    name: str,
    now: datetime,
    seconds: int,
    wishes: SessionWishes,
) -> SessionContents:
    issued_at = now.replace(microsecond=0)
    return SessionContents(
        kind,
        account_id,
        issuer_id,
        issued_at,
        issued_at + timedelta(seconds=seconds),
        name,
        wishes.policies,
        wishes.policy_arns,
        tags=wishes.tags,
        transitive_keys=wishes.transitive_keys,
        source_identity=wishes.source_identity,
        provider=wishes.provider,
        facts=wishes.facts,
    )


def principal_of(
    contents: SessionContents, issuer: SessionIssuer, access_key_id: str, tags: Mapping[str, str]
) -> Principal:
    """Return who calls with a session. Names are the issuer's of now; `tags` are the issuer's own."""
    arn, unique_id = issuer.arn, contents.issuer_id
    if contents.kind == "role-session":
        resource = f"assumed-role/{issuer.name}/{contents.name}"
        arn = sts_arn(issuer.partition, issuer.account_id, resource)
        unique_id = f"{contents.issuer_id}:{contents.name}"
    elif contents.kind == "federated-user":
        arn = sts_arn(issuer.partition, issuer.account_id, f"federated-user/{contents.name}")
        unique_id = f"{contents.account_id}:{contents.name}"
    return Principal(
        contents.kind,
        arn,
        issuer.account_id,
        issuer.partition,
        unique_id,
        user_name=issuer.name if contents.kind == "user" else None,
        access_key_id=access_key_id,
        tags=tags,
        session=_session(contents, issuer),
    )


def _session(contents: SessionContents, issuer: SessionIssuer) -> Session:
    return Session(
        contents.issued_at,
        contents.expires_at,
        issuer.arn,
        contents.issuer_id,
        contents.policies,
        contents.policy_arns,
        contents.mfa_authenticated_at,
        contents.tags,
        contents.transitive_keys,
        contents.source_identity,
        contents.name,
        contents.provider,
        contents.facts,
    )
