"""How many of its smaller things an account has."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from moorage.storage import tables


def policy_versions(connection: Connection, account_id: str) -> int:
    """Return how many versions an account's own policies have together."""
    versions, policies = tables.policy_versions, tables.policies
    query = (
        select(func.count())
        .select_from(versions.join(policies, versions.c.policy_id == policies.c.policy_id))
        .where(policies.c.account_id == account_id)
    )
    return int(connection.execute(query).scalar_one())


def providers(connection: Connection, account_id: str) -> int:
    """Return how many identity providers an account has, OIDC and SAML together."""
    total = 0
    for table in (tables.oidc_providers, tables.saml_providers):
        query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
        total += int(connection.execute(query).scalar_one())
    return total
