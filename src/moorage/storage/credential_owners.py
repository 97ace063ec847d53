"""Whose a Git credential or SSH key is, as one query finds it with the credential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Table

from moorage.core.arn import Arn, iam_arn
from moorage.storage import accounts, tables

if TYPE_CHECKING:
    from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class UserOwner:
    """A user, its account, and the account's identity revision that all of it was read at."""

    account_id: str
    partition: str
    account_open: bool
    revision: int
    user_id: str
    user_name: str
    user_path: str

    @property
    def arn(self) -> Arn:
        return iam_arn(self.partition, self.account_id, f"user{self.user_path}{self.user_name}")


# What a query selects to bring an owner, in the order of its fields.
COLUMNS: tuple[ColumnElement[Any], ...] = (
    tables.accounts.c.account_id,
    tables.accounts.c.partition,
    (tables.accounts.c.state == accounts.ACTIVE).label("account_open"),
    tables.accounts.c.identity_revision,
    tables.users.c.user_id,
    tables.users.c.name,
    tables.users.c.path,
)


def joined(credentials: Table) -> FromClause:
    """Return a table of credentials with the users and accounts that they belong to."""
    users, held_by = tables.users, tables.accounts
    return credentials.join(users, credentials.c.user_id == users.c.user_id).join(
        held_by, credentials.c.account_id == held_by.c.account_id
    )


def owner_of(row: Row[Any], start: int) -> UserOwner:
    """Read an owner from the columns of a row that begin at `start`."""
    return UserOwner(*row[start : start + len(COLUMNS)])
