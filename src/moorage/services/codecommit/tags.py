"""Tags of repositories, addressed by ARN. They work whatever state the repository's key is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.core.faults import Fault
from moorage.repos.repositories import does_not_exist
from moorage.services.codecommit import names
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, resource, tagged_resource

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        ListTagsForResourceInputTypeDef,
        TagResourceInputTypeDef,
        UntagResourceInputTypeDef,
    )

    from moorage.services.call import Call
    from moorage.storage.repositories import RepositoryRow


def _tags(request: Request) -> dict[str, str]:
    if not request["tags"]:
        raise Fault("TagsMapRequiredException", "A map of tags is required; it cannot be empty")
    return names.tags(request["tags"])


def _tag_keys(request: Request) -> list[str]:
    return names.tag_keys(request["tagKeys"])


@codecommit.operation("ListTagsForResource", resource=tagged_resource())
def list_tags_for_resource(call: Call, request: ListTagsForResourceInputTypeDef) -> dict[str, Any]:
    """Return every tag at once: 50 need no second page, so no token is given out and none is read."""
    _, tags = _required(call, request)
    return {"tags": tags}


@codecommit.operation("TagResource", resource=tagged_resource(_tags))
def tag_resource(call: Call, request: TagResourceInputTypeDef) -> None:
    row, _ = _required(call, request)
    call.repositories.tag(call.caller, row, _tags(request), limit=names.TAG_LIMIT)


@codecommit.operation("UntagResource", resource=tagged_resource(_tag_keys))
def untag_resource(call: Call, request: UntagResourceInputTypeDef) -> None:
    row, _ = _required(call, request)
    call.repositories.untag(call.caller, row, _tag_keys(request))


def _required(call: Call, request: Request) -> tuple[RepositoryRow, dict[str, str]]:
    target = resource(call, request["resourceArn"])
    # An ARN of another account must not be taken for the caller's repository of that name.
    if target.account_id != call.caller.account_id:
        raise does_not_exist(target.name)
    found = call.repositories.find(target.account_id, call.caller.region, target.name)
    if found is None:
        raise does_not_exist(target.name)
    return found
