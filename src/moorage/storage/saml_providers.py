"""Rows of SAML providers: whose assertions open roles. All work in the caller's transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import identity_tags, tables
from moorage.storage.identifiers import Entropy, provider_id

_PREFIX = "saml-provider/"


@dataclass(frozen=True, slots=True)
class SamlProviderRow:
    """One identity provider that an account trusts.

    `metadata` is its XML as uploaded. Times are Unix milliseconds; past `valid_until_ms` nothing
    that the provider signed is believed.
    """

    provider_id: str
    account_id: str
    name: str
    metadata: str
    created_at_ms: int
    valid_until_ms: int

    def arn(self, partition: str) -> Arn:
        return arn(partition, self.account_id, self.name)


_TABLE = tables.saml_providers
_COLUMNS = (
    _TABLE.c.provider_id,
    _TABLE.c.account_id,
    _TABLE.c.name,
    _TABLE.c.metadata,
    _TABLE.c.created_at_ms,
    _TABLE.c.valid_until_ms,
)


def arn(partition: str, account_id: str, name: str) -> Arn:
    """Return the ARN of the provider of that name, whether or not there is one."""
    return iam_arn(partition, account_id, f"{_PREFIX}{name}")


def create(
    connection: Connection,
    account_id: str,
    name: str,
    *,
    metadata: str,
    valid_until_ms: int,
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> SamlProviderRow:
    """Add a provider. The caller has looked that the account has none of that name."""
    row = SamlProviderRow(provider_id(entropy), account_id, name, metadata, now_ms, valid_until_ms)
    connection.execute(
        insert(_TABLE).values(
            provider_id=row.provider_id,
            account_id=account_id,
            name=name,
            metadata=metadata,
            created_at_ms=now_ms,
            valid_until_ms=valid_until_ms,
        )
    )
    return row


def find(connection: Connection, account_id: str, name: str) -> SamlProviderRow | None:
    """Return the account's provider of exactly that name, or None."""
    query = select(*_COLUMNS).where(_TABLE.c.account_id == account_id, _TABLE.c.name == name)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else SamlProviderRow(**row)


def listing(connection: Connection, account_id: str) -> list[SamlProviderRow]:
    """Return an account's providers, by name."""
    query = select(*_COLUMNS).where(_TABLE.c.account_id == account_id).order_by(_TABLE.c.name)
    return [SamlProviderRow(**row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many providers an account has."""
    query = select(func.count()).select_from(_TABLE).where(_TABLE.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def set_metadata(
    connection: Connection, provider: SamlProviderRow, metadata: str, *, valid_until_ms: int
) -> None:
    """Replace a provider's metadata, and with it the certificates that its signatures are checked by."""
    statement = update(_TABLE).where(_TABLE.c.provider_id == provider.provider_id)
    connection.execute(statement.values(metadata=metadata, valid_until_ms=valid_until_ms))


def remove(connection: Connection, provider: SamlProviderRow) -> None:
    """Delete a provider and its tags. Roles that name it stay, and open to nobody by it."""
    tags = identity_tags.of(connection, provider.provider_id)
    identity_tags.remove(connection, provider.provider_id, tags)
    connection.execute(delete(_TABLE).where(_TABLE.c.provider_id == provider.provider_id))
