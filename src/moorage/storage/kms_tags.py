"""Rows of KMS keys' tags. Every function works in its caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, insert, select

from moorage.storage import tables

_TAGS = tables.kms_tags


def of(connection: Connection, key_id: str) -> dict[str, str]:
    """Return a key's tags, by name."""
    query = select(_TAGS.c.key, _TAGS.c.value).where(_TAGS.c.key_id == key_id).order_by(_TAGS.c.key)
    return {str(key): str(value) for key, value in connection.execute(query)}


def put(connection: Connection, key_id: str, tags: Mapping[str, str]) -> None:
    """Add tags, or give those there other values."""
    remove(connection, key_id, tags)
    if tags:
        rows = [{"key_id": key_id, "key": key, "value": value} for key, value in tags.items()]
        connection.execute(insert(_TAGS), rows)


def remove(connection: Connection, key_id: str, keys: Iterable[str]) -> None:
    """Remove tags; one that is not there is no error."""
    connection.execute(delete(_TAGS).where(_TAGS.c.key_id == key_id, _TAGS.c.key.in_(list(keys))))
