"""Repositories: their refs, packs and tags."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from moorage.storage.tables.metadata import account, metadata

repositories = Table(
    "repositories",
    metadata,
    Column("repository_id", String(36), primary_key=True),
    account(),
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
