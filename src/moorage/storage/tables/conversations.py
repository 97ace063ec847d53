"""Comments and reactions, and the tokens that make a request good for one answer only."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from moorage.storage.tables.metadata import account, metadata

comments = Table(
    "comments",
    metadata,
    Column("comment_id", String(73), primary_key=True),  # two UUIDs joined by a colon
    account(),
    Column("region", String(32), nullable=False),
    Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    ),
    # Null for a comment on two commits that no pull request is about.
    Column(
        "pull_request_key",
        String(36),
        ForeignKey("pull_requests.pull_request_key", ondelete="CASCADE"),
    ),
    Column("number", BigInteger, nullable=False),  # order within the repository
    Column("before_commit", String(64)),
    Column("after_commit", String(64), nullable=False),
    Column("before_blob", String(64)),
    Column("after_blob", String(64)),
    Column("file_path", Text),  # null for a comment on the change as a whole
    Column("file_position", BigInteger),  # a line, from 1; null for one on a whole file
    Column("file_version", String(8)),  # BEFORE, AFTER
    Column("in_reply_to", String(73)),
    Column("content", Text),  # null once deleted
    Column("deleted", Boolean, nullable=False),
    Column("author_arn", String(2048), nullable=False),
    Column("client_request_token", String(128)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    Index("ix_comments_repository", "repository_id", "number"),
    Index("ix_comments_pull_request", "pull_request_key", "number"),
    Index("ix_comments_compared", "repository_id", "after_commit", "before_commit"),
)

reactions = Table(
    "reactions",
    metadata,
    Column("comment_id", String(73), ForeignKey("comments.comment_id", ondelete="CASCADE"), nullable=False),
    Column("user_arn", String(2048), nullable=False),
    Column("reaction", String(64), nullable=False),  # its short code without colons: thumbsup
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("comment_id", "user_arn"),
)

# What a caller's clientRequestToken has been answered with.
request_tokens = Table(
    "request_tokens",
    metadata,
    account(),
    Column("region", String(32), nullable=False),
    Column("caller_id", String(256), nullable=False),  # the principal's unique id
    Column("operation", String(64), nullable=False),
    Column("token", String(128), nullable=False),
    Column("parameters_sha256", String(64), nullable=False),
    Column("answer_id", String(73), nullable=False),  # of what was made
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "caller_id", "operation", "token"),
    Index("ix_request_tokens_age", "at_ms"),
)
