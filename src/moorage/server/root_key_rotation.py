"""Rotation of the root key while the service runs: a new key in front, all sealed anew, the old dropped.

Each step may be killed and run again. The new key is in its place, durable, before anything is sealed
under it; running services take it up at the next thing that they seal, or open, under it. The old key
stays beside it until `finish`, so whatever a service still sealed with it meanwhile opens too.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from moorage.crypto.root_key import RootKey, RootKeyError
from moorage.keys import sealed_columns
from moorage.server import installation, ssh_host_keys
from moorage.server.first_start import CHECK_CONTEXT
from moorage.storage import service_credentials

if TYPE_CHECKING:
    from moorage.server.root_key_source import RootKeySource
    from moorage.storage.database import Database

# The longest that a session lasts (GetSessionToken and GetFederationToken): its token dies with the key.
LONGEST_SESSION = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was done: the key that seals now, how many secrets were sealed anew, which keys still open."""

    key_id: str
    resealed: int
    old_key_ids: tuple[str, ...]


def rotate(database: Database, source: RootKeySource) -> Rotation:
    """Put a new key in front, unless a rotation is under way, and seal everything anew.

    Raises:
        RootKeyError: the source cannot be written; a variable must be given its new line by hand.
    """
    key = source.load()
    if not key.old_key_ids:
        if not source.can_be_written:
            raise RootKeyError(
                f"The root key comes from {source.text}, which cannot be written. Put a new line before the "
                "one that is there, restart every node with it, then run this again."
            )
        source.store(key.rotated())
        key = source.load()
    _note(database, key)
    return Rotation(key.key_id, reseal(database, key), key.old_key_ids)


def reseal(database: Database, key: RootKey) -> int:
    """Seal everything anew that an old key seals; return how many secrets that were."""
    count = total = sealed_columns.reseal(database, key)
    while count:  # what a service sealed meanwhile
        count = sealed_columns.reseal(database, key)
        total += count
    ssh_host_keys.reseal(database, key)
    _reseal_check(database, key)
    return total


def finish(database: Database, source: RootKeySource, *, end_sessions: bool) -> Rotation:
    """Drop the old keys, when nothing is sealed under them any more.

    Sessions of before the rotation end with them: within the longest session's time this takes
    `end_sessions`. Of what Git credentials were hashed under, the derived key alone is kept.

    Raises:
        RootKeyError: it is too early, or no rotation is under way.
    """
    key = source.load()
    if not key.old_key_ids:
        raise RootKeyError("There is no old root key to drop: run `moorage root-key rotate` first.")
    if not source.can_be_written:
        raise RootKeyError(
            f"The root key comes from {source.text}, which cannot be written: nothing was dropped."
        )
    _require_time(database, key, end_sessions=end_sessions)
    # A copy: it goes on holding the old keys when the source has them no more.
    key = RootKey.parse(key.render())
    resealed = reseal(database, key)
    with database.read() as connection:
        needed = service_credentials.hashed_under_others(connection, key.key_id)
    source.store(key.finished(needed))
    # A service may have sealed something under the old key in the moment before it was dropped.
    late = reseal(database, key)
    if late:
        source.store(key)
        raise RootKeyError(
            "Something was sealed under the old key at the last moment, so that key was kept. Run it again."
        )
    return Rotation(key.key_id, resealed, ())


def _note(database: Database, key: RootKey) -> None:
    """Write down when the sealing key came in front."""
    with database.write() as connection:
        noted = installation.fact(connection, installation.ROOT_KEY_ROTATION)
        if noted is not None and json.loads(noted)["key"] == key.key_id:
            return
        text = json.dumps({"key": key.key_id, "at_ms": database.now_ms(connection)})
        if noted is None:
            installation.set_fact(connection, installation.ROOT_KEY_ROTATION, text)
        else:
            installation.replace_fact(connection, installation.ROOT_KEY_ROTATION, text)


def _require_time(database: Database, key: RootKey, *, end_sessions: bool) -> None:
    with database.read() as connection:
        noted = installation.fact(connection, installation.ROOT_KEY_ROTATION)
        now_ms = database.now_ms(connection)
    rotation = json.loads(noted) if noted is not None else {}
    if rotation.get("key") != key.key_id:
        raise RootKeyError("The rotation has not come so far: run `moorage root-key rotate` again.")
    left = LONGEST_SESSION - timedelta(milliseconds=now_ms - rotation["at_ms"])
    if left > timedelta() and not end_sessions:
        hours = -(-left // timedelta(hours=1))
        raise RootKeyError(
            f"Temporary credentials of before the rotation may be in use for {hours} h more. "
            "Wait, or say --end-sessions."
        )


def _reseal_check(database: Database, key: RootKey) -> None:
    with database.write() as connection:
        check = installation.fact(connection, installation.ROOT_KEY_CHECK)
        if check is None or not key.sealed_with_old(base64.b64decode(check)):
            return
        fresh = key.seal(key.open(base64.b64decode(check), CHECK_CONTEXT), CHECK_CONTEXT)
        installation.replace_fact(connection, installation.ROOT_KEY_CHECK, base64.b64encode(fresh).decode())
