"""The refusal of a policy that cannot be understood."""

from __future__ import annotations

_LONGEST_QUOTE = 120  # characters


class PolicyError(ValueError):
    """A policy document is malformed; the message names the place and the remedy.

    Services answer it as their model says: MalformedPolicyDocument (IAM, STS) or
    MalformedPolicyDocumentException (KMS). The message is printable, whatever the policy holds.
    """

    def __init__(self, message: str) -> None:
        self.message = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in message)
        super().__init__(self.message)


def quote(text: str) -> str:
    """Show a piece of a policy in a message: in quotes, shortened where it is long."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
