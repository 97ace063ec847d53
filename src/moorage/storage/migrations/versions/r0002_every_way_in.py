"""Roles, temporary and Git credentials, SSH keys, MFA, and all that the KMS API keeps.

A frozen copy of the new part of `storage.tables` as it was then. Safe while older nodes serve: they
ignore the new tables, and new columns have a default. Back out: downgrade drops them.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"
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

# Tables of the first revision that the new ones refer to.
_OLDER = (
    Table("accounts", metadata, Column("account_id", String(12), primary_key=True)),
    Table("users", metadata, Column("user_id", String(32), primary_key=True)),
    Table("kms_keys", metadata, Column("key_id", String(36), primary_key=True)),
)


def _account() -> Column[str]:
    return Column("account_id", String(12), ForeignKey("accounts.account_id"), nullable=False)


# Passwords of the console. `owner_id` is a user's id, or the account's own for its root user.
login_profiles = Table(
    "login_profiles",
    metadata,
    Column("owner_id", String(32), primary_key=True),
    _account(),
    Column("password_hash", String(256), nullable=False),  # argon2id, in its PHC form
    Column("reset_required", Boolean, nullable=False),
    Column("max_session_seconds", Integer),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

# Passwords used before, newest last, as many as the account's password policy may ask about.
old_passwords = Table(
    "old_passwords",
    metadata,
    Column("owner_id", String(32), nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Column("password_hash", String(256), nullable=False),
    PrimaryKeyConstraint("owner_id", "changed_at_ms"),
)

password_policies = Table(
    "password_policies",
    metadata,
    Column("account_id", String(12), ForeignKey("accounts.account_id"), primary_key=True),
    Column("document", Text, nullable=False),  # JSON, the members of AWS's PasswordPolicy
)

mfa_devices = Table(
    "mfa_devices",
    metadata,
    Column("device_id", String(32), primary_key=True),
    _account(),
    Column("name", String(226), nullable=False),
    Column("path", String(512), nullable=False),
    Column("seed_sealed", LargeBinary, nullable=False),  # under the root key, bound to the device id
    # Null until enabled; a user's id, or the account's own for its root user.
    Column("owner_id", String(32), index=True),
    Column("enabled_at_ms", BigInteger),
    Column("last_step", BigInteger, nullable=False),  # TOTP time step used last: none is good twice
    Column("drift_steps", Integer, nullable=False),  # how far its clock was ahead at the last resync
    Column("failures", Integer, nullable=False),  # wrong codes since the last right one
    Column("failed_at_ms", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name"),
)

account_aliases = Table(
    "account_aliases",
    metadata,
    Column("alias", String(63), primary_key=True),
    Column("account_id", String(12), ForeignKey("accounts.account_id"), nullable=False, unique=True),
    Column("created_at_ms", BigInteger, nullable=False),
)

# User names and passwords for git (HTTPS Git credentials).
service_credentials = Table(
    "service_credentials",
    metadata,
    Column("credential_id", String(32), primary_key=True),  # ACCA…
    _account(),
    Column(
        "user_id", String(32), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("service", String(64), nullable=False),
    Column("user_name", String(200), nullable=False, unique=True),  # name-at-account, of one account alone
    Column("password_hash", String(64), nullable=False),  # HMAC-SHA-256 under a key of the root key
    Column("hash_key_id", String(16), nullable=False),  # the root key it was derived from
    Column("status", String(8), nullable=False),  # Active, Inactive
    Column("created_at_ms", BigInteger, nullable=False),
)

ssh_keys = Table(
    "ssh_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),  # APKA…, the SSH login name
    _account(),
    Column(
        "user_id", String(32), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("body", Text, nullable=False),  # as uploaded: an ssh-rsa line or PEM
    Column("public_blob", LargeBinary, nullable=False),  # in SSH's own encoding
    Column("fingerprint", String(47), nullable=False),  # MD5, as AWS shows it
    Column("status", String(8), nullable=False),  # Active, Inactive
    Column("uploaded_at_ms", BigInteger, nullable=False),
    UniqueConstraint("user_id", "fingerprint"),
)

# The newest credential report of each account.
credential_reports = Table(
    "credential_reports",
    metadata,
    Column("account_id", String(12), ForeignKey("accounts.account_id"), primary_key=True),
    Column("content", Text, nullable=False),  # CSV
    Column("generated_at_ms", BigInteger, nullable=False),
)

roles = Table(
    "roles",
    metadata,
    Column("role_id", String(32), primary_key=True),  # AROA…
    _account(),
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
    _account(),
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
    _account(),
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
    _account(),
    Column("name", String(128), nullable=False),
    Column("metadata", Text, nullable=False),  # the identity provider's XML, as uploaded
    Column("created_at_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger),
    UniqueConstraint("account_id", "name"),
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


def upgrade() -> None:
    new = [table for table in metadata.sorted_tables if table not in _OLDER]
    metadata.create_all(op.get_bind(), tables=new, checkfirst=False)
    for column in (
        Column("key_spec", String(32), nullable=False, server_default="SYMMETRIC_DEFAULT"),
        Column("key_usage", String(32), nullable=False, server_default="ENCRYPT_DECRYPT"),
        Column("origin", String(24), nullable=False, server_default="AWS_KMS"),
        Column("material_version", Integer, nullable=False, server_default="0"),
        Column("rotation_days", Integer),
        Column("rotated_at_ms", BigInteger),
        Column("rotate_at_ms", BigInteger),
        Column("deletion_at_ms", BigInteger),
    ):
        op.add_column("kms_keys", column)
    op.add_column("kms_aliases", Column("created_at_ms", BigInteger))
    op.add_column("kms_aliases", Column("updated_at_ms", BigInteger))
    op.add_column("audit", Column("request_id", String(36), nullable=False, server_default=""))
    op.create_index("ix_audit_request", "audit", ["request_id"])


def downgrade() -> None:
    op.drop_index("ix_audit_request", "audit")
    for table, columns in _ADDED.items():
        with op.batch_alter_table(table) as batch:
            for name in columns:
                batch.drop_column(name)
    metadata.drop_all(
        op.get_bind(),
        tables=[table for table in metadata.sorted_tables if table not in _OLDER],
        checkfirst=False,
    )


_ADDED = {
    "audit": ("request_id",),
    "kms_aliases": ("created_at_ms", "updated_at_ms"),
    "kms_keys": (
        "key_spec",
        "key_usage",
        "origin",
        "material_version",
        "rotation_days",
        "rotated_at_ms",
        "rotate_at_ms",
        "deletion_at_ms",
    ),
}
