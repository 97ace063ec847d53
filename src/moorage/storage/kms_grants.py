"""Rows of KMS grants. Every function works in its caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from moorage.storage import tables

_GRANTS = tables.kms_grants

# What a grant's constraints bind: the operations that take an encryption context.
CONSTRAINED = frozenset(
    {
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
)


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One grant. Principals are unique ids, or the ARNs of those who have none; the time is Unix ms."""

    grant_id: str
    key_id: str
    grantee: str
    retiring_principal: str | None
    issuing_account: str
    operations: tuple[str, ...]
    constraints: Mapping[str, Mapping[str, str]]
    name: str | None
    token: str = field(repr=False)
    created_at_ms: int

    def permits(self, operation: str, context: Mapping[str, str]) -> bool:
        """Tell whether the grant is for an operation with this encryption context.

        Names and values are compared exactly, case included.
        """
        if operation not in self.operations:
            return False
        if operation not in CONSTRAINED:
            return True
        equals, subset = (
            self.constraints.get("EncryptionContextEquals"),
            self.constraints.get("EncryptionContextSubset"),
        )
        if equals is not None and dict(context) != dict(equals):
            return False
        return subset is None or subset.items() <= context.items()


def add(connection: Connection, row: GrantRow) -> None:
    """Insert a grant: it counts from the next request on."""
    values = {name: getattr(row, name) for name in GrantRow.__slots__}
    values["operations"] = json.dumps(row.operations)
    values["constraints"] = json.dumps({name: dict(pairs) for name, pairs in row.constraints.items()})
    connection.execute(insert(_GRANTS).values(values))


def of_key(connection: Connection, key_id: str) -> list[GrantRow]:
    """Return a key's grants, by id."""
    return _found(connection, _GRANTS.c.key_id == key_id)


def find(connection: Connection, key_id: str, grant_id: str) -> GrantRow | None:
    """Return a grant of a key, or None."""
    found = _found(connection, _GRANTS.c.key_id == key_id, _GRANTS.c.grant_id == grant_id)
    return found[0] if found else None


def by_token(connection: Connection, token: str) -> GrantRow | None:
    """Return the grant that a token stands for, or None."""
    found = _found(connection, _GRANTS.c.token == token)
    return found[0] if found else None


def retirable_by(connection: Connection, principal: str) -> list[GrantRow]:
    """Return the grants that a principal may retire, by id."""
    return _found(connection, _GRANTS.c.retiring_principal == principal)


def count(connection: Connection, key_id: str) -> int:
    """Return how many grants a key has."""
    return int(connection.execute(select(func.count()).where(_GRANTS.c.key_id == key_id)).scalar_one())


def remove(connection: Connection, grant_id: str) -> None:
    """Delete a grant: it is over at the next request."""
    connection.execute(delete(_GRANTS).where(_GRANTS.c.grant_id == grant_id))


def _found(connection: Connection, *where: ColumnElement[bool]) -> list[GrantRow]:
    rows = connection.execute(select(_GRANTS).where(*where).order_by(_GRANTS.c.grant_id)).mappings()
    return [
        GrantRow(
            **{
                **row,
                "operations": tuple(json.loads(row["operations"])),
                "constraints": json.loads(row["constraints"]),
            }
        )
        for row in rows
    ]
