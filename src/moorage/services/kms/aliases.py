"""Aliases: names for keys. To make, move or delete one takes a right on the alias and on each key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.clock import from_milliseconds
from moorage.core.faults import Fault
from moorage.crypto.key_specs import SYMMETRIC
from moorage.services.kms import names, pages, refusals
from moorage.services.kms.changes import change
from moorage.services.kms.names import Named
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import alias_target, anything, key_target
from moorage.storage import kms_aliases, kms_keys
from moorage.storage.kms_aliases import AliasRow, alias_arn
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call

ALIASES_PER_KEY = 50


def _new(call: Call, request: Mapping[str, Any]) -> list[Target]:
    alias = names.require_alias(request["AliasName"])
    return [alias_target(call, alias), _key(call, request["TargetKeyId"])]


def _moved(call: Call, request: Mapping[str, Any]) -> Iterator[Target]:
    yield alias_target(call, request["AliasName"])
    yield _standing(call, request["AliasName"])
    yield _key(call, request["TargetKeyId"])


def _gone(call: Call, request: Mapping[str, Any]) -> Iterator[Target]:
    yield alias_target(call, request["AliasName"])
    yield _standing(call, request["AliasName"])


def _key(call: Call, text: str) -> Target:
    return key_target(call, names.find(call, text, aliases=False), {}, abroad=False)


def _standing(call: Call, alias: str) -> Target:
    """The key that an alias stands for now: its policy has a say too."""
    key = call.database.ask(kms_keys.find_by_alias, call.caller.account_id, call.caller.region, alias)
    arn = alias_arn(call.caller.region, call.caller.account_id, alias)
    return key_target(call, Named(arn, call.caller.account_id, key, alias), {}, abroad=False)


@kms.operation("CreateAlias", resource=_new)
def create_alias(call: Call, request: Request) -> None:
    alias = request["AliasName"]
    with change(call, "CreateAlias", names.required(call, request["TargetKeyId"])) as (connection, key):
        refusals.require_kept(key)
        if len(kms_keys.aliases_of(connection, key)) >= ALIASES_PER_KEY:
            raise refusals.limit_exceeded("Aliases of a key", ALIASES_PER_KEY)
        now_ms = call.database.now_ms(connection)
        row = AliasRow(key.account_id, key.region, alias, key.key_id, now_ms, now_ms)
        if not kms_aliases.add(connection, row):
            raise Fault("AlreadyExistsException", f"An alias with the name {row.arn} already exists")


@kms.operation("UpdateAlias", resource=_moved)
def update_alias(call: Call, request: Request) -> None:
    with change(call, "UpdateAlias", names.required(call, request["TargetKeyId"])) as (connection, key):
        refusals.require_kept(key)
        row = _required(connection, call, request["AliasName"])
        before = kms_keys.find(connection, row.key_id)
        if before is not None and _kind(before) != _kind(key):
            raise Fault(
                "KMSInvalidStateException", "Alias cannot be changed to a key of another type or usage."
            )
        kms_aliases.point(connection, row, key.key_id, call.database.now_ms(connection))


@kms.operation("DeleteAlias", resource=_gone)
def delete_alias(call: Call, request: Request) -> None:
    """Delete an alias; what was encrypted by it stays readable, for ciphertexts name the key."""
    with change(call, "DeleteAlias", names.required(call, request["AliasName"])) as (connection, _):
        kms_aliases.remove(connection, _required(connection, call, request["AliasName"]))


@kms.operation("ListAliases", resource=anything())
def list_aliases(call: Call, request: Request) -> Answer:
    wanted = names.find(call, request["KeyId"], aliases=False) if "KeyId" in request else None
    if wanted is not None and (wanted.key is None or wanted.account_id != call.caller.account_id):
        raise wanted.missing()
    key_id = None if wanted is None or wanted.key is None else wanted.key.key_id
    with call.database.read() as connection:
        rows = kms_aliases.in_region(connection, call.caller.account_id, call.caller.region)
    return pages.paged(
        call,
        "ListAliases",
        request,
        "Aliases",
        [row for row in rows if key_id is None or row.key_id == key_id],
        key=lambda row: row.alias,
        shown=_shown,
        sizes=(pages.SHORT_DEFAULT, pages.SHORT_MOST),
    )


def _shown(row: AliasRow) -> Answer:
    return {
        "AliasName": row.alias,
        "AliasArn": row.arn,
        "TargetKeyId": row.key_id,
        "CreationDate": None if row.created_at_ms is None else from_milliseconds(row.created_at_ms),
        "LastUpdatedDate": None if row.updated_at_ms is None else from_milliseconds(row.updated_at_ms),
    }


def _kind(key: kms_keys.KmsKeyRow) -> tuple[bool, str]:
    return key.key_spec == SYMMETRIC, key.key_usage


def _required(connection: Connection, call: Call, alias: str) -> AliasRow:
    row = kms_aliases.find(connection, call.caller.account_id, call.caller.region, alias)
    if row is None:
        arn = alias_arn(call.caller.region, call.caller.account_id, alias)
        raise refusals.not_found(f"Alias {arn} is not found.")
    return row
