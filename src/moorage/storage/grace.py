"""Grace for long pushes: a Git password accepted when a push began stays good for that push.

Packing and hooks may take longer than the password lives. Only a hash of the signature is kept.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from moorage.storage.tables import push_grace
from moorage.storage.upsert import insert_if_absent

# How long a push may take between its first request and its pack (design.md section 4).
GRACE_MS = 4 * 60 * 60 * 1000


def grant(
    connection: Connection,
    signature_hash: str,
    repository_id: str,
    *,
    principal_id: str,
    client_address: str,
    now_ms: int,
) -> None:
    """Remember that this signature opened a push of this repository; drop what has expired."""
    connection.execute(delete(push_grace).where(push_grace.c.expires_at_ms < now_ms))
    consume(connection, signature_hash, repository_id)
    values = {
        "signature_hash": signature_hash,
        "repository_id": repository_id,
        "principal_id": principal_id,
        "client_address": client_address,
        "expires_at_ms": now_ms + GRACE_MS,
    }
    # Another push may begin with the same password at this very moment: then its row serves both.
    insert_if_absent(connection, push_grace, values)


def stands(
    connection: Connection,
    signature_hash: str,
    repository_id: str,
    *,
    principal_id: str,
    client_address: str,
    now_ms: int,
) -> bool:
    """Tell whether an expired signature may still finish the push it began, from the same address."""
    query = select(push_grace.c.expires_at_ms).where(
        push_grace.c.signature_hash == signature_hash,
        push_grace.c.repository_id == repository_id,
        push_grace.c.principal_id == principal_id,
        push_grace.c.client_address == client_address,
        push_grace.c.expires_at_ms >= now_ms,
    )
    return connection.execute(query).first() is not None


def consume(connection: Connection, signature_hash: str, repository_id: str) -> None:
    """Use the grace up: it is good for one push."""
    connection.execute(
        delete(push_grace).where(
            push_grace.c.signature_hash == signature_hash, push_grace.c.repository_id == repository_id
        )
    )
