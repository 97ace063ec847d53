"""Tags on users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.iam import answers, tag_rules, targets
from moorage.services.iam.changes import change
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import named_user
from moorage.storage import identity_tags

if TYPE_CHECKING:
    from moorage.services.call import Call


@iam.operation("TagUser", resource=targets.tagged_user)
def tag_user(call: Call, request: Request) -> None:
    tags = tag_rules.parsed(request["Tags"])
    with change(call, "TagUser", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        tag_rules.require_room(identity_tags.of(connection, user.user_id), tags)
        identity_tags.put(connection, user.user_id, tags)


@iam.operation("UntagUser", resource=targets.tagged_user)
def untag_user(call: Call, request: Request) -> None:
    with change(call, "UntagUser", user=request["UserName"]) as connection:
        user = named_user(connection, call.caller, request["UserName"])
        identity_tags.remove(connection, user.user_id, request["TagKeys"])


@iam.operation("ListUserTags", resource=targets.named_user)
def list_user_tags(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user = named_user(connection, call.caller, request["UserName"])
        tags = identity_tags.of(connection, user.user_id)
    return paged(
        call,
        "ListUserTags",
        request,
        "Tags",
        answers.tag_list(tags),
        key=lambda tag: identity_tags.folded(str(tag["Key"])),
        shown=lambda tag: tag,
    )
