"""One line of a Condition element: an operator, a key and its values."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Literal

from moorage.policy import values
from moorage.policy.errors import PolicyError, quote
from moorage.policy.operators import OPERATORS, Operator, Test
from moorage.policy.templates import Keys

Quantifier = Literal["", "ForAllValues:", "ForAnyValue:"]

_NULL = "Null"
_IF_EXISTS = "IfExists"


class Condition:
    """Holds or does not hold for the context of a request. `operator` and `key` are as written."""

    __slots__ = ("_if_absent", "_key", "_negated", "_quantifier", "_test", "key", "operator")

    def __init__(self, shape: tuple[Quantifier, Operator, bool], key: str, test: Test) -> None:
        quantifier, operator, if_exists = shape
        self.key = key
        self.operator = f"{quantifier}{operator.name}{_IF_EXISTS if if_exists else ''}"
        self._key = key.lower()
        self._test = test
        self._negated = operator.negated
        self._quantifier = quantifier
        self._if_absent = if_exists or quantifier == "ForAllValues:" or (not quantifier and operator.negated)

    def holds(self, keys: Keys) -> bool:
        """Tell whether the condition is met.

        Several values under an operator without quantifier: a positive one asks for any of them,
        a negated one for all of them (its exact opposite). A negated comparison with a variable
        that has no value is never true.
        """
        found = keys.get(self._key)
        if not found:
            return self._if_absent
        wanted = not self._negated
        results = (self._test(value, keys) is wanted for value in found)
        if self._quantifier == "ForAllValues:" or (self._negated and not self._quantifier):
            return all(results)
        return any(results)


class NullCondition:
    """The operator Null: asks whether the request has a key at all."""

    __slots__ = ("_key", "_wanted", "key", "operator")

    def __init__(self, key: str, operands: Sequence[str]) -> None:
        self.key = key
        self.operator = _NULL
        self._key = key.lower()
        # The answers to "is it absent?" that are accepted.
        self._wanted = [_absence(operand) for operand in operands]

    def holds(self, keys: Keys) -> bool:
        """Tell whether the condition is met."""
        return (not keys.get(self._key)) in self._wanted


def _absence(operand: str) -> bool:
    absent = values.boolean(operand)
    if absent is None:
        raise PolicyError(
            f'{quote(operand)} is not "true" (the key must be absent) or "false" (it must be there).'
        )
    return absent


def build_conditions(
    operator_name: str, keys: dict[str, list[str]], *, variables: bool
) -> list[Condition | NullCondition]:
    """Compile what stands under one operator.

    Raises:
        PolicyError: unknown operator, a prefix or suffix it does not take, a key without service
            prefix, or a value of the wrong type. The message begins with the place.
    """
    shape = None if operator_name == _NULL else _read_operator(operator_name)
    built: list[Condition | NullCondition] = []
    for key, operands in keys.items():
        if ":" not in key:
            raise PolicyError(
                f"{operator_name}: {quote(key)} is no condition key; put its service first, as aws:username."
            )
        try:
            if shape is None:
                built.append(NullCondition(key, operands))
            else:
                built.append(Condition(shape, key, shape[1].build(operands, variables)))
        except PolicyError as error:
            raise PolicyError(f"{operator_name} {key}: {error.message}") from None
    return built


def _read_operator(name: str) -> tuple[Quantifier, Operator, bool]:
    quantifier: Quantifier = ""
    bare = name
    prefix, colon, rest = name.partition(":")
    if colon:
        if prefix == "ForAllValues":
            quantifier, bare = "ForAllValues:", rest
        elif prefix == "ForAnyValue":
            quantifier, bare = "ForAnyValue:", rest
        else:
            raise PolicyError(
                f"{quote(name)} begins with an unknown prefix; there are ForAllValues: and ForAnyValue:."
            )
    if_exists = bare.endswith(_IF_EXISTS)
    bare = bare.removesuffix(_IF_EXISTS)
    if bare == _NULL:
        raise PolicyError(
            f"{quote(name)}: Null takes neither prefix nor IfExists, for it already asks about absence."
        )
    operator = OPERATORS.get(bare)
    if operator is None:
        raise PolicyError(f"{quote(name)} is no condition operator.{_guess(bare)}")
    return quantifier, operator, if_exists


def _guess(name: str) -> str:
    known = {each.lower(): each for each in (*OPERATORS, _NULL)}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f" Did you mean {known[near[0]]}?" if near else ""
