"""KMS keys."""

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
)

from moorage.storage.tables.metadata import account, metadata

kms_keys = Table(
    "kms_keys",
    metadata,
    Column("key_id", String(36), primary_key=True),
    account(),
    Column("region", String(32), nullable=False),
    Column("manager", String(8), nullable=False),  # AWS, CUSTOMER
    Column("state", String(16), nullable=False),  # Enabled, Disabled, PendingDeletion
    Column("description", String(8192), nullable=False),
    Column("policy", Text, nullable=False),
    Column("material_sealed", LargeBinary, nullable=False),  # under the root key, bound to the key id
    Column("created_at_ms", BigInteger, nullable=False),
    Column("key_spec", String(32), nullable=False),  # SYMMETRIC_DEFAULT, RSA_2048, HMAC_256, …
    Column("key_usage", String(32), nullable=False),  # ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, …
    Column("origin", String(24), nullable=False),  # AWS_KMS, EXTERNAL
    Column("material_version", Integer, nullable=False),  # grows with each rotation, from 0
    Column("rotation_days", Integer),  # null: not rotated by itself
    Column("rotated_at_ms", BigInteger),
    Column("rotate_at_ms", BigInteger),  # when the next rotation by itself is due
    Column("deletion_at_ms", BigInteger),  # when a key pending deletion goes
)

kms_aliases = Table(
    "kms_aliases",
    metadata,
    account(),
    Column("region", String(32), nullable=False),
    Column("alias", String(256), nullable=False),  # with the "alias/" prefix
    Column("key_id", String(36), ForeignKey("kms_keys.key_id"), nullable=False),
    Column("created_at_ms", BigInteger),
    Column("updated_at_ms", BigInteger),
    PrimaryKeyConstraint("account_id", "region", "alias"),
)

# Key material that a rotation replaced: what it sealed can still be opened.
kms_old_materials = Table(
    "kms_old_materials",
    metadata,
    Column("key_id", String(36), ForeignKey("kms_keys.key_id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("material_sealed", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column(
        "rotation_type", String(16), nullable=False
    ),  # of the rotation that replaced it: AUTOMATIC, ON_DEMAND
    Column("replaced_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_id", "version"),
)

kms_grants = Table(
    "kms_grants",
    metadata,
    Column("grant_id", String(64), primary_key=True),
    Column(
        "key_id", String(36), ForeignKey("kms_keys.key_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("grantee", String(2048), nullable=False),
    Column("retiring_principal", String(2048)),
    Column("issuing_account", String(2048), nullable=False),
    Column("operations", Text, nullable=False),  # JSON list
    Column("constraints", Text, nullable=False),  # JSON object, {} for none
    Column("name", String(256)),
    Column("token", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

kms_tags = Table(
    "kms_tags",
    metadata,
    Column("key_id", String(36), ForeignKey("kms_keys.key_id", ondelete="CASCADE"), nullable=False),
    Column("key", String(128), nullable=False),
    Column("value", String(256), nullable=False),
    PrimaryKeyConstraint("key_id", "key"),
)
