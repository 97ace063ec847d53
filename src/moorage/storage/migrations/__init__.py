"""The tables' history. `upgrade` runs it; Alembic is imported only when there is something to do."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from moorage.storage.refusal import StorageRefused

if TYPE_CHECKING:
    from alembic.config import Config

# The revision that this version's code needs. A test compares it with the newest file of versions/.
HEAD = "0003"

# Any constant will do; it keeps two nodes from migrating one database at once.
_ADVISORY_LOCK = 0x6D6F6F72


class Readable(Protocol):
    """A database whose rows can be read: all that is needed to ask for its revision."""

    def read(self) -> AbstractContextManager[Connection]: ...


def is_current(database: Readable) -> bool:
    """Tell whether the tables are at HEAD, with one small query."""
    try:
        with database.read() as connection:
            return _revision(connection) == HEAD
    except DBAPIError:  # there is no version table: the database is new
        return False


def upgrade(migrating: Callable[[], Engine], revision: str = "head") -> None:
    """Run the revisions that are missing, in one transaction.

    Raises:
        StorageRefused: the tables were made by a newer moorage.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, and rarely needed

    with _exclusively(migrating) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(migrating: Callable[[], Engine], revision: str) -> None:
    """Go back to an older revision, in one transaction."""
    from alembic import command  # noqa: PLC0415

    with _exclusively(migrating) as connection:
        command.downgrade(_config(connection), revision)


def check(migrating: Callable[[], Engine]) -> None:
    """Raise Alembic's CommandError when the tables and `tables.metadata` differ. For tests."""
    from alembic import command  # noqa: PLC0415

    with _exclusively(migrating) as connection:
        command.check(_config(connection))


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _exclusively(migrating: Callable[[], Engine]) -> Iterator[Connection]:
    engine = migrating()
    try:
        with engine.begin() as connection:
            sqlite = connection.dialect.name == "sqlite"
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            _require_known(connection)
            yield connection
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise StorageRefused(
                    "The migration would break references between rows; nothing was changed."
                )
    finally:
        engine.dispose()


def _require_known(connection: Connection) -> None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return
    revision = _revision(connection)
    known = {
        path.name[1:].split("_", 1)[0] for path in (Path(__file__).parent / "versions").glob("r[0-9]*.py")
    }
    if revision is not None and revision not in known:
        raise StorageRefused(
            f"The database is at revision {revision}, which this version of moorage does not know: "
            "a newer one made it. Upgrade moorage, or restore a backup."
        )


def _revision(connection: Connection) -> str | None:
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
