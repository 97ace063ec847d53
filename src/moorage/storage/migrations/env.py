"""What Alembic runs: the connection comes from `migrations.upgrade`, with its transaction begun."""

from __future__ import annotations

from alembic import context

from moorage.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
