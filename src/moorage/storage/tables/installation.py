"""The installation's own facts, and leases."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, String, Table, Text

from moorage.storage.tables.metadata import metadata

# Facts about this installation: "default_account", "default_region", "root_key_check",
# "ssh_host_keys" (sealed).
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
