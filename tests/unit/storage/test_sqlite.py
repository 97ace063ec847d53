"""What only SQLite can do wrong."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from moorage.core.faults import Fault
from moorage.storage import migrations, tables
from moorage.storage.database import Database
from moorage.storage.network_paths import network_type
from moorage.storage.refusal import StorageRefused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "moorage.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{path}", busy_timeout_s=0.3)
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_every_connection_is_set_up_so_that_a_power_cut_loses_nothing(database: Database, kind: str) -> None:
    with getattr(database, kind)() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "trusted_schema": 0,
        "busy_timeout": 300,
    }


def test_only_what_may_be_lost_spares_the_disks_sync(database: Database) -> None:
    with database.write(durable=False) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_file_and_what_lies_beside_it_are_their_owners_alone(database: Database, path: Path) -> None:
    database.migrate()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"moorage.db": 0o600, "moorage.db-wal": 0o600, "moorage.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_write_inside_a_write_of_the_same_thread_is_a_bug_told_at_once(database: Database) -> None:
    def nested() -> None:
        with database.write(), database.write():
            pass

    with pytest.raises(RuntimeError, match="inside another"):
        nested()
    with database.write():
        pass


def test_the_second_writer_of_a_process_waits_no_longer_than_told(database: Database) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            held.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with pytest.raises(Fault) as refused, database.write():
        pass
    assert refused.value.status == 503
    done.set()
    holder.join()


def test_a_write_holds_the_lock_from_its_first_moment(database: Database, path: Path) -> None:
    # Else it could read, decide, and then find that another process has changed what it read.
    other = Database.open(f"sqlite:///{path}", busy_timeout_s=0.1)
    entered: list[str] = []

    def enter() -> None:
        with other.write():
            entered.append("in")

    with database.write(), pytest.raises(Fault) as refused:
        enter()
    assert (refused.value.status, entered) == (503, [])
    enter()
    assert entered == ["in"]
    other.close()


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    database.migrate()
    with database.write() as connection:
        connection.execute(insert(tables.installation).values(name="a", value="1"))
        with database.read() as reader:
            assert reader.execute(tables.installation.select()).all() == []


def test_too_many_readers_at_once_end_in_a_503(database: Database) -> None:
    def nest(depth: int) -> None:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
            nest(depth + 1)

    with pytest.raises(Fault) as refused:
        nest(0)
    assert refused.value.status == 503


def test_a_full_disk_is_a_503_that_says_so(database: Database) -> None:
    database.migrate()

    def fill() -> None:
        with database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            connection.execute(insert(tables.installation).values(name="a", value="x" * 100_000))

    with pytest.raises(Fault, match="full") as refused:
        fill()
    assert refused.value.status == 503


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", ""])
def test_other_databases_are_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(StorageRefused, match="sqlite:///PATH"):
        Database.open(url)


def test_a_file_that_is_no_database_is_refused_by_name(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageRefused, match=r"moorage\.db"):
        Database.open(f"sqlite:///{path}")


def test_a_database_locked_by_another_program_is_refused_after_the_wait(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageRefused, match="locked"):
        Database.open(f"sqlite:///{path}", busy_timeout_s=0.1)
    other.close()


def test_a_migration_that_fails_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "_revision", lambda _connection: None)
        with database.write() as connection:
            # In the way of the last table that the revision makes.
            connection.execute(text("CREATE TABLE repository_tags (x)"))
        with pytest.raises(Exception, match="repository_tags"):
            database.migrate()
    with database.read() as connection:
        names = (
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        )
    assert names == ["repository_tags"]


def test_the_newest_revision_is_the_one_the_code_asks_for() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    revisions = sorted(file.name[1:5] for file in versions.glob("r[0-9]*.py"))
    assert revisions[-1] == migrations.HEAD


# --- network file systems -------------------------------------------------------------------

MOUNTS = r"""22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /srv rw - nfs4 server:/srv rw
31 30 0:31 / /srv/local rw - ext4 /dev/sdb rw
32 22 0:32 / /mnt/my\040share rw - cifs //server/share rw
33 22 0:33 / /over rw - nfs4 server:/over rw
34 33 0:34 / /over rw - tmpfs tmpfs rw
garbage
"""


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/home/me", None),
        ("/srv", "nfs4"),
        ("/srv/deep/er", "nfs4"),
        ("/srvx", None),
        ("/srv/local/data", None),
        ("/mnt/my share/x", "cifs"),
        ("/over/x", None),
    ],
)
def test_network_file_systems_are_told_by_the_mount_that_holds_a_path(
    tmp_path: Path, place: str, expected: str | None
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert network_type(Path(place), mounts) == expected


def test_where_there_is_no_list_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert network_type(Path("/srv"), tmp_path / "none") is None
