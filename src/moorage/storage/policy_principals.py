"""Principals of trust and key policies: saved as unique ids, shown as ARNs.

A policy that names `user/mary` means the Mary of today. So the ARN of a user or role, and of a role's
session, is saved as the unique id (`AIDA…`, `AROA…`, `AROA…:session`), and a Mary made again later is
nobody to it. Shown is the ARN while the identity lives, the bare id afterwards. Account ids, root ARNs,
`*`, federated users, services and identity providers stay as they were written.

Source: IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from moorage.storage import roles, tables, users
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

_NAMED = re.compile(
    r"arn:(?P<partition>[a-z0-9-]+):(?:"
    r"iam::(?P<account>[0-9]{12}):(?P<kind>user|role)/(?:[!-~]*/)?(?P<name>[^/]+)"
    r"|sts::(?P<sts>[0-9]{12}):assumed-role/(?P<role>[^/]+)/(?P<session>[^/]+))"
)
_ID = re.compile(r"(?P<id>(?:AIDA|AROA)[A-Z0-9]{12,124})(?::(?P<session>.+))?")
# A federated user has no row: it is a name that a user's session was given.
_SESSION_OF_NOBODY = re.compile(r"arn:[a-z0-9-]+:sts::[0-9]{12}:federated-user/.+")


class UnknownPrincipal(Exception):
    """A policy names somebody who does not exist; `name` is the ARN or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no principal {name}")
        self.name = name


def with_ids(connection: Connection, text: str) -> str:
    """Return a policy as it is saved. It must have been parsed: only its principals are looked at.

    Raises:
        UnknownPrincipal: a user, role or unique id in it does not exist in this installation.
    """
    return _replaced(text, lambda name: _saved(connection, name))


def is_known(connection: Connection, arn: str) -> bool:
    """Tell whether there is the user or role of an ARN; of whom nothing is kept, there is who is named."""
    try:
        _saved(connection, arn)
    except UnknownPrincipal:
        return False
    return True


def _saved(connection: Connection, name: str) -> str:
    match = _NAMED.fullmatch(name)
    if match is not None:
        return _id_of(connection, name, match)
    kept = _ID.fullmatch(name)
    if kept is not None and not _arns(connection, {kept["id"]}):
        raise UnknownPrincipal(name)
    if kept is None and name.startswith("arn:") and not _stays(name):
        raise UnknownPrincipal(name)
    return name


def _stays(name: str) -> bool:
    return name.endswith(":root") or _SESSION_OF_NOBODY.fullmatch(name) is not None


def _id_of(connection: Connection, name: str, match: re.Match[str]) -> str:
    account_id = match["account"] or match["sts"]
    find = users.find if match["kind"] == "user" else roles.find
    found = find(connection, account_id, match["name"] or match["role"])
    partition = _partitions(connection, {account_id}).get(account_id)
    if found is None or partition is None or partition != match["partition"]:
        raise UnknownPrincipal(name)
    if match["session"]:
        return f"{found.unique_id}:{match['session']}"
    if found.arn(partition) != name:  # another path
        raise UnknownPrincipal(name)
    return found.unique_id


def with_arns(connection: Connection, texts: Iterable[str]) -> list[str]:
    """Return saved policies as they are shown, with few queries for all of them."""
    wanted = list(texts)
    ids = {match["id"] for text in wanted for name in _names(text) if (match := _ID.fullmatch(name))}
    arns = _arns(connection, ids)
    return [_replaced(text, lambda name: _shown(name, arns)) for text in wanted]


def _shown(name: str, arns: Mapping[str, str]) -> str:
    match = _ID.fullmatch(name)
    if match is None or match["id"] not in arns:
        return name
    arn = arns[match["id"]]
    if not match["session"]:
        return arn
    head, _, role = arn.partition(":role/")
    return f"{head.replace(':iam:', ':sts:', 1)}:assumed-role/{role.rpartition('/')[2]}/{match['session']}"


def _arns(connection: Connection, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    found: list[UserRow | RoleRow] = [*users.by_ids(connection, ids), *roles.by_ids(connection, ids)]
    partitions = _partitions(connection, {row.account_id for row in found})
    return {row.unique_id: row.arn(partitions[row.account_id]) for row in found}


def _partitions(connection: Connection, account_ids: set[str]) -> dict[str, str]:
    table = tables.accounts
    query = select(table.c.account_id, table.c.partition).where(table.c.account_id.in_(account_ids))
    return {str(account_id): str(partition) for account_id, partition in connection.execute(query)}


def _names(text: str) -> Iterator[str]:
    for owner in _elements(json.loads(text, parse_int=str, parse_float=str)):
        value = owner["AWS"]
        yield from value if isinstance(value, list) else [value]


def _elements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each Principal or NotPrincipal element that names principals of accounts."""
    written = policy["Statement"]
    for statement in written if isinstance(written, list) else [written]:
        for element in (statement.get("Principal"), statement.get("NotPrincipal")):
            if isinstance(element, dict) and "AWS" in element:
                yield element


def _replaced(text: str, rule: Callable[[str], str]) -> str:
    # Numbers become strings, which conditions take for the same: none is rounded or too large.
    policy = json.loads(text, parse_int=str, parse_float=str)
    for owner in _elements(policy):
        value = owner["AWS"]
        owner["AWS"] = [rule(name) for name in value] if isinstance(value, list) else rule(value)
    return json.dumps(policy, separators=(",", ":"))
