"""Trust policies: who may assume a role, as requests bring them and answers show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import documents, quotas, refusals
from moorage.storage import policy_principals
from moorage.storage.policy_principals import UnknownPrincipal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.storage.roles import RoleRow


def require_sound(text: str) -> None:
    """Refuse a trust policy that is malformed or too long.

    Raises:
        Fault: MalformedPolicyDocument, LimitExceeded.
    """
    documents.require_sound(text, "trust", largest=quotas.TRUST_POLICY_SIZE)


def saved(connection: Connection, text: str) -> str:
    """Return a sound trust policy with the unique ids of the users and roles that it names.

    Raises:
        Fault: MalformedPolicyDocument, it names somebody who does not exist.
    """
    try:
        return policy_principals.with_ids(connection, text)
    except UnknownPrincipal as unknown:
        raise refusals.invalid_principal(unknown.name) from None


def shown(connection: Connection, rows: Iterable[RoleRow]) -> list[tuple[RoleRow, str]]:
    """Return each role with its trust policy as answers show it: with ARNs while those live."""
    found = list(rows)
    texts = policy_principals.with_arns(connection, [row.trust_policy for row in found])
    return list(zip(found, texts, strict=True))
