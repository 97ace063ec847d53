from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from identities_at_hand import NOW_MS
from kms_at_hand import KmsDesk
from moorage.core.secrets import Secret
from moorage.crypto.root_key import FileWatch, RootKey, RootKeyError
from moorage.keys import sealed_columns
from moorage.server import installation, root_key_rotation
from moorage.server.first_start import CHECK_CONTEXT
from moorage.server.root_key_source import RootKeySource
from moorage.storage import access_keys, service_credentials, tables
from moorage.storage.database import Database

HOURS_36 = 36 * 3_600_000


@dataclass
class Kept:
    """An installation with its root key in a file, as a running service has it."""

    desk: KmsDesk
    path: Path

    @property
    def database(self) -> Database:
        return self.desk.call.database

    @property
    def source(self) -> RootKeySource:
        return RootKeySource(f"file:{self.path}", {}, self.database)

    def rotate(self) -> root_key_rotation.Rotation:
        return root_key_rotation.rotate(self.database, self.source)

    def finish(self, *, end_sessions: bool = True) -> root_key_rotation.Rotation:
        return root_key_rotation.finish(self.database, self.source, end_sessions=end_sessions)

    def sealed(self) -> list[bytes]:
        with self.database.read() as connection:
            return [
                bytes(value)
                for place in sealed_columns.SEALED_COLUMNS
                for value in connection.execute(select(place.table.c[place.column])).scalars()
            ]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    desk = KmsDesk.at(tmp_path)
    path = tmp_path / "root.key"
    desk.call.root_key.save(path)
    made = Kept(desk, path)
    # What the service holds follows the file.
    desk.call.root_key.watch(FileWatch(path))
    desk.ask("RotateKeyOnDemand", KeyId=desk.key())
    check = desk.call.root_key.seal(b"moorage", CHECK_CONTEXT)
    with made.database.write() as connection:
        installation.set_fact(connection, installation.ROOT_KEY_CHECK, base64.b64encode(check).decode())
    yield made
    desk.close()


def use_everything(kept: Kept) -> None:
    """Open what is sealed, as the service does that holds the key from before."""
    root_key = kept.desk.call.root_key
    with kept.database.read() as connection:
        for row in connection.execute(select(tables.access_keys)).mappings():
            root_key.open(row["secret_sealed"], access_keys.seal_context(row["access_key_id"]))
    key_id = kept.desk.ask("ListKeys")["Keys"][0]["KeyId"]
    sealed = kept.desk.ask("Encrypt", KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    assert kept.desk.ask("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_a_rotation_seals_everything_anew_and_a_running_service_follows(kept: Kept) -> None:
    before = kept.desk.call.root_key.key_id
    done = kept.rotate()
    assert done.key_id != before
    assert done.old_key_ids == (before,)
    assert done.resealed == len(kept.sealed()) >= 3
    use_everything(kept)
    fresh = kept.source.load()
    assert not any(fresh.sealed_with_old(sealed) for sealed in kept.sealed())
    kept.desk.key()
    assert kept.desk.call.root_key.key_id == done.key_id, "the service seals under the new key"


def test_a_rotation_that_was_killed_anywhere_is_gone_on_with(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_columns, "BATCH", 1)
    writes = limit = 0
    real = Database.write

    def dying(self: Database, **more: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes == limit:
            raise KeyboardInterrupt
        return real(self, **more)

    key_id = ""
    for killed_at in (1, 2, 3, 4):
        writes, limit = 0, killed_at
        monkeypatch.setattr(Database, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            kept.rotate()
        monkeypatch.setattr(Database, "write", real)
        use_everything(kept)
        key_id = key_id or kept.source.load().key_id
    done = kept.rotate()
    assert (done.key_id, len(done.old_key_ids)) == (key_id, 1), "no second new key was made"
    use_everything(kept)
    kept.finish()
    use_everything(kept)


def test_the_old_key_is_dropped_and_everything_still_opens(kept: Kept) -> None:
    old = kept.rotate().old_key_ids[0]
    kept.finish()
    assert kept.source.load().old_key_ids == ()
    assert old not in kept.path.read_text()
    assert kept.path.stat().st_mode & 0o777 == 0o600
    use_everything(kept)
    with pytest.raises(RootKeyError, match="no old root key"):
        kept.finish()


def test_the_old_key_stays_as_long_as_a_session_of_before_may_last(kept: Kept) -> None:
    kept.rotate()
    with pytest.raises(RootKeyError, match="for 36 h more"):
        kept.finish(end_sessions=False)
    with kept.database.write() as connection:
        noted = json.loads(installation.fact(connection, installation.ROOT_KEY_ROTATION) or "")
        noted["at_ms"] -= HOURS_36
        installation.replace_fact(connection, installation.ROOT_KEY_ROTATION, json.dumps(noted))
    kept.finish(end_sessions=False)


def test_git_passwords_of_before_still_work_when_the_old_key_is_gone(kept: Kept) -> None:
    root_key = kept.desk.call.root_key
    old = root_key.key_id
    password = Secret("x" * 44)
    before = service_credentials.hash_of(root_key, old, "ACCA", password)
    user = kept.desk.installation.add_user("mary")
    with kept.database.write() as connection:
        owner = service_credentials.create(
            connection, root_key, user, service="codecommit.amazonaws.com", now_ms=NOW_MS
        )
    assert owner
    kept.rotate()
    kept.finish()
    fresh = kept.source.load()
    assert fresh.old_key_ids == ()
    assert service_credentials.hash_of(fresh, old, "ACCA", password) == before
    with pytest.raises(RootKeyError):
        fresh.derive("session secrets", old)


def test_what_is_sealed_under_the_old_key_at_the_last_moment_keeps_it(kept: Kept) -> None:
    kept.rotate()
    copy = RootKey.parse(kept.path.read_text())
    late = RootKey.parse("\n".join(reversed(kept.path.read_text().splitlines())))
    store = RootKeySource.store
    opened: list[RootKey] = []

    class Slow(RootKeySource):
        def store(self, key: RootKey) -> None:
            store(self, key)
            if not opened:  # a service that had not looked yet
                opened.append(key)
                with self.database.write() as connection:
                    row = connection.execute(select(tables.access_keys)).mappings().first()
                    assert row is not None
                    context = access_keys.seal_context(row["access_key_id"])
                    sealed = late.seal(copy.open(row["secret_sealed"], context), context)
                    connection.execute(update(tables.access_keys).values(secret_sealed=sealed))

    with pytest.raises(RootKeyError, match="last moment"):
        root_key_rotation.finish(kept.database, Slow(kept.source.text, {}, kept.database), end_sessions=True)
    assert len(kept.source.load().old_key_ids) == 1
    use_everything(kept)
    kept.finish()


def test_a_key_in_a_variable_is_rotated_by_who_sets_it(kept: Kept) -> None:
    text = kept.desk.call.root_key.render()
    fixed = RootKeySource("env:KEY", {"KEY": text}, kept.database)
    with pytest.raises(RootKeyError, match="Put a new line"):
        root_key_rotation.rotate(kept.database, fixed)
    both = RootKey.parse(text).rotated().render()
    done = root_key_rotation.rotate(kept.database, RootKeySource("env:KEY", {"KEY": both}, kept.database))
    assert done.resealed >= 3


def test_a_file_that_cannot_be_read_for_a_moment_changes_nothing(kept: Kept) -> None:
    kept.path.write_text("broken")
    kept.desk.key()
    use_everything(kept)
