"""How `moorage why` shows an answer: for people, and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from moorage.policy import text_of
from moorage.policy.explain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from moorage.policy import Explanation, LayerReport, Match
    from moorage.repos.why import Answer


def as_text(answer: Answer) -> str:
    """Return an answer for people, ending in a newline."""
    return fit_to_print(_lines(answer))


def fit_to_print(lines: Iterable[str]) -> str:
    """Return lines as text, without what a terminal would obey: names and policies hold anything."""
    cut = (part for line in lines for part in (line.split("\n") if line else [""]))
    return "".join(f"{printable(part)}\n" for part in cut)


def as_json(answer: Answer) -> str:
    """Return an answer as one JSON object on a line."""
    shown = _explained(answer.explanation) | {"allowed": answer.allowed}
    if answer.granted_by:
        shown["grant"] = answer.granted_by
    if answer.exists is not None:
        shown["repositoryExists"] = answer.exists
    if answer.key_arn:
        shown["key"] = {"arn": answer.key_arn, "allowed": answer.key_refusal is None}
    if answer.key_refusal is not None:
        shown["key"] |= {"error": answer.key_refusal.code, "message": answer.key_refusal.message}
    if answer.key_explanation is not None:
        shown["key"] |= {"explanation": _explained(answer.key_explanation)}
    return json.dumps(shown) + "\n"


def _lines(answer: Answer) -> Iterator[str]:
    yield "ALLOWED" if answer.allowed else "DENIED"
    if answer.granted_by:
        yield f"Grant {answer.granted_by} of the key allows it. Without it:"
    yield from _explanation_lines(answer.explanation)
    if answer.exists is False:
        yield "There is no such repository: an allowed request would be told so."
    if not answer.key_arn:
        return
    yield ""
    if answer.key_refusal is None:
        yield f"The encryption key {answer.key_arn} may be used."
        return
    yield f"The encryption key {answer.key_arn} refuses: {answer.key_refusal.code}"
    if answer.key_explanation is None:
        yield answer.key_refusal.message
    else:
        yield from _explanation_lines(answer.key_explanation)


def _explanation_lines(explanation: Explanation) -> Iterator[str]:
    yield explanation.sentence
    yield ""
    for layer in explanation.layers:
        yield f"{layer.layer + ':':<24}{layer.verdict}{_because(layer)}"
    decision = explanation.decision
    if decision.policy is not None and decision.statement is not None:
        yield ""
        sid = (
            f'"{decision.statement.sid}"' if decision.statement.sid else f"number {decision.statement.index}"
        )
        yield f"Decided by statement {sid} of {decision.policy.name}:"
        yield textwrap.indent(_tidy(text_of(decision.policy, decision.statement)), "    ")
    if explanation.missing:
        yield ""
        yield "Condition keys that policies ask for and the request has not: " + ", ".join(
            explanation.missing
        )
    if explanation.remedies:
        yield ""
        yield "To allow it:"
        for remedy in explanation.remedies:
            yield f"  - {remedy}"


def _because(layer: LayerReport) -> str:
    count = len(layer.policies)
    if not layer.matching:
        return f" ({count} {'policy' if count == 1 else 'policies'})" if layer.layer != "root user" else ""
    first = next((match for match in layer.matching if match.statement.effect == "Deny"), layer.matching[0])
    return f" ({_called(first)} of {first.policy.name})"


def _called(match: Match) -> str:
    return f'"{match.statement.sid}"' if match.statement.sid else f"statement {match.statement.index}"


def _tidy(statement: str) -> str:
    return json.dumps(json.loads(statement), indent=2)


def _explained(explanation: Explanation) -> dict[str, Any]:
    access, decision = explanation.access, explanation.decision
    shown: dict[str, Any] = {
        "action": access.action,
        "resource": access.resource,
        "decision": decision.reason,
        "layer": decision.layer,
        "message": explanation.sentence,
        "layers": [
            {
                "layer": layer.layer,
                "decision": layer.verdict,
                "policies": [policy.name for policy in layer.policies],
                "statements": [_statement(match) for match in layer.matching],
            }
            for layer in explanation.layers
        ],
        "missingContextKeys": list(explanation.missing),
        "remedies": list(explanation.remedies),
        "context": {key: list(values) for key, values in sorted(access.context.items())},
    }
    if decision.policy is not None:
        shown["policy"] = decision.policy.name
        if decision.statement is not None:
            shown["statement"] = {
                "sid": decision.statement.sid,
                "number": decision.statement.index,
                "text": json.loads(text_of(decision.policy, decision.statement)),
            }
    return shown


def _statement(match: Match) -> dict[str, Any]:
    statement = match.statement
    return {
        "policy": match.policy.name,
        "sid": statement.sid,
        "number": statement.index,
        "effect": statement.effect,
    }
