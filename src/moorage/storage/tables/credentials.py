"""What a user signs in with beside access keys: passwords, MFA devices, Git credentials, SSH keys."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

# Passwords of the console. `owner_id` is a user's id, or the account's own for its root user.
login_profiles = Table(
    "login_profiles",
    metadata,
    Column("owner_id", String(32), primary_key=True),
    account(),
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
    account(),
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
    account(),
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
    account(),
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
