"""Whose an access key is, with its secret: long-term keys by their rows, temporary ones by their tokens.

One indexed query a request finds owner or issuer, account and revision. What costs more (opening what is
sealed, reading tags) is kept until the account's revision moves, so a key revoked, a user or role deleted,
is refused on the next request, on every node.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from moorage.auth import session_tokens, sessions
from moorage.auth.session_tokens import SessionContents
from moorage.core.principal import Principal
from moorage.core.secrets import Secret
from moorage.storage import access_keys, identities, session_issuers
from moorage.storage.identifiers import TEMPORARY_KEY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.storage.identities import KeyOwner
    from moorage.storage.session_issuers import SessionIssuer

# Keys whose secret and owner are kept (design.md section 8: 5,000 principals, two keys each).
KEPT_KEYS = 10_000
# Sessions, of which each may say 30 KB: whoever may open them must not fill the memory.
KEPT_SESSIONS = 2_000

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Holder:
    """A key's secret and owner."""

    principal: Principal
    secret: Secret


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a key is refused. Told to none but the log and who holds the secret: keys are guessed at."""

    reason: str
    holder: Holder | None = None


class _Kept(Generic[_Value]):
    """A bounded table; the least recently used goes first. Safe among threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, place: Hashable) -> _Value | None:
        with self._lock:
            value = self._values.get(place)
            if value is not None:
                self._values.move_to_end(place)
            return value

    def put(self, place: Hashable, value: _Value) -> None:
        with self._lock:
            self._values[place] = value
            self._values.move_to_end(place)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class KeyHolders:
    """Finds the holders of keys. Any thread may ask."""

    def __init__(self, database: Database, root_key: RootKey) -> None:
        self._database = database
        self._root_key = root_key
        self._holders: _Kept[tuple[int, Holder]] = _Kept(KEPT_KEYS)
        self._sessions: _Kept[tuple[int, Holder]] = _Kept(KEPT_SESSIONS)
        self._tokens: _Kept[tuple[SessionContents, Secret]] = _Kept(KEPT_SESSIONS)

    def find(self, access_key_id: str, token: Secret | None, now: datetime) -> Holder | Unusable:
        """Return the holder of a key that came with this session token, or with none.

        Raises:
            Fault: ExpiredToken; InvalidClientTokenId for a token that is not this key's.
        """
        if not access_keys.is_key_id(access_key_id):
            return Unusable("that is no access key id")
        if not access_key_id.startswith(TEMPORARY_KEY):
            return self._long_term(access_key_id, token)
        if token is None:
            return Unusable("it is a temporary one, and its session token did not come with it")
        return self._temporary(access_key_id, token, now)

    def _long_term(self, access_key_id: str, token: Secret | None) -> Holder | Unusable:
        with self._database.read() as connection:
            owner = identities.key_owner(connection, access_key_id)
            if owner is None:
                return Unusable("there is no such key")
            kept = self._holders.get(access_key_id)
            if kept is not None and kept[0] == owner.revision:
                holder = kept[1]
            else:
                holder = self._opened(connection, owner)
                self._holders.put(access_key_id, (owner.revision, holder))
            self._tell(owner.account_id, owner.revision if owner.account_open else None)
        reason = _fault_of(owner, token)
        return holder if reason is None else Unusable(reason, holder)

    def _opened(self, connection: Connection, owner: KeyOwner) -> Holder:
        context = access_keys.seal_context(owner.access_key_id)
        secret = Secret(self._root_key.open(owner.secret_sealed, context).decode())
        return Holder(_principal(connection, owner), secret)

    def _temporary(self, access_key_id: str, token: Secret, now: datetime) -> Holder | Unusable:
        digest = hashlib.sha256(token.reveal().encode("utf-8", "surrogateescape")).digest()
        # A token that was opened under a root key that is dropped since must not be known any more.
        place = access_key_id, digest, self._root_key.held_ids
        read = self._tokens.get(place)
        if read is None:
            read = session_tokens.opened(self._root_key, token, access_key_id)
            self._tokens.put(place, read)
        contents, secret = read
        session_tokens.require_current(contents, now)
        with self._database.read() as connection:
            issuer = session_issuers.find(connection, contents.account_id, contents.issuer_id)
            reason = _fault_of_issuer(issuer)
            if issuer is None or reason is not None:
                return Unusable(reason or "")
            self._tell(issuer.account_id, issuer.revision)
            kept = self._sessions.get(place)
            if kept is not None and kept[0] == issuer.revision:
                return kept[1]
            tags = {} if issuer.is_root else identities.tags_of(connection, issuer.issuer_id)
        holder = Holder(sessions.principal_of(contents, issuer, access_key_id, tags), secret)
        self._sessions.put(place, (issuer.revision, holder))
        return holder

    def _tell(self, account_id: str, revision: int | None) -> None:
        # The gate will ask for it: one query less for each request.
        self._database.told(revision, identities.revision, account_id)


def _principal(connection: Connection, owner: KeyOwner) -> Principal:
    if owner.user_id is None:
        return Principal(
            "root",
            owner.arn,
            owner.account_id,
            owner.partition,
            owner.account_id,
            access_key_id=owner.access_key_id,
        )
    return Principal(
        "user",
        owner.arn,
        owner.account_id,
        owner.partition,
        owner.user_id,
        user_name=owner.user_name,
        access_key_id=owner.access_key_id,
        tags=identities.tags_of(connection, owner.user_id),
    )


def _fault_of(owner: KeyOwner, session_token: Secret | None) -> str | None:
    """Return why a known key must not be used, or None."""
    if not owner.account_open:
        return "its account is closed"
    if not owner.active:
        return "it is inactive"
    if session_token is not None:
        return "a session token came with it, which only temporary keys have"
    return None


def _fault_of_issuer(issuer: SessionIssuer | None) -> str | None:
    """Return why a session that is current must not be used, or None."""
    if issuer is None or not issuer.account_open:
        return "its account is closed"
    return None if issuer.is_there else "the role or user that it came from was deleted"
