"""Tags of many repositories at once; those of one are read and changed by `storage.repositories`."""

from __future__ import annotations

from sqlalchemy import Connection, select

from moorage.storage import tables


def of_region(connection: Connection, account_id: str, region: str) -> dict[str, dict[str, str]]:
    """Return the tags of an account's repositories in one region, by repository id; none of untagged ones."""
    tags, repositories = tables.repository_tags, tables.repositories
    query = (
        select(tags.c.repository_id, tags.c.key, tags.c.value)
        .join(repositories, repositories.c.repository_id == tags.c.repository_id)
        .where(repositories.c.account_id == account_id, repositories.c.region == region)
    )
    found: dict[str, dict[str, str]] = {}
    for repository_id, key, value in connection.execute(query):
        found.setdefault(repository_id, {})[key] = value
    return found
