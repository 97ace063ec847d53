"""What is told to others: events, triggers and their deliveries, and the audit trail."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from moorage.storage.tables.metadata import account, metadata

# SQLite numbers rows by itself only where their key has its own type INTEGER.
_POSITION = BigInteger().with_variant(Integer, "sqlite")

outbox = Table(
    "outbox",
    metadata,
    # Grows. Whoever appends an event of a repository holds that repository's row: its events are in order.
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    Column("event_id", String(36), nullable=False, unique=True),
    account(),
    Column("region", String(32), nullable=False),
    Column("detail_type", String(64), nullable=False),
    Column("resource_arn", String(2048), nullable=False),  # empty for an event of no repository
    Column("detail", Text, nullable=False),  # JSON
    Column("at_ms", BigInteger, nullable=False),
    Column("sent", Boolean, nullable=False),
    Index("ix_outbox_unsent", "sent", "position"),
    sqlite_autoincrement=True,
)

repository_triggers = Table(
    "repository_triggers",
    metadata,
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("number", Integer, nullable=False),  # from 0, in the order they were put
    Column("configuration_id", String(36), nullable=False),  # new with each Put, the same for all of it
    Column("name", String(100), nullable=False),
    Column("destination_arn", String(2048), nullable=False),
    Column("custom_data", String(1000), nullable=False),
    Column("branches", Text, nullable=False),  # JSON list; empty for all
    Column("events", Text, nullable=False),  # JSON list
    PrimaryKeyConstraint("repository_id", "number"),
)

# Messages on their way to somebody: one row for each message and target, until it arrived or is given up.
deliveries = Table(
    "deliveries",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    Column("delivery_id", String(36), nullable=False, unique=True),
    Column("target", String(2048), nullable=False),  # a trigger's destination ARN, or the name of a sink
    # What is kept in order: a repository's ARN. Of one stream to one target, only the first is tried.
    Column("stream", String(2048), nullable=False),
    Column("region", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, dead
    Column("last_error", String(1000), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_deliveries_due", "state", "next_attempt_at_ms"),
    Index("ix_deliveries_stream", "state", "target", "stream", "position"),
    sqlite_autoincrement=True,
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
    Column("request_id", String(36), nullable=False),  # empty where nobody asked: the service's own work
    Index("ix_audit_account", "account_id", "at_ms"),
    Index("ix_audit_request", "request_id"),
)
