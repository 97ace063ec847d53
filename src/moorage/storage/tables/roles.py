"""Roles, and those outside who may take them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from moorage.storage.tables.metadata import account, metadata

roles = Table(
    "roles",
    metadata,
    Column("role_id", String(32), primary_key=True),  # AROA…
    account(),
    Column("name", String(64), nullable=False),
    Column("name_folded", String(64), nullable=False),
    Column("path", String(512), nullable=False),
    Column("description", String(1000), nullable=False),
    # Principals in it are saved as unique ids, so that one made again under an old name is another.
    Column("trust_policy", Text, nullable=False),
    Column("max_session_seconds", Integer, nullable=False),
    Column("boundary_arn", String(512)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_used_at_ms", BigInteger),
    Column("last_used_region", String(32)),
    UniqueConstraint("account_id", "name_folded"),
)

instance_profiles = Table(
    "instance_profiles",
    metadata,
    Column("profile_id", String(32), primary_key=True),  # AIPA…
    account(),
    Column("name", String(128), nullable=False),
    Column("name_folded", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("role_id", String(32), ForeignKey("roles.role_id"), index=True),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name_folded"),
)

oidc_providers = Table(
    "oidc_providers",
    metadata,
    Column("provider_id", String(32), primary_key=True),
    account(),
    Column("url", String(255), nullable=False),  # without https://, as in the ARN
    Column("client_ids", Text, nullable=False),  # JSON list
    Column("thumbprints", Text, nullable=False),  # JSON list
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "url"),
)

saml_providers = Table(
    "saml_providers",
    metadata,
    Column("provider_id", String(32), primary_key=True),
    account(),
    Column("name", String(128), nullable=False),
    Column("metadata", Text, nullable=False),  # the identity provider's XML, as uploaded
    Column("created_at_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger),
    UniqueConstraint("account_id", "name"),
)
