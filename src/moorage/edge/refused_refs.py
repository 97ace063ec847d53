"""Why single refs of a push were refused, told to git and to the person before it.

Git prints a ref's own reason in one short line behind the ref. What a policy decided has more to
it, so where the client takes messages they tell it in full, and the ref's line keeps AWS's sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moorage.core.faults import Fault
from moorage.edge.git_refusals import reason_of

_NAMES = 5  # of refs refused for the same reason, as many are named
_REASONS = 20  # a push of 4,000 refs may be refused for as many


def reasons(refused: Mapping[bytes, str], denied: Sequence[Fault], *, in_full: bool) -> Mapping[bytes, str]:
    """Return the reason that goes behind each ref: what policies decided, `in_full` or as AWS says it."""
    if in_full:
        return refused
    short = {str(fault.detail.get("why", fault.message)): fault.message for fault in denied}
    return {name: short.get(reason, reason) for name, reason in refused.items()}


def messages(refused: Mapping[bytes, str], denied: Sequence[Fault]) -> list[str]:
    """Return what people are told of the refs that policies refused: the refs, then why, each once."""
    names: dict[str, list[str]] = {}
    for name, reason in refused.items():
        names.setdefault(reason, []).append(name.decode(errors="replace"))
    faults = {str(fault.detail.get("why", fault.message)): fault for fault in denied}
    told = [(names[full], fault) for full, fault in faults.items() if full in names]
    return [f"{_listed(of)}: {reason_of(fault)}" for of, fault in told[:_REASONS]]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
