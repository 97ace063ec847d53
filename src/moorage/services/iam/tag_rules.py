"""The rules tags must keep, for users and policies alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moorage.services.iam import quotas, refusals
from moorage.storage.identity_tags import folded

# What only AWS itself may set.
RESERVED_PREFIX = "aws:"


def parsed(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return a request's tags by key.

    Raises:
        Fault: InvalidInput for a key given twice (case is ignored) or a reserved one.
    """
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if len({folded(key) for key in found}) != len(tags):
        raise refusals.invalid_input(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    for key in found:
        if key.lower().startswith(RESERVED_PREFIX):
            raise refusals.invalid_input(f"Tag keys must not start with {RESERVED_PREFIX}, unlike {key}.")
    return found


def require_room(existing: Mapping[str, str], more: Mapping[str, str]) -> None:
    """Refuse more tags than a thing may have.

    Raises:
        Fault: LimitExceeded.
    """
    keys = {folded(key) for key in (*existing, *more)}
    quotas.require_room("TagsPerResource", quotas.TAGS_PER_RESOURCE, 0, len(keys))
