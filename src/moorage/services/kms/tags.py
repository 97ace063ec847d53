"""Tags of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.services.kms import names, pages, refusals
from moorage.services.kms.changes import change
from moorage.services.kms.service import Answer, Request, kms
from moorage.services.kms.targets import on_key
from moorage.storage import kms_tags

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.kms.targets import Context

TAGS_PER_KEY = 50


def parsed(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return a request's tags.

    Raises:
        Fault: TagException, for a key given twice, a reserved one, or too many.
    """
    given = list(tags)
    found = {tag["TagKey"]: tag["TagValue"] for tag in given}
    if len(found) != len(given):
        raise Fault("TagException", "Duplicate tag keys")
    if any(key.lower().startswith("aws:") for key in found):
        raise Fault("TagException", "Tag keys must not start with aws:")
    _require_room(found)
    return found


def about(request: Mapping[str, Any]) -> Context:
    """The condition keys of tags that a request brings, or takes away."""
    given = {tag["TagKey"]: tag["TagValue"] for tag in request.get("Tags", ())}
    keys: dict[str, tuple[str, ...]] = {f"aws:RequestTag/{key}": (value,) for key, value in given.items()}
    if every := (*given, *request.get("TagKeys", ())):
        keys["aws:TagKeys"] = every
    return keys


@kms.operation("TagResource", resource=on_key(about))
def tag_resource(call: Call, request: Request) -> None:
    given = parsed(request["Tags"])
    with change(call, "TagResource", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        _require_room(kms_tags.of(connection, key.key_id) | given)
        kms_tags.put(connection, key.key_id, given)


@kms.operation("UntagResource", resource=on_key(about))
def untag_resource(call: Call, request: Request) -> None:
    with change(call, "UntagResource", names.required(call, request["KeyId"])) as (connection, key):
        refusals.require_kept(key)
        kms_tags.remove(connection, key.key_id, request["TagKeys"])


@kms.operation("ListResourceTags", resource=on_key())
def list_resource_tags(call: Call, request: Request) -> Answer:
    key = names.required(call, request["KeyId"])
    with call.database.read() as connection:
        found = kms_tags.of(connection, key.key_id)
    return pages.paged(
        call,
        "ListResourceTags",
        request,
        "Tags",
        found.items(),
        key=lambda pair: pair[0],
        shown=lambda pair: {"TagKey": pair[0], "TagValue": pair[1]},
        sizes=(pages.SHORT_DEFAULT, pages.SHORT_DEFAULT),
    )


def _require_room(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_PER_KEY:
        raise Fault("TagException", f"Too many tags: a key has at most {TAGS_PER_KEY}")
