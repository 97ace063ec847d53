"""The rows' database: SQLite on one machine, PostgreSQL for many; the same code above both."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Transaction, literal_column, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from moorage.core.faults import SERVICE_UNAVAILABLE, Fault, unavailable
from moorage.storage import engines
from moorage.storage.refusal import StorageRefused

# How long anything waits for the database before the caller is told to come back.
BUSY_TIMEOUT_S = 5.0

Result = TypeVar("Result")
About = ParamSpec("About")

_SQLITE_NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_POSTGRES_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"

_NOW = {
    "sqlite": literal_column(_SQLITE_NOW, BigInteger),
    "postgresql": literal_column(_POSTGRES_NOW, BigInteger),
}
_NOWS = {dialect: select(time) for dialect, time in _NOW.items()}  # made once: every change asks

# Primary result codes that a retry, or the operator, may cure. All else that SQLite calls an
# operational error (a missing table, a syntax error) is a bug and stays one.
_SQLITE_TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)

# Serialization failure and deadlock: the transaction is gone, and may be run again from its start.
_POSTGRES_CONFLICTS = frozenset({"40001", "40P01"})
# Cancelled, lock not available, too many connections, out of disk or memory, shutting down.
_POSTGRES_TRANSIENT = ("08", "53", "55P03", "57")


class TransactionConflict(Fault):
    """Another transaction won. Nothing was changed; running this one again may succeed."""


class OutcomeUnknown(Fault):
    """The connection broke at COMMIT: the change may be there or not. Read it back before answering."""


class Database:
    """Transactions on the rows, from any thread.

    Waiting is bounded everywhere; past the bound the caller gets a 503 Fault.
    """

    def __init__(self, kind: str, made: engines.Engines, busy_timeout_s: float) -> None:
        self.kind = kind  # sqlite or postgresql
        self._engines = made
        self._turn = _Turn(busy_timeout_s) if kind == "sqlite" else None
        self._sharing = _Sharing()

    @classmethod
    def open(cls, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Self:
        """Open the database at `sqlite:///PATH` or `postgresql[+psycopg]://…`.

        Raises:
            StorageRefused: it cannot be reached, or acknowledged changes could be lost in it.
        """
        parsed = engines.parse(url)
        database = cls(parsed.get_backend_name(), engines.build(parsed, busy_timeout_s), busy_timeout_s)
        try:
            if database.kind == "postgresql":
                engines.require_durable_postgres(database._engines.reading)
        except BaseException as error:
            database.close()
            if isinstance(error, OperationalError):
                shown = parsed.render_as_string(hide_password=True)
                raise StorageRefused(f"The database {shown} cannot be reached: {error.orig}") from error
            raise
        return database

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a consistent snapshot. On SQLite it is taken at the first statement."""
        with _named():
            if self._sharing.wanted:
                with self._sharing.reading(self._engines.reading) as connection:
                    yield connection
                return
            with self._engines.reading.connect() as connection, connection.begin():
                yield connection

    @contextlib.contextmanager
    def one_snapshot(self) -> Iterator[None]:
        """Let the reads of this thread share a snapshot until the block ends, or the thread writes.

        For a request that asks many small questions: they cost one transaction instead of many, and
        their answers fit together. After a write each read takes its own snapshot again, so that
        nothing is hidden from who has just changed it.
        """
        if self._sharing.wanted:
            yield
            return
        self._sharing.wanted = True
        try:
            yield
        finally:
            self._sharing.end()

    def end_snapshot(self) -> None:
        """Let go of this thread's snapshot before it waits for somebody else: reads take their own again."""
        self._sharing.end()

    def ask(
        self,
        question: Callable[Concatenate[Connection, About], Result],
        *about: About.args,
        **more: About.kwargs,
    ) -> Result:
        """Return `question(connection, *about)`, asked once within `one_snapshot`: its answer cannot change.

        What it is about must be hashable, and what it answers nobody's to change.
        """
        place = (question, about, *sorted(more.items()))
        if place in self._sharing.answers:
            known: Result = self._sharing.answers[place]
            return known
        with self.read() as connection:
            answer = question(connection, *about, **more)
        if self._sharing.wanted:
            self._sharing.answers[place] = answer
        return answer

    def told(self, answer: object, question: Callable[..., object], *about: Hashable) -> None:
        """Note what `ask(question, *about)` would answer, learnt from another question to this snapshot."""
        if self._sharing.wanted:
            self._sharing.answers[question, about] = answer

    @contextlib.contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a transaction that commits when the block ends and rolls back when it raises.

        One that is not `durable` is seen by all at once, and spares the disk's sync: a power cut,
        not a killed process, may lose it. For what may be lost, as the last use of a key.

        On SQLite the write lock is taken at once, one writer at a time in a process. On
        PostgreSQL the level is READ COMMITTED: lock the rows that a decision rests on.

        Raises:
            Fault: ServiceUnavailable (503) past the bounded wait; TransactionConflict;
                OutcomeUnknown when the connection broke during COMMIT.
        """
        self._sharing.end()
        turn = self._turn.taken() if self._turn is not None else contextlib.nullcontext()
        engine = self._engines.writing if durable else self._engines.noting
        with turn, _named(), engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(DBAPIError):
                    transaction.rollback()
                raise
            _commit(transaction)

    def write_again(self, work: Callable[[Connection], Result], attempts: int = 5) -> Result:
        """Run `work` in a write transaction, and again from the start after a TransactionConflict."""
        for _ in range(attempts - 1):
            with contextlib.suppress(TransactionConflict), self.write() as connection:
                return work(connection)
        with self.write() as connection:
            return work(connection)

    def now_ms(self, connection: Connection) -> int:
        """Return the database's own time, in Unix milliseconds: the same for every node."""
        return now_ms(connection)

    def migrate(self) -> None:
        """Bring the tables to this version's. Does nothing, fast, when they are.

        Raises:
            StorageRefused: a newer moorage made the tables.
        """
        from moorage.storage import migrations  # noqa: PLC0415 - Alembic is slow to import

        if not migrations.is_current(self):
            migrations.upgrade(self._engines.migrating)

    def close(self) -> None:
        """Close every pooled connection."""
        self._engines.reading.dispose()
        self._engines.writing.dispose()
        self._engines.noting.dispose()


