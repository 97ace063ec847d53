"""A real database with one account, for tests of identities: no server, no mocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from moorage.core.secrets import Secret
from moorage.crypto.root_key import RootKey
from moorage.storage import accounts, users
from moorage.storage.accounts import NewAccount
from moorage.storage.database import Database
from moorage.storage.users import UserRow

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOW_MS = 1_795_521_600_000
ACCOUNT = "111122223333"


@dataclass
class Installation:
    """A migrated SQLite database in a temporary folder, its root key, and an account."""

    database: Database
    root_key: RootKey
    account: NewAccount

    @classmethod
    def at(cls, folder: Path) -> Installation:
        database = Database.open(f"sqlite:///{folder}/rows.db")
        database.migrate()
        root_key = RootKey(b"k" * 32)
        with database.write() as connection:
            account = accounts.create(
                connection, root_key, name="main", partition="aws", now_ms=NOW_MS, account_id=ACCOUNT
            )
        return cls(database, root_key, account)

    def add_account(self, account_id: str, partition: str = "aws") -> NewAccount:
        with self.database.write() as connection:
            return accounts.create(
                connection,
                self.root_key,
                name="other",
                partition=partition,
                now_ms=NOW_MS,
                account_id=account_id,
            )

    def add_user(self, name: str, path: str = "/") -> UserRow:
        with self.database.write() as connection:
            return users.create(connection, ACCOUNT, name, path=path, now_ms=NOW_MS)

    def revision(self) -> int:
        with self.database.read() as connection:
            row = accounts.find(connection, ACCOUNT)
            assert row is not None
            return row.identity_revision

    @property
    def root_secret(self) -> Secret:
        return self.account.secret_access_key
