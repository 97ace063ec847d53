"""Whether the role or user behind a session is still there: asked on every request of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, literal, select
from sqlalchemy.sql import Select

from moorage.core.arn import Arn, iam_arn
from moorage.storage import accounts, tables
from moorage.storage.identifiers import ROLE


@dataclass(frozen=True, slots=True)
class SessionIssuer:
    """The role, user or root user that a session came from, and how its account stands now.

    `issuer_id` is a unique id, or the account's own for its root user, who has no `name` and `path`.
    """

    account_id: str
    partition: str
    account_open: bool
    revision: int
    issuer_id: str
    name: str | None
    path: str | None

    @property
    def is_root(self) -> bool:
        return self.issuer_id == self.account_id

    @property
    def is_there(self) -> bool:
        return self.is_root or self.name is not None

    @property
    def arn(self) -> Arn:
        kind = "role" if self.issuer_id.startswith(ROLE) else "user"
        return iam_arn(
            self.partition, self.account_id, "root" if self.is_root else f"{kind}{self.path}{self.name}"
        )


_ACCOUNT: tuple[ColumnElement[Any], ...] = (
    tables.accounts.c.account_id,
    tables.accounts.c.partition,
    (tables.accounts.c.state == accounts.ACTIVE).label("account_open"),
    tables.accounts.c.identity_revision,
    bindparam("issuer_id"),
)


def _with(table: Table, issuer_id: str) -> Select[Any]:
    of_the_account = and_(
        table.c[issuer_id] == bindparam("issuer_id"), table.c.account_id == tables.accounts.c.account_id
    )
    return (
        select(*_ACCOUNT, table.c.name, table.c.path)
        .outerjoin_from(tables.accounts, table, of_the_account)
        .where(tables.accounts.c.account_id == bindparam("account_id"))
    )


# Made once, for building a statement takes longer than running it.
_ROLE = _with(tables.roles, "role_id")
_USER = _with(tables.users, "user_id")
_ROOT = select(*_ACCOUNT, literal(None), literal(None)).where(
    tables.accounts.c.account_id == bindparam("account_id")
)


def find(connection: Connection, account_id: str, issuer_id: str) -> SessionIssuer | None:
    """Return the issuer as it is now, gone or not; None when there is no such account. One indexed query."""
    query = _ROLE if issuer_id.startswith(ROLE) else _ROOT if issuer_id == account_id else _USER
    row = connection.execute(query, {"account_id": account_id, "issuer_id": issuer_id}).one_or_none()
    return None if row is None else SessionIssuer(*row)
