"""Roles to be assumed: found by ARN, asked about by their trust policies, opened.

AssumeRole, and assuming with a web identity or with SAML, differ in who asks; the rest is here once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.auth import sessions
from moorage.core.arn import Arn
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.policy import Document, NamedPolicy, parse
from moorage.services.sts.session_policies import invalid
from moorage.storage import accounts, identity_tags, roles

if TYPE_CHECKING:
    from moorage.auth.session_tokens import Credentials
    from moorage.auth.sessions import SessionWishes
    from moorage.services.call import Call
    from moorage.services.sts.service import Answer, Request
    from moorage.storage.roles import RoleRow

DEFAULT_SECONDS = 3_600
# Source: IAM User Guide, "Role chaining".
CHAINED_SECONDS = 3_600

_ROLE_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-cn|-us-gov)?):iam::(?P<account>[0-9]{12}):role/(?:[!-~]*/)?(?P<name>[\w+=,.@-]{1,64})",
    re.ASCII,
)
_NOBODY = Document("trust", "2012-10-17", ())


@dataclass(frozen=True, slots=True)
class AskedRole:
    """The role that a request names. `row` is None where there is none, which only the trusted may learn."""

    arn: Arn
    account_id: str
    partition: str
    row: RoleRow | None
    tags: Mapping[str, str]

    @property
    def trust(self) -> NamedPolicy:
        """Return who may assume it; nobody, where there is no such role."""
        document = _NOBODY if self.row is None else _document(self.row.trust_policy)
        return NamedPolicy(f"trust policy of {self.arn}", document)

    @property
    def context(self) -> dict[str, tuple[str, ...]]:
        """Return the condition keys that speak of the role."""
        prefixes = ("aws:ResourceTag", "iam:ResourceTag")
        return {f"{prefix}/{key}": (value,) for prefix in prefixes for key, value in self.tags.items()}

    @property
    def known(self) -> RoleRow:
        """Return the row of a role that somebody was allowed to assume a moment ago.

        Raises:
            Fault: AccessDenied, it is gone by now.
        """
        if self.row is None:
            raise Fault(ACCESS_DENIED, f"The role {self.arn} was deleted.", status=403)
        return self.row


@lru_cache(maxsize=1_000)
def _document(text: str) -> Document:
    return parse(text, "trust")


def asked_role(connection: Connection, request: Request) -> AskedRole:
    """Return the role of a request's RoleArn.

    Raises:
        Fault: ValidationError, it is no role's ARN.
    """
    arn = request["RoleArn"]
    match = _ROLE_ARN.fullmatch(arn)
    if match is None:
        raise invalid(f"{arn} is invalid")
    account = accounts.find(connection, match["account"])
    row = roles.find(connection, match["account"], match["name"])
    is_open = account is not None and account.state == accounts.ACTIVE
    if row is None or not is_open or row.arn(match["partition"]) != arn:
        return AskedRole(Arn(arn), match["account"], match["partition"], None, {})
    if account is not None and account.partition != match["partition"]:
        return AskedRole(Arn(arn), match["account"], match["partition"], None, {})
    tags = identity_tags.of(connection, row.role_id)
    return AskedRole(Arn(arn), match["account"], match["partition"], row, tags)


def require_length(role: RoleRow, request: Request, *, chained: bool = False) -> int:
    """Return how many seconds a session shall last.

    Raises:
        Fault: ValidationError: longer than the role, or a chain of roles, allows.
    """
    seconds = int(request.get("DurationSeconds", DEFAULT_SECONDS))
    if seconds > role.max_session_seconds:
        raise invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if chained and seconds > CHAINED_SECONDS:
        raise invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
    return seconds


def open_session(
    call: Call,
    role: AskedRole,
    *,
    name: str,
    seconds: int,
    now: datetime,
    wishes: SessionWishes,
    packed_percent: int | None,
) -> Answer:
    """Open a session of a role that may be assumed, and describe it as all three operations do."""
    opened = sessions.open_role_session(
        call.root_key,
        call.entropy,
        role.known,
        partition=role.partition,
        name=name,
        now=now,
        seconds=seconds,
        wishes=wishes,
    )
    answer: Answer = {
        "Credentials": shown(opened.credentials),
        "AssumedRoleUser": {"AssumedRoleId": opened.unique_id, "Arn": opened.arn},
    }
    if packed_percent is not None:
        answer["PackedPolicySize"] = packed_percent
    if wishes.source_identity is not None:
        answer["SourceIdentity"] = wishes.source_identity
    return answer


def shown(credentials: Credentials) -> Answer:
    """Return credentials as STS answers them: the only time that the secret is shown."""
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret.reveal(),
        "SessionToken": credentials.session_token.reveal(),
        "Expiration": credentials.expires_at,
    }
