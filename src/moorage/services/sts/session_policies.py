"""What a session may be narrowed by and tagged with: checked, and measured as a token holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.auth import session_tokens
from moorage.auth.sessions import SessionWishes
from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.policy import PolicyError, parse
from moorage.storage import identities

if TYPE_CHECKING:
    from moorage.services.sts.service import Request

# Source: STS API Reference, AssumeRole. Characters of all policies, their ARNs included, as written.
POLICY_CHARACTERS = 2_048
POLICY_ARNS = 10
# What policies and tags may take up in a token, compressed. AWS has such a limit and does not tell it.
PACKED_BYTES = 2_048


def wishes(
    connection: Connection,
    request: Request,
    *,
    account_id: str,
    partition: str,
    tags: Mapping[str, str] | None = None,
    transitive_keys: tuple[str, ...] | None = None,
) -> tuple[SessionWishes, int | None]:
    """Return what a request asks of its session, and how many percent of the room for it that fills.

    None: it asks for nothing that takes room. Tags are those of the request unless given: an identity
    provider brings them in its token. Policies by ARN belong to the account, or to AWS.

    Raises:
        Fault: ValidationError, MalformedPolicyDocument, PackedPolicyTooLarge.
    """
    policies = (request["Policy"],) if "Policy" in request else ()
    arns = tuple(descriptor.get("arn", "") for descriptor in request.get("PolicyArns", ()))
    tags = requested_tags(request) if tags is None else tags
    keys = tuple(request.get("TransitiveTagKeys", ())) if transitive_keys is None else transitive_keys
    _require_policies(policies, arns)
    for arn in arns:
        if identities.managed_document(connection, partition, account_id, arn) is None:
            raise invalid(f"Policy {arn} does not exist or is not attachable.")
    require_transitive(keys, tags)
    found = SessionWishes(
        policies=policies,
        policy_arns=arns,
        tags=tags,
        transitive_keys=keys,
        minimum_characters=request.get("MinimumSessionTokenSize", 0),
    )
    return found, _packed_percent(found)


def requested_tags(request: Request) -> dict[str, str]:
    """Return the tags of a request.

    Raises:
        Fault: ValidationError: a key twice, whatever its case, or one that AWS keeps for itself.
    """
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    if len({key.lower() for key in tags}) < len(request.get("Tags", ())):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tag keys that begin with aws: are reserved.")
    return tags


def require_transitive(keys: tuple[str, ...], tags: Mapping[str, str]) -> None:
    """Refuse transitive keys that are none of the tags'.

    Raises:
        Fault: ValidationError.
    """
    if not {key.lower() for key in keys} <= {key.lower() for key in tags}:
        raise invalid("The specified transitive tag key must be included in the requested tags.")


def tag_context(tags: Mapping[str, str], transitive_keys: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that speak of the tags a session is asked to have."""
    context: dict[str, tuple[str, ...]] = {f"aws:RequestTag/{key}": (value,) for key, value in tags.items()}
    if tags:
        context["aws:TagKeys"] = tuple(tags)
    if transitive_keys:
        context["sts:TransitiveTagKeys"] = transitive_keys
    return context


def invalid(message: str) -> Fault:
    """The refusal of a request that the model allows and STS does not."""
    return Fault(VALIDATION_ERROR, message)


def _require_policies(policies: tuple[str, ...], arns: tuple[str, ...]) -> None:
    if sum(map(len, (*policies, *arns))) > POLICY_CHARACTERS:
        raise invalid(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have "
            f"length less than or equal to {POLICY_CHARACTERS}; the ARNs of policies count."
        )
    if len(arns) > POLICY_ARNS:
        raise invalid(f"A session takes at most {POLICY_ARNS} policies by ARN.")
    for text in policies:
        try:
            parse(text, "identity")
        except PolicyError as error:
            raise Fault("MalformedPolicyDocument", str(error)) from error


def _packed_percent(found: SessionWishes) -> int | None:
    fields = {"p": found.policies, "a": found.policy_arns, "g": dict(found.tags)}
    if not any(fields.values()):
        return None
    percent = -(-len(session_tokens.packed_bytes(fields)) * 100 // PACKED_BYTES)
    if percent > 100:
        raise Fault(
            "PackedPolicyTooLarge",
            f"The session's policies and tags take up {percent} % of the room there is for them, packed. "
            "Give it fewer or shorter ones.",
        )
    return percent
