"""What only PostgreSQL can do wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import insert, select, text

from moorage.core.faults import Fault
from moorage.storage import tables
from moorage.storage.database import Database, OutcomeUnknown, TransactionConflict
from moorage.storage.refusal import StorageRefused

pytestmark = pytest.mark.slow
FACTS = tables.installation


@pytest.mark.parametrize("level", ["off", "local", "remote_write"])
def test_a_server_that_may_lose_acknowledged_changes_is_refused(postgres_url: str, level: str) -> None:
    database = postgres_url.split("@/", 1)[1].split("?", 1)[0]
    host = postgres_url.split("host=", 1)[1]
    with psycopg.connect(f"host={host} user=moorage dbname={database}", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = {level}".encode())
    with pytest.raises(StorageRefused, match="synchronous_commit"):
        Database.open(postgres_url)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StorageRefused, match="cannot be reached") as refused:
        Database.open("postgresql://me:hush@127.0.0.1:1/none", busy_timeout_s=1)
    assert "hush" not in str(refused.value)


@pytest.fixture
def rows(postgres_url: str) -> Iterator[Database]:
    opened = Database.open(postgres_url, busy_timeout_s=1)
    opened.migrate()
    with opened.write() as connection:
        for name in ("a", "b"):
            connection.execute(insert(FACTS).values(name=name, value="0"))
    yield opened
    opened.close()


def test_of_two_in_a_deadlock_one_is_told_to_run_again(postgres_url: str, rows: Database) -> None:
    patient = Database.open(postgres_url, busy_timeout_s=10)
    outcomes: list[object] = []
    both = threading.Barrier(2)

    def run(first: str, second: str) -> None:
        try:
            with patient.write() as connection:
                connection.execute(FACTS.update().where(FACTS.c.name == first).values(value=first))
                both.wait()
                connection.execute(FACTS.update().where(FACTS.c.name == second).values(value=first))
        except Fault as fault:
            outcomes.append(type(fault))
        else:
            outcomes.append("done")

    runs = [threading.Thread(target=run, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    patient.close()
    assert sorted(map(str, outcomes)) == sorted(["done", str(TransactionConflict)])


def test_only_what_may_be_lost_spares_the_servers_sync(rows: Database) -> None:
    def setting(*, durable: bool) -> str:
        with rows.write(durable=durable) as connection:
            return str(connection.execute(text("SHOW synchronous_commit")).scalar_one())

    assert [setting(durable=durable) for durable in (True, False, True)] == ["on", "off", "on"]


def test_a_serialization_failure_is_a_conflict(rows: Database) -> None:
    def late() -> None:
        with rows.write() as slow:
            slow.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            slow.execute(select(FACTS)).all()
            with rows.write() as quick:
                quick.execute(FACTS.update().where(FACTS.c.name == "a").values(value="1"))
            slow.execute(FACTS.update().where(FACTS.c.name == "a").values(value="2"))

    with pytest.raises(TransactionConflict):
        late()


def test_a_connection_cut_in_a_transaction_is_a_503_and_the_next_request_works(rows: Database) -> None:
    def cut() -> None:
        with rows.write() as connection:
            connection.execute(FACTS.update().where(FACTS.c.name == "a").values(value="1"))
            _terminate(rows, connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            connection.execute(select(FACTS)).all()

    with pytest.raises(Fault) as refused:
        cut()
    assert (refused.value.status, isinstance(refused.value, OutcomeUnknown)) == (503, False)
    with rows.read() as connection:
        assert connection.execute(select(FACTS.c.value).where(FACTS.c.name == "a")).scalar_one() == "0"


def test_a_connection_cut_at_commit_leaves_the_outcome_unknown(rows: Database) -> None:
    def cut() -> None:
        with rows.write() as connection:
            connection.execute(FACTS.update().where(FACTS.c.name == "a").values(value="1"))
            _terminate(rows, connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    with pytest.raises(OutcomeUnknown) as refused:
        cut()
    assert refused.value.status == 503


def test_idle_pools_survive_a_restart_of_the_server(rows: Database) -> None:
    with rows.read() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    _terminate(rows, pid)
    with rows.read() as connection:
        assert len(connection.execute(select(FACTS)).all()) == 2


def _terminate(rows: Database, pid: int) -> None:
    engine = rows._engines.migrating()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": pid}).scalar_one()
    engine.dispose()
