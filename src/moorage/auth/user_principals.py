"""The principals of users who sign in with a Git credential or an SSH key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from moorage.core.principal import Principal
from moorage.storage import identities

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.storage.credential_owners import UserOwner
    from moorage.storage.database import Database

# As many as there may be users in an installation (design.md section 8).
KEPT = 5_000


class UserPrincipals:
    """Makes them once for each revision of their account: any change there makes them anew."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Principal]] = OrderedDict()

    def of(self, connection: Connection, owner: UserOwner) -> Principal:
        """Return a user's principal, no key named: neither kind of credential is an access key."""
        # The gate will ask for it: one query less for each request.
        revision = owner.revision if owner.account_open else None
        self._database.told(revision, identities.revision, owner.account_id)
        with self._lock:
            kept = self._kept.get(owner.user_id)
            if kept is not None and kept[0] == owner.revision:
                self._kept.move_to_end(owner.user_id)
                return kept[1]
        principal = Principal(
            "user",
            owner.arn,
            owner.account_id,
            owner.partition,
            owner.user_id,
            user_name=owner.user_name,
            tags=identities.tags_of(connection, owner.user_id),
        )
        with self._lock:
            self._kept[owner.user_id] = (owner.revision, principal)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return principal
