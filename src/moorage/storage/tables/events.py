"""What is told to others: the outbox and the audit trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

from moorage.storage.tables.metadata import account, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String(36), primary_key=True),
    account(),
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
    Column("request_id", String(36), nullable=False),  # empty where nobody asked: the service's own work
    Index("ix_audit_account", "account_id", "at_ms"),
    Index("ix_audit_request", "request_id"),
)
