"""Who is calling, and from where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from moorage.core.arn import Arn
from moorage.core.request_facts import RequestFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

PrincipalKind = Literal["root", "user", "role-session", "federated-user", "anonymous"]

NO_TAGS: Mapping[str, str] = MappingProxyType({})
NO_FACTS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Session:
    """What temporary credentials add to a principal."""

    issued_at: datetime
    expires_at: datetime
    # The role or user that the session came from; the account's id for its root user.
    issuer_arn: Arn
    issuer_id: str
    # What narrows the session: documents as JSON text, and ARNs of managed policies. With neither, a
    # role's or user's session is not narrowed, and a federated user may do nothing.
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    mfa_authenticated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    # Keys of the tags that go on into roles assumed with this session.
    transitive_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    # The session's own name: of a role session, or of a federated user.
    name: str | None = None
    # Who vouched for the caller, and the condition keys of what was said: `accounts.example.com:sub`.
    provider: str | None = None
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_FACTS)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated identity of one account.

    `unique_id` is the AIDA… of a user, the account id of a root user, `AROA…:session-name` of a
    role session. Policies are found by it, never by name, so that a user deleted and made again
    inherits nothing.
    """

    kind: PrincipalKind
    arn: Arn
    account_id: str
    partition: str
    unique_id: str
    user_name: str | None = None
    access_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    session: Session | None = None


def anonymous(partition: str) -> Principal:
    """Return who calls an operation that nobody signs: of no account, with no rights."""
    return Principal("anonymous", Arn("anonymous"), "", partition, "anonymous")


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal and the request it makes: all that a policy can ask about.

    One is made for each request by `edge`, after the credential was verified.
    """

    principal: Principal
    region: str
    request_id: str
    now: datetime
    source_ip: str = "127.0.0.1"
    secure_transport: bool = True
    user_agent: str = ""
    facts: RequestFacts = field(default_factory=RequestFacts, compare=False)

    @property
    def account_id(self) -> str:
        return self.principal.account_id

    @property
    def partition(self) -> str:
        return self.principal.partition
