"""Rows of the tags on users and customer policies, found by their unique ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, insert, select

from moorage.storage import tables


def folded(key: str) -> str:
    """Return a tag key as it is compared: in small letters, each in the place of one letter.

    A letter whose small form takes two code points stays: the column is as long as the key may be.
    """
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in key)


def of(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return the tags of a thing, by key, in the spelling they were set with."""
    table = tables.identity_tags
    query = (
        select(table.c.key, table.c.value).where(table.c.owner_id == owner_id).order_by(table.c.key_folded)
    )
    return {str(key): str(value) for key, value in connection.execute(query)}


def put(connection: Connection, owner_id: str, tags: Mapping[str, str]) -> None:
    """Set tags; one whose key differs only by case takes the older one's place."""
    if not tags:
        return
    remove(connection, owner_id, tags)
    connection.execute(
        insert(tables.identity_tags),
        [
            {"owner_id": owner_id, "key_folded": folded(key), "key": key, "value": value}
            for key, value in tags.items()
        ],
    )


def remove(connection: Connection, owner_id: str, keys: Iterable[str]) -> None:
    """Take tags away; keys that are not there are no error, and case is ignored."""
    table = tables.identity_tags
    compared = [folded(key) for key in keys]
    connection.execute(delete(table).where(table.c.owner_id == owner_id, table.c.key_folded.in_(compared)))