class _Sharing(threading.local):
    """The snapshot that one thread's reads share."""

    def __init__(self) -> None:
        self.wanted = False
        self.answers: dict[Hashable, Any] = {}  # what the snapshot answered
        self._connection: Connection | None = None
        self._readers = 0

    @contextlib.contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        if self._connection is None:
            connection = engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        self._readers += 1
        try:
            yield self._connection
        except BaseException:
            self.wanted = False  # the transaction may be broken: nobody reads in it again
            self.answers.clear()
            raise
        finally:
            self._readers -= 1
            if not self.wanted:
                self.end()

    def end(self) -> None:
        """Share no more; a read under way keeps the snapshot to its own end."""
        self.wanted = False
        self.answers.clear()
        if self._readers == 0 and self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


class _Turn:
    """One writer at a time in this process: SQLite's own waiting is unfair, and polls."""

    def __init__(self, timeout_s: float) -> None:
        self._lock = threading.Lock()
        self._timeout_s = timeout_s
        self._holder: int | None = None

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        if self._holder == threading.get_ident():
            raise RuntimeError("a write transaction was begun inside another one of the same thread")
        if not self._lock.acquire(timeout=self._timeout_s):
            raise unavailable("The database is busy with other changes; try again.", waited_s=self._timeout_s)
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()


def now(connection: Connection) -> ColumnElement[int]:
    """Return the SQL for the database's own time in Unix milliseconds."""
    return _NOW[connection.dialect.name]


def now_ms(connection: Connection) -> int:
    """Return the database's own time, in Unix milliseconds."""
    return int(connection.execute(_NOWS[connection.dialect.name]).scalar_one())


def _commit(transaction: Transaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if _outcome_is_unknown(error):
            message = "The database broke off while a change was saved; it may or may not be there."
            raise OutcomeUnknown(SERVICE_UNAVAILABLE, message, status=503, cause=str(error.orig)) from error
        raise


def _outcome_is_unknown(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        # A failed fsync of the log may still leave the commit on the disk.
        return _primary_code(error.orig) == sqlite3.SQLITE_IOERR
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(("08", "57P"))


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Turn what a retry may cure into a Fault; leave constraints and bugs as they are."""
    try:
        yield
    except PoolTimeout as error:
        raise unavailable("The database is busy; try again.", cause="no free connection") from error
    except DBAPIError as error:
        fault = _fault(error)
        if fault is None:
            raise
        raise fault from error


def _fault(error: DBAPIError) -> Fault | None:
    cause = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        code = _primary_code(error.orig)
        if code == sqlite3.SQLITE_FULL:
            return unavailable("The database's disk is full.", cause=cause)
        return (
            unavailable("The database is busy; try again.", cause=cause)
            if code in _SQLITE_TRANSIENT
            else None
        )
    state = getattr(error.orig, "sqlstate", None)
    if state in _POSTGRES_CONFLICTS:
        message = "Another change got in between; try again."
        return TransactionConflict(SERVICE_UNAVAILABLE, message, status=503, cause=cause)
    broken = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    if broken or (state is not None and state.startswith(_POSTGRES_TRANSIENT)):
        return unavailable("The database cannot be reached or is busy; try again.", cause=cause)
    return None


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
