"""Tagging, untagging and listing tags: three operations that IAM has for each kind of thing, written once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.services.iam import answers, tag_rules
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import identity_tags

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.wire.dispatch import ResourceRule

# Opens the transaction in which an operation changes the thing that a request names.
Changing = Callable[["Call", str, Request], AbstractContextManager[Connection]]
# Returns the unique id of that thing; raises the Fault of one that is not there.
IdOf = Callable[[Connection, "Call", Request], str]


def register(noun: str, *, resource: ResourceRule[Call], changing: Changing, id_of: IdOf) -> None:
    """Register the three operations of one kind: as TagUser, UntagUser and ListUserTags for `User`."""

    @iam.operation(f"Tag{noun}", resource=resource)
    def tag(call: Call, request: Request) -> None:
        tags = tag_rules.parsed(request["Tags"])
        with changing(call, f"Tag{noun}", request) as connection:
            owner_id = id_of(connection, call, request)
            tag_rules.require_room(identity_tags.of(connection, owner_id), tags)
            identity_tags.put(connection, owner_id, tags)

    @iam.operation(f"Untag{noun}", resource=resource)
    def untag(call: Call, request: Request) -> None:
        with changing(call, f"Untag{noun}", request) as connection:
            identity_tags.remove(connection, id_of(connection, call, request), request["TagKeys"])

    @iam.operation(f"List{noun}Tags", resource=resource)
    def list_tags(call: Call, request: Request) -> Answer:
        with call.database.read() as connection:
            tags = identity_tags.of(connection, id_of(connection, call, request))
        return paged(
            call,
            f"List{noun}Tags",
            request,
            "Tags",
            answers.tag_list(tags),
            key=lambda tag: identity_tags.folded(str(tag["Key"])),
            shown=lambda tag: tag,
        )
