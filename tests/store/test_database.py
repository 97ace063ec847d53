"""One contract for both kinds of database."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from moorage.core.faults import Fault
from moorage.storage import migrations, tables
from moorage.storage.database import Database, TransactionConflict
from moorage.storage.refusal import StorageRefused
from moorage.storage.upsert import insert_if_absent

FACTS = tables.installation


def put(database: Database, name: str, value: str = "1") -> None:
    with database.write() as connection:
        connection.execute(insert(FACTS).values(name=name, value=value))


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(FACTS.c.name).order_by(FACTS.c.name)).scalars())


def test_a_write_that_ends_well_is_kept(database: Database) -> None:
    put(database, "a")
    assert names(database) == ["a"]


def test_a_write_that_need_not_be_durable_is_seen_by_all_at_once(database: Database) -> None:
    with database.write(durable=False) as connection:
        connection.execute(insert(FACTS).values(name="a", value="1"))
    assert names(database) == ["a"]


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(insert(FACTS).values(name="a", value="1"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert names(database) == []
    put(database, "b")
    assert names(database) == ["b"]


def test_a_broken_constraint_is_told_as_such(database: Database) -> None:
    put(database, "a")
    with pytest.raises(IntegrityError):
        put(database, "a")


def test_foreign_keys_are_enforced_and_cascade(database: Database) -> None:
    statement = insert(tables.repository_tags).values(repository_id="none", key="k", value="v")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(statement)


def test_a_read_is_one_snapshot(database: Database) -> None:
    put(database, "a")
    with database.read() as connection:
        first = connection.execute(select(FACTS.c.name)).all()
        put(database, "b")
        assert connection.execute(select(FACTS.c.name)).all() == first
    assert names(database) == ["a", "b"]


def test_reads_that_share_a_snapshot_see_nothing_newer(database: Database) -> None:
    with database.one_snapshot():
        assert names(database) == []
        other = threading.Thread(target=put, args=(database, "a"))
        other.start()
        other.join()
        assert names(database) == []
    assert names(database) == ["a"]


def test_a_write_is_seen_by_the_reads_after_it_though_they_shared_a_snapshot(database: Database) -> None:
    with database.one_snapshot():
        assert names(database) == []
        put(database, "a")
        assert names(database) == ["a"]
        put(database, "b")
        assert names(database) == ["a", "b"]


def test_a_question_is_asked_once_in_a_shared_snapshot_and_anew_after_a_write(database: Database) -> None:
    asked: list[str] = []

    def count(connection: Connection, prefix: str) -> int:
        asked.append(prefix)
        return len(connection.execute(select(FACTS.c.name).where(FACTS.c.name.startswith(prefix))).all())

    assert (database.ask(count, "a"), database.ask(count, "a")) == (0, 0)
    assert asked == ["a", "a"]  # alone, each read sees what is newest
    with database.one_snapshot():
        assert (database.ask(count, "a"), database.ask(count, "b"), database.ask(count, "a")) == (0, 0, 0)
        assert asked == ["a", "a", "a", "b"]
        database.told(7, count, "c")
        assert database.ask(count, "c") == 7
        put(database, "a")
        assert (database.ask(count, "a"), database.ask(count, "c")) == (1, 0)
    database.told(7, count, "c")
    assert database.ask(count, "c") == 0


def test_a_read_around_a_write_keeps_its_snapshot(database: Database) -> None:
    statement = select(FACTS.c.name)
    with database.one_snapshot():
        with database.read() as connection:
            assert connection.execute(statement).all() == []
            put(database, "a")
            assert connection.execute(statement).all() == []
        assert names(database) == ["a"]


def test_a_statement_that_fails_does_not_break_the_reads_after_it(database: Database) -> None:
    def fail() -> None:
        with database.read() as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))

    with database.one_snapshot():
        assert names(database) == []
        with pytest.raises(DBAPIError):
            fail()
        assert names(database) == []


def test_a_snapshot_within_a_shared_one_is_the_same_and_ends_with_the_outer(database: Database) -> None:
    with database.one_snapshot():
        assert names(database) == []
        with database.one_snapshot():
            assert names(database) == []
        other = threading.Thread(target=put, args=(database, "a"))
        other.start()
        other.join()
        assert names(database) == []
    assert names(database) == ["a"]


def test_a_read_cannot_write(database: Database) -> None:
    def wrongly() -> None:
        with database.read() as connection:
            connection.execute(insert(FACTS).values(name="a", value="1"))

    with pytest.raises(Exception, match="read"):
        wrongly()
    assert names(database) == []


def test_the_databases_time_is_unix_milliseconds(database: Database) -> None:
    with database.write() as connection:
        assert abs(database.now_ms(connection) - time.time() * 1000) < 2000
    with database.read() as connection:
        assert database.now_ms(connection) > 0


def test_the_databases_time_moves_within_a_transaction(database: Database) -> None:
    with database.write() as connection:
        first = database.now_ms(connection)
        deadline = time.monotonic() + 5
        while database.now_ms(connection) == first:
            assert time.monotonic() < deadline


def test_a_bug_in_a_statement_is_not_called_a_busy_database(database: Database) -> None:
    with pytest.raises(Exception, match="nonsense") as raised, database.read() as connection:
        connection.execute(text("SELECT * FROM nonsense"))
    assert not isinstance(raised.value, Fault)


def test_inserting_unless_absent_tells_which(database: Database) -> None:
    with database.write() as connection:
        assert insert_if_absent(connection, FACTS, {"name": "a", "value": "1"})
        assert not insert_if_absent(connection, FACTS, {"name": "a", "value": "2"})
        assert connection.execute(select(FACTS.c.value)).scalar_one() == "1"


def test_many_threads_writing_lose_nothing(database: Database) -> None:
    put(database, "count", "0")
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with database.write() as connection:
                    row = select(FACTS.c.value).where(FACTS.c.name == "count").with_for_update()
                    value = int(connection.execute(row).scalar_one())
                    connection.execute(FACTS.update().values(value=str(value + 1)))
        except BaseException as error:  # noqa: BLE001 - asserted on below
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as connection:
        assert connection.execute(select(FACTS.c.value)).scalar_one() == "60"


def test_waiting_for_another_writer_is_bounded_and_ends_in_a_503(
    database: Database, database_url: str
) -> None:
    # Another node, or another worker process.
    other = Database.open(database_url, busy_timeout_s=0.2)
    try:
        with database.write() as connection:
            connection.execute(insert(FACTS).values(name="a", value="1"))
            with pytest.raises(Fault) as refused:
                put(other, "a")
        assert refused.value.status == 503
        put(other, "b")
        assert names(database) == ["a", "b"]
    finally:
        other.close()


def test_work_is_run_again_after_a_conflict(database: Database) -> None:
    runs: list[int] = []

    def work(connection: object) -> str:
        runs.append(len(runs))
        if len(runs) < 3:
            raise TransactionConflict("ServiceUnavailable", "again", status=503)
        return "done"

    assert database.write_again(work) == "done"
    assert runs == [0, 1, 2]


def test_work_that_always_conflicts_ends_in_a_503(database: Database) -> None:
    def work(connection: object) -> None:
        raise TransactionConflict("ServiceUnavailable", "again", status=503)

    with pytest.raises(Fault) as refused:
        database.write_again(work, attempts=3)
    assert refused.value.status == 503


# --- migrations -----------------------------------------------------------------------------


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    migrations.check(database._engines.migrating)


def test_migrating_again_changes_nothing(database: Database) -> None:
    put(database, "a")
    database.migrate()
    assert names(database) == ["a"]


def test_migrations_go_down_to_nothing_and_up_again(database: Database) -> None:
    migrations.downgrade(database._engines.migrating, "base")
    assert not migrations.is_current(database)
    database.migrate()
    migrations.check(database._engines.migrating)


def test_tables_of_a_newer_version_are_refused_untouched(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageRefused, match="newer"):
        database.migrate()


def test_nodes_that_start_together_migrate_once(empty_database_url: str) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def begin() -> None:
        try:
            start.wait()
            node = Database.open(empty_database_url)
            node.migrate()
            node.close()
        except BaseException as error:  # noqa: BLE001 - asserted on below
            failures.append(error)

    nodes = [threading.Thread(target=begin) for _ in range(4)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert failures == []
