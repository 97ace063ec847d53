"""Rows of OpenID Connect providers: issuers whose tokens open roles. All work in the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from moorage.core.arn import Arn, iam_arn
from moorage.storage import identity_tags, tables
from moorage.storage.identifiers import Entropy, provider_id

SCHEME = "https://"
_PREFIX = "oidc-provider/"


@dataclass(frozen=True, slots=True)
class OidcProviderRow:
    """One issuer that an account trusts.

    `url` has no scheme: it is what the ARN and condition keys call the issuer. `thumbprints` are
    SHA-1 hashes of certificates, in small hex letters. `created_at_ms` is Unix milliseconds.
    """

    provider_id: str
    account_id: str
    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created_at_ms: int

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return SCHEME + self.url

    def arn(self, partition: str) -> Arn:
        return arn(partition, self.account_id, self.url)


_TABLE = tables.oidc_providers
_COLUMNS = (
    _TABLE.c.provider_id,
    _TABLE.c.account_id,
    _TABLE.c.url,
    _TABLE.c.client_ids,
    _TABLE.c.thumbprints,
    _TABLE.c.created_at_ms,
)


def arn(partition: str, account_id: str, url: str) -> Arn:
    """Return the ARN of the provider with that URL, whether or not there is one."""
    return iam_arn(partition, account_id, f"{_PREFIX}{url}")


def create(
    connection: Connection,
    account_id: str,
    url: str,
    *,
    client_ids: Sequence[str],
    thumbprints: Sequence[str],
    now_ms: int,
    entropy: Entropy = secrets.token_bytes,
) -> OidcProviderRow:
    """Add a provider. The caller has looked that the account has none with that URL."""
    row = OidcProviderRow(
        provider_id(entropy), account_id, url, tuple(client_ids), tuple(thumbprints), now_ms
    )
    connection.execute(
        insert(_TABLE).values(
            provider_id=row.provider_id,
            account_id=account_id,
            url=url,
            client_ids=json.dumps(row.client_ids),
            thumbprints=json.dumps(row.thumbprints),
            created_at_ms=now_ms,
        )
    )
    return row


def find(connection: Connection, account_id: str, url: str) -> OidcProviderRow | None:
    """Return the account's provider with that URL, without its scheme; None if there is none."""
    query = select(*_COLUMNS).where(_TABLE.c.account_id == account_id, _TABLE.c.url == url)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _row(row)


def listing(connection: Connection, account_id: str) -> list[OidcProviderRow]:
    """Return an account's providers, by URL."""
    query = select(*_COLUMNS).where(_TABLE.c.account_id == account_id).order_by(_TABLE.c.url)
    return [_row(row) for row in connection.execute(query).mappings()]


def count(connection: Connection, account_id: str) -> int:
    """Return how many providers an account has."""
    query = select(func.count()).select_from(_TABLE).where(_TABLE.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def set_client_ids(connection: Connection, provider: OidcProviderRow, client_ids: Sequence[str]) -> None:
    """Replace the audiences that tokens may be meant for."""
    _set(connection, provider, client_ids=json.dumps(list(client_ids)))


def set_thumbprints(connection: Connection, provider: OidcProviderRow, thumbprints: Sequence[str]) -> None:
    """Replace the certificates that are trusted beside the system's own authorities."""
    _set(connection, provider, thumbprints=json.dumps(list(thumbprints)))


def remove(connection: Connection, provider: OidcProviderRow) -> None:
    """Delete a provider and its tags. Roles that name it stay, and open to nobody by it."""
    tags = identity_tags.of(connection, provider.provider_id)
    identity_tags.remove(connection, provider.provider_id, tags)
    connection.execute(delete(_TABLE).where(_TABLE.c.provider_id == provider.provider_id))


def _set(connection: Connection, provider: OidcProviderRow, **values: str) -> None:
    statement = update(_TABLE).where(_TABLE.c.provider_id == provider.provider_id)
    connection.execute(statement.values(**values))


def _row(row: RowMapping) -> OidcProviderRow:
    lists = {name: tuple(json.loads(row[name])) for name in ("client_ids", "thumbprints")}
    return OidcProviderRow(**{**row, **lists})
