"""Accounts, users, groups and policies."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from moorage.storage.tables.metadata import account, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("partition", String(16), nullable=False),
    Column("name", String(128), nullable=False),
    Column("state", String(8), nullable=False),  # ACTIVE, CLOSED
    # Bumped by every change to the account's identities, policies and keys, in the same
    # transaction: what was compiled from an older one is thrown away.
    Column("identity_revision", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("user_id", String(32), primary_key=True),  # AIDA…
    account(),
    Column("name", String(64), nullable=False),
    Column("name_folded", String(64), nullable=False),  # IAM names are unique ignoring case
    Column("path", String(512), nullable=False),
    Column("boundary_arn", String(512)),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name_folded"),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", String(32), primary_key=True),  # AGPA…
    account(),
    Column("name", String(128), nullable=False),
    Column("name_folded", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name_folded"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String(32), ForeignKey("groups.group_id", ondelete="CASCADE"), nullable=False),
    Column(
        "user_id", String(32), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    PrimaryKeyConstraint("group_id", "user_id"),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", String(128), primary_key=True),
    account(),
    # Null for the account's root user.
    Column("user_id", String(32), ForeignKey("users.user_id", ondelete="CASCADE"), index=True),
    Column("secret_sealed", LargeBinary, nullable=False),  # under the root key, bound to the key id
    Column("status", String(8), nullable=False),  # Active, Inactive
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_used_at_ms", BigInteger),
    Column("last_used_service", String(64)),
    Column("last_used_region", String(32)),
)

# Customer managed policies. AWS's own are data files, the same for every account.
policies = Table(
    "policies",
    metadata,
    Column("policy_id", String(32), primary_key=True),  # ANPA…
    account(),
    Column("name", String(128), nullable=False),
    Column("name_folded", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("description", String(1000), nullable=False),
    Column("default_version", Integer, nullable=False),
    Column("next_version", Integer, nullable=False),  # version numbers are never used again
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name_folded"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_id", String(32), ForeignKey("policies.policy_id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("policy_id", "version"),
)

# Managed policies on users, groups and roles: `owner_id` is an AIDA…, AGPA… or AROA… id.
attached_policies = Table(
    "attached_policies",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("policy_arn", String(512), nullable=False, index=True),
    account(),
    Column("attached_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner_id", "policy_arn"),
)

inline_policies = Table(
    "inline_policies",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    account(),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("owner_id", "name"),
)

# Tags of users, roles, customer policies, instance profiles … (`owner_id` is their unique id).
identity_tags = Table(
    "identity_tags",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("key_folded", String(128), nullable=False),  # IAM tag keys are unique ignoring case
    Column("key", String(128), nullable=False),
    Column("value", String(256), nullable=False),
    PrimaryKeyConstraint("owner_id", "key_folded"),
)
