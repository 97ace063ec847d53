"""Policy variables: `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.

A template is read once. Filling it in puts the values between the wildcards as plain text, so that
a user who is named `*` gains nothing by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from moorage.policy.errors import PolicyError, quote
from moorage.policy.wildcards import Wild

# Context keys in lower case, each with its values. A key without values counts as absent.
Keys = Mapping[str, tuple[str, ...]]

_ESCAPES = ("*", "?", "$")
_SPECIAL = re.compile(r"[*?$]")


@dataclass(frozen=True, slots=True)
class Variable:
    """A place to be filled from the request; `key` is in lower case, `written` as the policy has it."""

    key: str
    default: str | None = None
    written: str = field(default="", compare=False)


Template = tuple[str | Wild | Variable, ...]


def read_template(text: str, *, variables: bool, wildcards: bool) -> Template:
    """Read one value of a policy.

    `variables` is false for the policy version 2008-10-17, where `${` means nothing;
    `wildcards` is false where `*` and `?` stand for themselves, as in StringEquals.

    Raises:
        PolicyError: a variable is not closed, empty or its default is not quoted.
    """
    pieces: list[str | Wild | Variable] = []
    at = 0
    while at < len(text):
        special = _SPECIAL.search(text, at)
        end = special.start() if special else len(text)
        if end > at:
            pieces.append(text[at:end])
        elif text[at] != "$":
            pieces.append(Wild(text[at]) if wildcards else text[at])
            end += 1
        elif variables and text.startswith("${", at):
            end = _closing_brace(text, at)
            pieces.append(_variable(text[at + 2 : end]))
            end += 1
        else:
            pieces.append("$")
            end += 1
        at = end
    return _joined(pieces)


def _joined(pieces: list[str | Wild | Variable]) -> Template:
    """Make one piece of each run of literal text."""
    joined: list[str | Wild | Variable] = []
    for literal, run in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if literal:
            joined.append("".join(str(piece) for piece in run))
        else:
            joined.extend(run)
    return tuple(joined)


def _closing_brace(text: str, start: int) -> int:
    quoted = False
    for at in range(start + 2, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif text[at] == "}" and not quoted:
            return at
    raise PolicyError(
        f"the variable in {quote(text)} has no closing brace; to mean a plain dollar sign write ${{$}}."
    )


def _variable(inside: str) -> str | Variable:
    if inside in _ESCAPES:
        return inside
    name, comma, rest = inside.partition(",")
    written = name.strip()
    key = written.lower()
    if ":" not in key:
        raise PolicyError(
            f"${{{inside}}} is no policy variable; name a condition key with its service, as "
            "${aws:username}."
        )
    if not comma:
        return Variable(key, written=written)
    default = rest.strip()
    if len(default) < 2 or default[0] != "'" or default[-1] != "'" or "'" in default[1:-1]:
        raise PolicyError(
            f"the default in ${{{inside}}} must stand in single quotes, as ${{aws:username, 'nobody'}}."
        )
    return Variable(key, default[1:-1], written)


def keys_in(template: Template) -> Iterator[str]:
    """Yield the names of the condition keys that a template is filled from, as they are written."""
    return (piece.written for piece in template if isinstance(piece, Variable))


def is_fixed(template: Template) -> bool:
    """Tell whether the template has no variables."""
    return not any(isinstance(piece, Variable) for piece in template)


def fill(template: Template, keys: Keys) -> list[str | Wild] | None:
    """Put values in place of the variables; None where one has no value.

    A key with more than one value has no single one to put, so it counts as unresolvable; the
    default stands in for an absent key only.
    """
    filled: list[str | Wild] = []
    for piece in template:
        if isinstance(piece, Variable):
            values = keys.get(piece.key, ())
            if len(values) > 1:
                return None
            value = values[0] if values else piece.default
            if value is None:
                return None
            filled.append(value)
        else:
            filled.append(piece)
    return filled


def text_of(filled: list[str | Wild]) -> str:
    """Join a filled template that has no wildcards."""
    return "".join(piece if isinstance(piece, str) else piece.value for piece in filled)
