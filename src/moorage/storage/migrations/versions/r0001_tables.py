"""The first tables.

A frozen copy of `storage.tables` as it was then: later changes of that module must not reach back.
Safe while older nodes serve: there are none. Back out: downgrade drops everything.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _account() -> Column[str]:
    return Column("account_id", String(12), ForeignKey("accounts.account_id"), nullable=False)


# --- the installation -----------------------------------------------------------------------

# Facts about this installation: "default_account", "default_region", "root_key_check".
installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("token", BigInteger, nullable=False),  # fencing token: only grows
    Column("expires_at_ms", BigInteger, nullable=False),
    CheckConstraint("token > 0", name="token_positive"),
)

# --- accounts and identities ----------------------------------------------------------------

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
    _account(),
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
    _account(),
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
    _account(),
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
    _account(),
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

# Managed policies on users and groups: `owner_id` is an AIDA… or AGPA… id.
attached_policies = Table(
    "attached_policies",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("policy_arn", String(512), nullable=False, index=True),
    _account(),
    Column("attached_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner_id", "policy_arn"),
)

inline_policies = Table(
    "inline_policies",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    _account(),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("owner_id", "name"),
)

# Tags of users and customer policies (`owner_id` is their unique id).
identity_tags = Table(
    "identity_tags",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("key_folded", String(128), nullable=False),  # IAM tag keys are unique ignoring case
    Column("key", String(128), nullable=False),
    Column("value", String(256), nullable=False),
    PrimaryKeyConstraint("owner_id", "key_folded"),
)

# --- KMS keys -------------------------------------------------------------------------------

kms_keys = Table(
    "kms_keys",
    metadata,
    Column("key_id", String(36), primary_key=True),
    _account(),
    Column("region", String(32), nullable=False),
    Column("manager", String(8), nullable=False),  # AWS, CUSTOMER
    Column("state", String(16), nullable=False),  # Enabled, Disabled, PendingDeletion
    Column("description", String(8192), nullable=False),
    Column("policy", Text, nullable=False),
    Column("material_sealed", LargeBinary, nullable=False),  # under the root key, bound to the key id
    Column("created_at_ms", BigInteger, nullable=False),
)

kms_aliases = Table(
    "kms_aliases",
    metadata,
    _account(),
    Column("region", String(32), nullable=False),
    Column("alias", String(256), nullable=False),  # with the "alias/" prefix
    Column("key_id", String(36), ForeignKey("kms_keys.key_id"), nullable=False),
    PrimaryKeyConstraint("account_id", "region", "alias"),
)

# --- repositories ---------------------------------------------------------------------------

repositories = Table(
    "repositories",
    metadata,
    Column("repository_id", String(36), primary_key=True),
    _account(),
    Column("region", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", String(1000)),
    Column("default_branch", String(512)),  # a full ref name; null until the first branch
    Column("kms_key_id", String(36), ForeignKey("kms_keys.key_id"), nullable=False),
    Column("data_key_wrapped", LargeBinary, nullable=False),
    # Grows with each change of refs or packs, in the same transaction. Never reused.
    Column("generation", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
)

# Repositories deleted, whose blobs the sweeper may not have removed yet.
deleted_repositories = Table(
    "deleted_repositories",
    metadata,
    Column("repository_id", String(36), primary_key=True),
    Column("deleted_at_ms", BigInteger, nullable=False),
)

repository_tags = Table(
    "repository_tags",
    metadata,
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("key", String(128), nullable=False),
    Column("value", String(256), nullable=False),
    PrimaryKeyConstraint("repository_id", "key"),
)

refs = Table(
    "refs",
    metadata,
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", LargeBinary, nullable=False),  # bytes, for Git's order and Git's freedom
    Column("object_id", String(64), nullable=False),
    Column("peeled_id", String(64)),  # what a tag, peeled all the way, points to; null otherwise
    Column("generation", BigInteger, nullable=False),  # of the repository when the ref last moved
    PrimaryKeyConstraint("repository_id", "name"),
    Index("ix_refs_generation", "repository_id", "generation"),
)

# Every movement of a ref: history, and where an unknown outcome is read back by push id.
ref_log = Table(
    "ref_log",
    metadata,
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("generation", BigInteger, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("old_id", String(64), nullable=False),  # zeros when the ref was made
    Column("new_id", String(64), nullable=False),  # zeros when it was deleted
    Column("push_id", String(36), nullable=False),
    Column("principal_arn", String(2048), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("repository_id", "generation", "name"),
    Index("ix_ref_log_push", "push_id"),
)

packs = Table(
    "packs",
    metadata,
    Column("push_id", String(36), primary_key=True),  # names the blobs r/REPOSITORY/p/PUSH.{pack,idx}
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("checksum", String(64), nullable=False),  # Git's own: the pack-CHECKSUM.pack of the cache
    Column("source", String(8), nullable=False),  # push, api, repack
    Column("object_count", BigInteger, nullable=False),
    Column("largest_object_bytes", BigInteger, nullable=False),
    Column("pack_bytes", BigInteger, nullable=False),
    Column("index_bytes", BigInteger, nullable=False),
    Column("pack_sha256", String(64), nullable=False),  # of the sealed blob, as stored
    Column("index_sha256", String(64), nullable=False),
    Column("added_generation", BigInteger, nullable=False),
    # Set when a repack replaced it; its blobs stay 24 hours for fetches under way.
    Column("retired_at_ms", BigInteger),
    Index("ix_packs_repository", "repository_id", "retired_at_ms"),
)

# A Git password accepted when a push began stays good for that push (design.md section 4).
push_grace = Table(
    "push_grace",
    metadata,
    Column("signature_hash", String(64), nullable=False),
    Column("repository_id", String(36), nullable=False),
    Column("principal_id", String(64), nullable=False),
    Column("client_address", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("signature_hash", "repository_id"),
)

# --- what is told to others -----------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String(36), primary_key=True),
    _account(),
    Column("region", String(32), nullable=False),
    Column("detail_type", String(64), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("at_ms", BigInteger, nullable=False),
    Column("sent", Boolean, nullable=False),
    Index("ix_outbox_unsent", "sent", "at_ms"),
)

audit = Table(
    "audit",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("account_id", String(12), nullable=False),  # no foreign key: refusals name no account of ours
    Column("region", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("service", String(32), nullable=False),
    Column("action", String(128), nullable=False),
    Column("principal_arn", String(2048), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("source_ip", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),  # allowed, denied, failed
    Column("detail", Text, nullable=False),  # JSON: request id, error code, deciding statement, refs
    Index("ix_audit_account", "account_id", "at_ms"),
)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), checkfirst=False)
