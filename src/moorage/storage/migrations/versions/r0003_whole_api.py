"""The whole CodeCommit API: pull requests, approval rules, comments, triggers, and events in order.

A frozen copy of the new part of `storage.tables` as it was then. Safe while older nodes serve: they
ignore the new tables. The outbox is made anew, with an order: what was in it nobody had asked for,
for nothing sent events yet. Older nodes write to it as before. Back out: downgrade drops the tables.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
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

revision = "0003"
down_revision = "0002"
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

# Tables of earlier revisions that the new ones refer to.
_OLDER = (
    Table("accounts", metadata, Column("account_id", String(12), primary_key=True)),
    Table("repositories", metadata, Column("repository_id", String(36), primary_key=True)),
)


def account() -> Column[str]:
    return Column("account_id", String(12), ForeignKey("accounts.account_id"), nullable=False)


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


def upgrade() -> None:
    op.drop_table("outbox")
    new = [table for table in metadata.sorted_tables if table not in _OLDER]
    metadata.create_all(op.get_bind(), tables=new, checkfirst=False)


def downgrade() -> None:
    metadata.drop_all(
        op.get_bind(),
        tables=[table for table in metadata.sorted_tables if table not in _OLDER],
        checkfirst=False,
    )
    op.create_table(
        "outbox",
        Column("event_id", String(36), primary_key=True),
        account(),
        Column("region", String(32), nullable=False),
        Column("detail_type", String(64), nullable=False),
        Column("resource_arn", String(2048), nullable=False),
        Column("detail", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("sent", Boolean, nullable=False),
    )
    op.create_index("ix_outbox_unsent", "outbox", ["sent", "at_ms"])
