"""Whose password or MFA device a request is about: a user's, or the account's root user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.arn import iam_arn
from moorage.services.iam import refusals
from moorage.services.iam.subjects import own_user
from moorage.storage import users

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.services.iam.service import Request
    from moorage.storage.users import UserRow

# What root calls itself where a request must carry a name. A user of that name goes first.
ROOT_NAME = "root"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, or with None the root user. `owner_id` is what rows know them by."""

    account_id: str
    user: UserRow | None

    @property
    def owner_id(self) -> str:
        return self.account_id if self.user is None else self.user.user_id

    @property
    def name(self) -> str:
        return ROOT_NAME if self.user is None else self.user.name

    def arn(self, partition: str) -> str:
        if self.user is None:
            return iam_arn(partition, self.account_id, "root")
        return self.user.arn(partition)


def owner_of(connection: Connection, caller: Caller, request: Request) -> Owner:
    """Return whom `UserName` names; without one, the caller.

    Raises:
        Fault: NoSuchEntity; InvalidInput when the caller is neither a user nor root and names nobody.
    """
    name = request.get("UserName")
    if name is None:
        return Owner(caller.account_id, own_user(connection, caller))
    user = users.find(connection, caller.account_id, name)
    if user is None and not (caller.principal.kind == "root" and name in {ROOT_NAME, caller.account_id}):
        raise refusals.no_such_user(name)
    return Owner(caller.account_id, user)
