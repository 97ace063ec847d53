"""A real database with one account, for tests of identities: no server, no mocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from botocore.parsers import create_parser

from moorage.auth.gate import Gate
from moorage.core.arn import iam_arn
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.core.secrets import Secret
from moorage.crypto.root_key import RootKey
from moorage.services.call import Call
from moorage.storage import accounts, users
from moorage.storage.accounts import NewAccount
from moorage.storage.database import Database
from moorage.storage.users import UserRow
from moorage.wire import models, violations
from moorage.wire.dispatch import Service

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOW_MS = 1_795_521_600_000
ACCOUNT = "111122223333"


@cache
def _migrated() -> bytes:
    """Migrate once; each test gets a copy."""
    with TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/rows.db")
        database.migrate()
        database.close()
        return Path(folder, "rows.db").read_bytes()


@dataclass
class Installation:
    """A migrated SQLite database in a temporary folder, its root key, and an account."""

    database: Database
    root_key: RootKey
    account: NewAccount

    @classmethod
    def at(cls, folder: Path) -> Installation:
        (folder / "rows.db").write_bytes(_migrated())
        database = Database.open(f"sqlite:///{folder}/rows.db")
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


class Desk:
    """Asks a service's operations as one principal, the way the API's door does: rules, gate, handler.

    Requests are checked against the model, and answers are what botocore reads from the bytes sent.
    """

    def __init__(self, installation: Installation, service: Service[Call], principal: Principal) -> None:
        self.installation = installation
        self.service = service
        absent: Any = None  # what these services do not use
        self.call = Call(
            caller=Caller(principal, "us-east-1", "request-1", NOW),
            database=installation.database,
            root_key=installation.root_key,
            gate=Gate(installation.database),
            regions=absent,
            repositories=absent,
            opener=absent,
            publisher=absent,
            keyring=absent,
            clone_urls=absent,
        )

    def ask(self, operation_name: str, **request: object) -> dict[str, Any]:
        """Return what a client would read, or raise the Fault it would be told."""
        operation = self.service.find(operation_name)
        violations.validate(request, operation.model)
        for target in operation.targets(self.call, request):
            if target.ask is not None:
                target.ask(operation.action)
            else:
                self.call.gate.require(self.call.caller, operation.action, target.arn, target.context)
        answer = operation.render(operation.handle(self.call, request), "request-1")
        sent = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
        read: dict[str, Any] = create_parser(models.protocol(self.service.name)).parse(
            sent, operation.model.output_shape
        )
        read.pop("ResponseMetadata")
        return read

    def refusal(self, operation_name: str, **request: object) -> Fault:
        """Return the Fault that an operation ends in."""
        with pytest.raises(Fault) as refused:
            self.ask(operation_name, **request)
        return refused.value


def root_principal(account_id: str = ACCOUNT, partition: str = "aws") -> Principal:
    return Principal("root", iam_arn(partition, account_id, "root"), account_id, partition, account_id)


def user_principal(user: UserRow) -> Principal:
    return Principal("user", user.arn("aws"), user.account_id, "aws", user.user_id, user_name=user.name)
