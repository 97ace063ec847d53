"""Decisions in words."""

from __future__ import annotations

from moorage.policy.access import Access, Decision
from moorage.policy.document import NamedPolicy
from moorage.policy.principals import Outsider
from moorage.policy.statement import Statement

# AWS's wording, which tools search for. Source: IAM User Guide, "Troubleshoot access denied error
# messages".
_ARTICLES = {
    "identity-based policy": "an",
    "permissions boundary": "a",
    "session policy": "a",
    "resource-based policy": "a",
    "role trust policy": "the",
}


def explain(decision: Decision, access: Access) -> str:
    """Say it in AWS's sentence."""
    who = f"User: {_caller(access)}"
    what = f"perform: {access.action} on resource: {printable(access.resource)}"
    if decision.allowed:
        return f"{who} is authorized to {what}"
    return f"{who} is not authorized to {what} {_cause(decision, access)}"


def why(decision: Decision, access: Access) -> str:
    """Say it at length: the same sentence, then the policy and statement that decided it.

    Safe to print: control characters of names and of statement ids are left out.
    """
    return f"{explain(decision, access)}. {_detail(decision, access)}"


def _caller(access: Access) -> str:
    principal = access.principal
    if isinstance(principal, Outsider):
        return printable(principal.name) or "anonymous"
    return printable(principal.arn)


def _cause(decision: Decision, access: Access) -> str:
    if decision.reason == "explicit deny":
        return f"with an explicit deny in {_ARTICLES.get(decision.layer, 'a')} {decision.layer}"
    return f"because no {decision.layer} allows the {access.action} action"


def _detail(decision: Decision, access: Access) -> str:
    if decision.policy is not None and decision.statement is not None:
        verb = "Allowed" if decision.allowed else "Denied"
        return f"{verb} by {statement_called(decision.statement)} of {_called(decision.policy)}."
    if decision.allowed:
        return "A root user needs no identity-based policy."
    looked = f"{_called(decision.policy)} does not allow it. " if decision.policy else ""
    article = _ARTICLES.get(decision.layer, "a")
    return f"{looked}It takes {article} {decision.layer} with a statement that allows {access.action} here."


def _called(policy: NamedPolicy) -> str:
    return printable(policy.name)


def statement_called(statement: Statement) -> str:
    """Name a statement: by its Sid, or by its number in the policy."""
    sid = printable(statement.sid)
    return f'statement "{sid}"' if sid else f"statement number {statement.index}"


def printable(text: str) -> str:
    """Leave out what a terminal would obey."""
    return "".join(character for character in text if character.isprintable())
