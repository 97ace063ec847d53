"""Pull requests with their revisions and history, approval rules and their templates."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from moorage.storage.tables.metadata import account, metadata


def _repository() -> Column[str]:
    return Column(
        "repository_id",
        String(36),
        ForeignKey("repositories.repository_id", ondelete="CASCADE"),
        nullable=False,
    )


def _pull_request() -> Column[str]:
    return Column(
        "pull_request_key",
        String(36),
        ForeignKey("pull_requests.pull_request_key", ondelete="CASCADE"),
        nullable=False,
    )


# The number of the newest pull request of an account and region: AWS finds one by its number alone.
pull_request_numbers = Table(
    "pull_request_numbers",
    metadata,
    account(),
    Column("region", String(32), nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "region"),
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("pull_request_key", String(36), primary_key=True),  # a UUID, never shown
    account(),
    Column("region", String(32), nullable=False),
    Column("number", BigInteger, nullable=False),  # shown as pullRequestId
    _repository(),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("author_arn", String(2048), nullable=False),
    Column("status", String(8), nullable=False),  # OPEN, CLOSED
    Column("source_ref", LargeBinary, nullable=False),  # full names, bytes as in refs
    Column("destination_ref", LargeBinary, nullable=False),
    Column("source_commit", String(64), nullable=False),
    Column("destination_commit", String(64), nullable=False),
    Column("merge_base", String(64)),  # null where the histories have nothing in common
    Column("revision_id", String(64), nullable=False),
    Column("client_request_token", String(128)),
    Column("is_merged", Boolean, nullable=False),
    Column("merged_by", String(2048)),
    Column("merge_commit", String(64)),
    Column("merge_option", String(32)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_activity_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "number"),
    Index("ix_pull_requests_repository", "repository_id", "status", "last_activity_at_ms"),
)

# Each state of a source branch that a pull request has shown: approvals and overrides hang on it.
pull_request_revisions = Table(
    "pull_request_revisions",
    metadata,
    Column("revision_id", String(64), primary_key=True),
    _pull_request(),
    Column("source_commit", String(64), nullable=False),
    Column("destination_commit", String(64), nullable=False),
    Column("merge_base", String(64)),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("ix_pull_request_revisions_pull_request", "pull_request_key"),
)

pull_request_events = Table(
    "pull_request_events",
    metadata,
    _pull_request(),
    Column("number", BigInteger, nullable=False),  # from 1, in order, within the pull request
    Column("event_type", String(64), nullable=False),  # the model's PullRequestEventType
    Column("actor_arn", String(2048), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),  # JSON: the model's metadata member for the type
    PrimaryKeyConstraint("pull_request_key", "number"),
)

approval_rule_templates = Table(
    "approval_rule_templates",
    metadata,
    Column("template_id", String(36), primary_key=True),
    account(),
    Column("region", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", String(1000)),
    Column("content", Text, nullable=False),  # JSON, as sent
    Column("content_sha256", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    Column("modified_by", String(2048), nullable=False),
    UniqueConstraint("account_id", "region", "name"),
)

approval_rule_template_repositories = Table(
    "approval_rule_template_repositories",
    metadata,
    Column(
        "template_id",
        String(36),
        ForeignKey("approval_rule_templates.template_id", ondelete="CASCADE"),
        nullable=False,
    ),
    _repository(),
    PrimaryKeyConstraint("template_id", "repository_id"),
    Index("ix_approval_rule_template_repositories_repository", "repository_id"),
)

approval_rules = Table(
    "approval_rules",
    metadata,
    Column("rule_id", String(36), primary_key=True),
    _pull_request(),
    Column("name", String(100), nullable=False),
    Column("content", Text, nullable=False),  # JSON, as sent
    Column("content_sha256", String(64), nullable=False),
    # The template that it was made from; no foreign key: the rule outlives its template.
    Column("template_id", String(36)),
    Column("template_name", String(100)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    Column("modified_by", String(2048), nullable=False),
    UniqueConstraint("pull_request_key", "name"),
)

# Who approves a revision. Revoking removes the row.
approvals = Table(
    "approvals",
    metadata,
    Column(
        "revision_id",
        String(64),
        ForeignKey("pull_request_revisions.revision_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("user_arn", String(2048), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("revision_id", "user_arn"),
)

# Revisions whose approval rules somebody has put aside. Revoking removes the row.
approval_overrides = Table(
    "approval_overrides",
    metadata,
    Column(
        "revision_id",
        String(64),
        ForeignKey("pull_request_revisions.revision_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("overrider_arn", String(2048), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# Merge commits made through the API: GetMergeCommit finds them by what was merged.
merge_commits = Table(
    "merge_commits",
    metadata,
    _repository(),
    Column("number", Integer, nullable=False),  # from 1, in order, within the repository
    Column("source_commit", String(64), nullable=False),
    Column("destination_commit", String(64), nullable=False),
    Column("base_commit", String(64)),
    Column("merged_commit", String(64), nullable=False),
    Column("merge_option", String(32), nullable=False),
    Column("detail_level", String(16), nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("repository_id", "number"),
    Index("ix_merge_commits_merged", "repository_id", "source_commit", "destination_commit"),
)
