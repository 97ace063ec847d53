"""Tags on users, roles, customer policies and instance profiles."""

from __future__ import annotations

from moorage.services.iam import answers, owner_targets, tag_rules
from moorage.services.iam.owners import (
    INSTANCE_PROFILE,
    POLICY,
    ROLE,
    USER,
    OwnerOperation,
    owner_operations,
)
from moorage.services.iam.pages import paged
from moorage.services.iam.service import Answer
from moorage.storage import identity_tags


@owner_operations(
    {"TagUser": USER, "TagRole": ROLE, "TagPolicy": POLICY, "TagInstanceProfile": INSTANCE_PROFILE},
    resource=owner_targets.tagged,
)
def tag(asked: OwnerOperation) -> None:
    tags = tag_rules.parsed(asked.request["Tags"])
    with asked.change() as (connection, owner):
        tag_rules.require_room(identity_tags.of(connection, owner.unique_id), tags)
        identity_tags.put(connection, owner.unique_id, tags)


@owner_operations(
    {"UntagUser": USER, "UntagRole": ROLE, "UntagPolicy": POLICY, "UntagInstanceProfile": INSTANCE_PROFILE},
    resource=owner_targets.tagged,
)
def untag(asked: OwnerOperation) -> None:
    with asked.change() as (connection, owner):
        identity_tags.remove(connection, owner.unique_id, asked.request["TagKeys"])


@owner_operations(
    {
        "ListUserTags": USER,
        "ListRoleTags": ROLE,
        "ListPolicyTags": POLICY,
        "ListInstanceProfileTags": INSTANCE_PROFILE,
    },
    resource=owner_targets.named,
)
def list_tags(asked: OwnerOperation) -> Answer:
    with asked.call.database.read() as connection:
        tags = identity_tags.of(connection, asked.owner(connection).unique_id)
    return paged(
        asked.call,
        asked.name,
        asked.request,
        "Tags",
        answers.tag_list(tags),
        key=lambda tag: identity_tags.folded(str(tag["Key"])),
        shown=lambda tag: tag,
    )
