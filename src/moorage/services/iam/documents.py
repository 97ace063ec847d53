"""Policy documents on their way in: grammar and size."""

from __future__ import annotations

from moorage.policy import PolicyError, parse
from moorage.services.iam import refusals


def require_sound(text: str) -> None:
    """Refuse a document that the policy engine would not understand.

    Raises:
        Fault: MalformedPolicyDocument, naming the place and the remedy.
    """
    try:
        parse(text, "identity")
    except PolicyError as error:
        raise refusals.malformed_policy(str(error)) from error


def size(text: str) -> int:
    """Return a document's length as quotas count it: white space is free."""
    return len("".join(text.split()))
