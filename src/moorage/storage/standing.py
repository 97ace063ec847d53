"""How things stand for a request to a repository: one indexed query, asked by every such request.

It brings the repository with its generation and tags, its account's identity revision, and its KMS
key with state, policy and aliases: whatever later stops of the request ask for has been answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, literal, select

from moorage.core.principal import NO_TAGS
from moorage.storage import accounts, identities, kms_keys, kms_tags, repositories, tables
from moorage.storage.kms_keys import KmsKeyRow
from moorage.storage.repositories import RepositoryRow

if TYPE_CHECKING:
    from moorage.storage.database import Database

_ACCOUNTS = tables.accounts
_REPOSITORIES = tables.repositories
_KEYS = tables.kms_keys
_TAGS = tables.repository_tags
_ALIASES = tables.kms_aliases
_KEY_TAGS = tables.kms_tags

# No tag and no alias can hold these: their letters are of a few kinds, and control characters of none.
_WITHIN = "\x1f"
_BETWEEN = "\x1e"


@dataclass(frozen=True, slots=True)
class Standing:
    """What one request needs to know of a repository, read together.

    `revision` is the account's identity revision, None for one that is closed or not there; `row`
    and `key` are None where there is no repository.
    """

    revision: int | None
    row: RepositoryRow | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    key: KmsKeyRow | None = None
    aliases: tuple[str, ...] = ()
    key_is_tagged: bool = False


def _joined(text: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    """Make a subquery of all rows' texts as one: as another statement each would cost several times more."""
    return select(func.aggregate_strings(text, _BETWEEN)).where(*where).scalar_subquery()


_ROW_FIELDS = [field.name for field in fields(RepositoryRow)]
_KEY_FIELDS = [field.name for field in fields(KmsKeyRow)]
_ROW_END = 2 + len(_ROW_FIELDS)
_KEY_END = _ROW_END + len(_KEY_FIELDS)

# Made once, for building a statement takes longer than running it.
_STANDING = (
    select(
        _ACCOUNTS.c.state,
        _ACCOUNTS.c.identity_revision,
        *(_REPOSITORIES.c[name] for name in _ROW_FIELDS),
        *(_KEYS.c[name] for name in _KEY_FIELDS),
        _joined(
            _TAGS.c.key + literal(_WITHIN) + _TAGS.c.value,
            _TAGS.c.repository_id == _REPOSITORIES.c.repository_id,
        ),
        # The managed key's alias is known: only where there may be others are they looked for.
        case(
            (
                _KEYS.c.manager == "CUSTOMER",
                _joined(
                    _ALIASES.c.alias,
                    _ALIASES.c.account_id == _KEYS.c.account_id,
                    _ALIASES.c.region == _KEYS.c.region,
                    _ALIASES.c.key_id == _KEYS.c.key_id,
                ),
            )
        ),
        # Tags of keys may hold any character, so they are asked for apart, where there are any.
        case((_KEYS.c.manager == "CUSTOMER", exists().where(_KEY_TAGS.c.key_id == _KEYS.c.key_id))),
    )
    .select_from(_ACCOUNTS)
    .outerjoin(
        _REPOSITORIES,
        and_(
            _REPOSITORIES.c.account_id == _ACCOUNTS.c.account_id,
            _REPOSITORIES.c.region == bindparam("region"),
            _REPOSITORIES.c.name == bindparam("name"),
        ),
    )
    .outerjoin(_KEYS, _KEYS.c.key_id == _REPOSITORIES.c.kms_key_id)
    .where(_ACCOUNTS.c.account_id == bindparam("account_id"))
)


def read(connection: Connection, account_id: str, region: str, name: str) -> Standing:
    """Return how things stand for a repository name of an account and region."""
    named = {"account_id": account_id, "region": region, "name": name}
    found = connection.execute(_STANDING, named).first()
    if found is None:
        return Standing(None)
    state, revision = found[:2]
    current = revision if state == accounts.ACTIVE else None
    if found[2] is None:
        return Standing(current)
    return Standing(
        current,
        RepositoryRow(*found[2:_ROW_END]),
        _tags(found[_KEY_END]),
        KmsKeyRow(*found[_ROW_END:_KEY_END]),
        tuple(sorted(_pieces(found[_KEY_END + 1]))),
        bool(found[_KEY_END + 2]),
    )


def of(database: Database, account_id: str, region: str, name: str) -> Standing:
    """Return how things stand, and spare the rest of the request the questions that this answers."""
    standing = database.ask(read, account_id, region, name)
    database.told(standing.revision, identities.revision, account_id)
    if standing.row is not None and standing.key is not None:
        database.told(standing.row, repositories.by_id, standing.row.repository_id)
        database.told(standing.key, kms_keys.find, standing.key.key_id)
        if standing.key.manager == "CUSTOMER":
            database.told(standing.aliases, kms_keys.aliases_of, standing.key)
            if not standing.key_is_tagged:
                database.told({}, kms_tags.of, standing.key.key_id)
    return standing


def _pieces(text: str | None) -> Sequence[str]:
    return text.split(_BETWEEN) if text else ()


def _tags(text: str | None) -> dict[str, str]:
    pairs = sorted(piece.partition(_WITHIN) for piece in _pieces(text))
    return {key: value for key, _, value in pairs}
