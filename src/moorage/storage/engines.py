"""SQLAlchemy engines for the two kinds of database, set up as durability demands."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.util import LRUCache

from moorage.storage.network_paths import network_type
from moorage.storage.refusal import StorageRefused

# Small: a few worker threads serve requests, and one may read while it reads (the gate does).
_READERS = 8
_POSTGRES_WRITERS = 8

_REMEDY = "use sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"

# What PostgreSQL must be set to, or an acknowledged push can be lost at a power cut.
_POSTGRES_DURABILITY = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}


class Engines(NamedTuple):
    """Engines to read by, to write by and to note by, and how to make one for migrations.

    What is noted is visible at once, as what is written, and may be lost in a power cut.
    """

    reading: Engine
    writing: Engine
    noting: Engine
    migrating: Callable[[], Engine]


def parse(url: str) -> URL:
    """Return a database URL with its driver.

    Raises:
        StorageRefused: it is not one of the two kinds.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageRefused(f"The database URL cannot be read; {_REMEDY}.") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise StorageRefused(f"Databases of kind {parsed.drivername} are not supported; {_REMEDY}.")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise StorageRefused(f"A SQLite database needs a file; {_REMEDY}.")
    return parsed


def build(url: URL, busy_timeout_s: float) -> Engines:
    """Return the engines for a parsed URL. SQLite's file is made, in WAL mode, when it is missing."""
    if url.drivername == "sqlite":
        return _sqlite(url, busy_timeout_s)
    return _postgres(url, busy_timeout_s)


# --- SQLite ---------------------------------------------------------------------------------


@cache
def _sqlite_dialect() -> Dialect:
    """The one dialect of this process's SQLite engines, so that they share what was compiled for it."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:  # the first connection tells it which SQLite this is
        dialect = connection.dialect
    engine.dispose()
    return dialect


# A statement is compiled once in a process, whichever engine of whichever database runs it first.
_SQLITE_COMPILED = LRUCache[Any, Any](1_000)


def _sqlite(url: URL, busy_timeout_s: float) -> Engines:
    path = Path(url.database or "").absolute()
    _make_file(path)
    _use_wal(path, busy_timeout_s)

    def engine(begin: str, pragmas: tuple[str, ...] = (), **pool: Any) -> Engine:
        made = create_engine(
            url,
            # Worker threads take turns with a connection; the pool gives it to one at a time.
            # Transactions are begun by us, never by the driver.
            connect_args={"check_same_thread": False, "isolation_level": None, "timeout": busy_timeout_s},
            execution_options={"compiled_cache": _SQLITE_COMPILED},
            **pool,
        )
        made.dialect = _sqlite_dialect()
        event.listen(made, "connect", lambda connection, _record: _configure(connection, pragmas))
        event.listen(made, "begin", lambda connection: _begin(connection, begin))
        return made

    foreign_keys = "PRAGMA foreign_keys=ON"
    pool: dict[str, Any] = {"poolclass": QueuePool, "pool_timeout": busy_timeout_s}
    return Engines(
        reading=engine(
            "BEGIN", (foreign_keys, "PRAGMA query_only=ON"), pool_size=_READERS, max_overflow=_READERS, **pool
        ),
        writing=engine("BEGIN IMMEDIATE", (foreign_keys,), pool_size=1, max_overflow=0, **pool),
        # In WAL mode NORMAL is as consistent as FULL: a commit is not synced, the next one's sync does it.
        noting=engine(
            "BEGIN IMMEDIATE",
            (foreign_keys, "PRAGMA synchronous=NORMAL"),
            pool_size=1,
            max_overflow=0,
            **pool,
        ),
        # Batch migrations drop and rename tables: with foreign keys on, a drop would cascade.
        migrating=lambda: engine("BEGIN IMMEDIATE", ("PRAGMA foreign_keys=OFF",), poolclass=NullPool),
    )


def _configure(connection: sqlite3.Connection, pragmas: tuple[str, ...]) -> None:
    for pragma in ("PRAGMA synchronous=FULL", "PRAGMA trusted_schema=OFF", *pragmas):
        connection.execute(pragma)


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = network_type(path.parent)
    if kind is not None:
        raise StorageRefused(
            f"{path} lies on a network file system ({kind}), where SQLite loses data; "
            "put it on a local disk, or use PostgreSQL."
        )
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageRefused(f"The database {path} cannot be opened: {error.strerror}.") from error
    os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _use_wal(path: Path, busy_timeout_s: float) -> None:
    """Switch the file to WAL, once and for all who open it.

    SQLite does not wait for another process that makes the same switch, so this does.
    """
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            with contextlib.closing(
                sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
            ) as connection:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise StorageRefused(f"{path} cannot be used as a SQLite database: {error}.") from error
            if time.monotonic() > deadline:
                raise StorageRefused(f"{path} is locked by another program.") from error
            time.sleep(0.02)  # SQLite does not wait for a lock while it changes the journal mode
            continue
        if mode != "wal":
            raise StorageRefused(f"{path} cannot be put into WAL mode; put it on a local disk.")
        return


# --- PostgreSQL -----------------------------------------------------------------------------


def _postgres(url: URL, busy_timeout_s: float) -> Engines:
    milliseconds = round(busy_timeout_s * 1000)

    def engine(writers: int, **options: Any) -> Engine:
        made = create_engine(
            url,
            pool_size=writers,
            max_overflow=writers,
            pool_timeout=busy_timeout_s,
            pool_pre_ping=True,  # a restarted server costs no request a failure
            pool_recycle=3600,
            connect_args={"connect_timeout": max(2, round(busy_timeout_s))},
            **options,
        )
        event.listen(made, "connect", lambda connection, _record: _bound_waits(connection, milliseconds))
        return made

    writing = engine(_POSTGRES_WRITERS, isolation_level="READ COMMITTED")
    noting = writing.execution_options()  # the same connections
    event.listen(noting, "begin", lambda connection: _begin(connection, "SET LOCAL synchronous_commit = off"))
    return Engines(
        # Both statements of a read see the same rows.
        reading=engine(
            _READERS, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}
        ),
        writing=writing,
        noting=noting,
        migrating=lambda: create_engine(url, poolclass=NullPool),
    )


def _bound_waits(connection: Any, milliseconds: int) -> None:
    """Bound every wait of a session: for a lock, for a statement, and for a client that is gone."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds}")
        cursor.execute("SET statement_timeout = '120s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '120s'")
    connection.commit()


def require_durable_postgres(engine: Engine) -> None:
    """Refuse a server that may lose what it has acknowledged.

    Raises:
        StorageRefused: a setting is off, or the server cannot say.
    """
    with engine.connect() as connection:
        for name, accepted in _POSTGRES_DURABILITY.items():
            value = connection.execute(text("SELECT current_setting(:name, true)"), {"name": name}).scalar()
            if value not in accepted:
                raise StorageRefused(
                    f"PostgreSQL's {name} is {value or 'unknown'}: an acknowledged push could be lost at a "
                    f"power cut. Set it to {' or '.join(accepted)} (ALTER SYSTEM SET {name} = 'on', "
                    "then SELECT pg_reload_conf())."
                )
