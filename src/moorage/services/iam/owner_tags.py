"""Tags on users, roles, customer policies and instance profiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import owner_targets, tag_operations
from moorage.services.iam.owners import INSTANCE_PROFILE, POLICY, ROLE, USER, AnyKind, changed

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.iam.service import Request


def _register(kind: AnyKind) -> None:
    @contextmanager
    def changing(call: Call, operation: str, request: Request) -> Iterator[Connection]:
        with changed(call, operation, kind, request) as (connection, _):
            yield connection

    def id_of(connection: Connection, call: Call, request: Request) -> str:
        return kind.named(connection, call.caller, request[kind.key]).unique_id

    tag_operations.register(kind.noun, resource=owner_targets.tagged(kind), changing=changing, id_of=id_of)


for _kind in (USER, ROLE, POLICY, INSTANCE_PROFILE):
    _register(_kind)
