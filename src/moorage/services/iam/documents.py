"""Policy documents on their way in: grammar and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.policy import PolicyError, parse
from moorage.services.iam import quotas, refusals

if TYPE_CHECKING:
    from moorage.policy.document import PolicyKind


def require_sound(
    text: str, kind: PolicyKind = "identity", *, largest: int = quotas.MANAGED_POLICY_SIZE
) -> None:
    """Refuse a document that the policy engine would not understand.

    One that is too large for every use is not even looked at: its form would take a second to check.

    Raises:
        Fault: MalformedPolicyDocument, naming the place and the remedy; LimitExceeded.
    """
    quota = "ACLSizePerRole" if kind == "trust" else "PolicySize"
    quotas.require_room(quota, largest, 0, size(text))
    try:
        parse(text, kind)
    except PolicyError as error:
        raise refusals.malformed_policy(str(error)) from error


def size(text: str) -> int:
    """Return a document's length as quotas count it: white space is free."""
    return len("".join(text.split()))
